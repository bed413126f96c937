"""Peers that misbehave: each does one thing that must neither be stored nor disturb the others."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random
from typing import Final

from benchmarks.soak.images import Image
from benchmarks.soak.ledger import Ledger
from benchmarks.soak.senders import MG
from config.sending import Destination
from tests.pdus import P_DATA, associate_rq, c_store_rq, pdu
from tests.peer import RawRequestor

SECONDS: Final = 45.0
"""A peer that hangs waits this long for the node to close."""


def _connects_and_leaves(line: RawRequestor, _node: Destination, _image: Image) -> None:
    line.socket.close()


def _asks_for_a_web_page(line: RawRequestor, node: Destination, _image: Image) -> None:
    line.send(f"GET / HTTP/1.1\r\nHost: {node.host}\r\n\r\n".encode())
    line.is_closed()


def _announces_four_gigabytes(line: RawRequestor, _node: Destination, _image: Image) -> None:
    line.send(struct.pack(">BxL", 1, 0xFFFFFFFF) + bytes(100))
    line.is_closed()


def _stops_amid_its_request(line: RawRequestor, node: Destination, _image: Image) -> None:
    request = associate_rq([(MG, [_image.transfer_syntax_uid])], called=node.ae_title)
    line.send(request[: len(request) // 2])
    line.is_closed()


def _has_a_wrong_title(line: RawRequestor, _node: Destination, image: Image) -> None:
    line.associate((MG, [image.transfer_syntax_uid]), called="NOBODY")


def _stops_amid_a_pdu(line: RawRequestor, node: Destination, image: Image) -> None:
    announce(line, node, image)
    line.send(pdu(P_DATA, bytes(4000))[:2000])
    line.is_closed()


def _aborts_amid_an_image(line: RawRequestor, node: Destination, image: Image) -> None:
    announce(line, node, image)
    line.send_data_set(image.data_set[: len(image.data_set) // 2], last=False)
    line.abort()


def _resets_amid_an_image(line: RawRequestor, node: Destination, image: Image) -> None:
    announce(line, node, image)
    line.send_data_set(image.data_set[: len(image.data_set) // 2], last=False)
    line.reset()


def _announces_another_uid(line: RawRequestor, node: Destination, image: Image) -> int:
    line.associate((MG, [image.transfer_syntax_uid]), called=node.ae_title)
    other = image.sop_instance_uid[:-1] + ("1" if image.sop_instance_uid[-1] != "1" else "2")
    return line.store(image.data_set, sop_class=MG, sop_instance=other)[0]


def _sends_half_an_image(line: RawRequestor, node: Destination, image: Image) -> int:
    return _send_bytes(line, node, image, image.data_set[: len(image.data_set) // 2])


def _sends_noise(line: RawRequestor, node: Destination, image: Image) -> int:
    noise = Random(image.sop_instance_uid).randbytes(20_000)  # noqa: S311 - noise, no secret
    return _send_bytes(line, node, image, noise)


def announce(line: RawRequestor, node: Destination, image: Image) -> None:
    """Associate and send a C-STORE-RQ; its data set is due."""
    line.associate((MG, [image.transfer_syntax_uid]), called=node.ae_title)
    line.send_pdv(1, c_store_rq(MG, image.sop_instance_uid), is_command=True)


def _send_bytes(line: RawRequestor, node: Destination, image: Image, data_set: bytes) -> int:
    line.associate((MG, [image.transfer_syntax_uid]), called=node.ae_title)
    return line.store(data_set, sop_class=MG, sop_instance=image.sop_instance_uid)[0]


INTRUSIONS: Final[dict[str, Callable[[RawRequestor, Destination, Image], int | None]]] = {
    "connects and leaves": _connects_and_leaves,
    "asks for a web page": _asks_for_a_web_page,
    "announces a PDU of 4 GiB": _announces_four_gigabytes,
    "stops amid its A-ASSOCIATE-RQ": _stops_amid_its_request,
    "calls another AE title": _has_a_wrong_title,
    "stops amid a P-DATA-TF": _stops_amid_a_pdu,
    "aborts amid an image": _aborts_amid_an_image,
    "resets the connection amid an image": _resets_amid_an_image,
    "announces another UID than the image has": _announces_another_uid,
    "sends half an image as a whole one": _sends_half_an_image,
    "sends noise": _sends_noise,
}


def intrude(kind: str, node: Destination, image: Image, ledger: Ledger) -> None:
    """Let one peer misbehave with an image that nobody else sends."""
    status: int | None = None
    try:
        with RawRequestor((node.host, node.port), seconds=SECONDS) as line:
            status = INTRUSIONS[kind](line, node, image)
    except (OSError, EOFError, AssertionError):
        pass  # the node closed, or is down just now: both are its right
    ledger.note_intrusion(kind, uid=image.sop_instance_uid, status=status)
