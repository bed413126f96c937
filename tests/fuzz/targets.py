"""What the fuzzers feed: each path that a peer's bytes take before anything is known of them.

A target returns quietly, or raises. What it may swallow is the one error that its path is
meant to answer with; everything else is a finding.
"""

from __future__ import annotations

import atexit
import io
import logging
import shutil
import socket
import struct
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import (
    PresentationContext,
    build_context,
    negotiate_as_acceptor,
)
from pynetdicom.transport import AddressInformation

from config.receiving import ScpSettings
from node.dicom.eligibility import check
from node.dicom.header import facts
from node.dicom.identity import check_same_identity
from node.dicom.integrity import check_part10
from node.dicom.sop_classes import TRANSFER_SYNTAXES
from node.dicom.uids import IMPLEMENTATION_CLASS_UID
from node.errors import UnreadableDataSet
from node.scp.admission import Load, decide
from node.scp.associations import caller_of
from node.scp.bounded_socket import MAXIMUM_LENGTH, BoundedSocket
from node.scp.contexts import accepted_contexts
from node.scp.file_meta import part10_head
from node.scp.incoming import SpoolingProvider, is_uid
from node.scp.requests import ConnectionRefused, read_request
from node.store.quota import Room
from node.store.spool import Spool
from node.upper_layer.association import EventDrivenAssociation
from tests import pdus
from tests.receiving import MG
from tests.receiving import UID as INSTANCE

SECONDS: Final = 10.0
"""Longest that one input may take; each takes milliseconds."""
MIB: Final = 768
"""Most memory of a process that fuzzes: a deflated data set may have 512 MiB, in pieces."""
MOST_BYTES: Final = 16 * 1024
"""Of one input."""

_SYNTAXES: Final = tuple(TRANSFER_SYNTAXES)
_OPEN: Final = 1 << 16
_SCP: Final = ScpSettings()
_MOST_STEPS: Final = 10_000


def data_set(data: bytes) -> None:
    """Check a whole file, or a data set behind good file meta, as the SCP does."""
    if not data.startswith(bytes(8)):
        syntax = _SYNTAXES[data[0] % len(_SYNTAXES)] if data else _SYNTAXES[0]
        head = part10_head(sop_class=MG, sop_instance=INSTANCE, transfer_syntax=syntax)
        data = head + data[1:]
    try:
        header = check_part10(io.BytesIO(data), len(data))
    except UnreadableDataSet:
        return
    found = facts(header)
    assert found.sop_instance_uid
    check(header)
    check_same_identity([header])


def connection(data: bytes) -> None:
    """Take the bytes of a whole connection, from A-ASSOCIATE-RQ to its end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        theirs.send(data[:_OPEN])
        theirs.shutdown(socket.SHUT_WR)
        try:
            request = read_request(ours, time.monotonic() + SECONDS)
        except ConnectionRefused:
            return
        if request:
            _converse(_acceptor(ours, request))


def negotiation(data: bytes) -> None:
    """Take what stands in an A-ASSOCIATE-RQ behind its fixed part."""
    head = struct.pack(">HH", 1, 0) + b"MGNODE".ljust(16) + b"FUZZER".ljust(16) + bytes(32)
    connection(pdus.pdu(pdus.ASSOCIATE_RQ, head + data))


def command_set(data: bytes) -> None:
    """Take a command set, and behind it some bytes of a data set, on an open association."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        association = _acceptor(ours)
        association._accepted_cx = _accepted()
        length = data[0] if data else 0
        primitive = P_DATA()
        primitive.presentation_data_value_list = [
            [1, b"\3" + data[1 : len(data) - length]],
            [1, b"\2" + data[len(data) - length :]],
        ]
        try:
            association.dimse.receive_primitive(primitive)
            _look_at_messages(association)
        finally:
            association.dimse.discard_all()


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    target.__name__: target for target in (data_set, connection, negotiation, command_set)
}


@cache
def _contexts() -> list[PresentationContext]:
    return accepted_contexts()


@cache
def _entity() -> AE:
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
    entity = AE("MGNODE")
    entity.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    entity.maximum_pdu_size = MAXIMUM_LENGTH
    return entity


def _acceptor(ours: socket.socket, request: bytes = b"") -> EventDrivenAssociation:
    """Make an association as ``node.scp.connection`` does, which no thread runs."""
    association = EventDrivenAssociation(_entity(), "acceptor")
    association.set_socket(BoundedSocket(association, ours, request=request, pdu_seconds=SECONDS))
    acceptor = association.acceptor
    acceptor.maximum_length = MAXIMUM_LENGTH
    acceptor.ae_title = "MGNODE"
    acceptor.implementation_class_uid = _entity().implementation_class_uid
    acceptor.address_info = AddressInformation("127.0.0.1", 104)
    acceptor.supported_contexts = _contexts()
    association.requestor.address_info = AddressInformation("127.0.0.1", 4711)
    association.use_provider(
        SpoolingProvider(
            association,
            _spool(),
            admit_image=lambda: None,
            room=Room(_spool().folder, 0.0),
            data_set_timeout_seconds=SECONDS,
        )
    )
    return association


@cache
def _spool() -> Spool:
    folder = Path(tempfile.mkdtemp(prefix="mgnode-fuzz-"))
    spool = Spool(folder, "fuzz")
    spool.open()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return spool


def _converse(association: EventDrivenAssociation) -> None:
    """Do by turns what the two threads of an association do, until nothing is left to do."""
    dul = association.dul
    try:
        for _ in range(_MOST_STEPS):
            dul._take_one_step()
            _serve(association)
            if dul._is_over() or (dul.state_machine.current_state, dul.socket) == ("Sta1", None):
                return
        raise AssertionError("a connection that never ends")
    finally:
        association.dimse.discard_all()


def _serve(association: EventDrivenAssociation) -> None:
    """Answer the request, once, and look at what was received on the association."""
    if association.requestor.primitive is None:
        association.requestor.primitive = association.dul.receive_pdu()
        asked = association.requestor.primitive is not None
        if asked and decide(caller_of(association), _SCP, Load()) is None:
            association.acse.negotiate_association()
        return
    _look_at_messages(association)
    if association.acse.is_release_requested():
        association.acse.send_release(is_response=True)


def _look_at_messages(association: EventDrivenAssociation) -> None:
    while not association.dimse.msg_queue.empty():
        context, message = association.dimse.get_msg()
        if message is None or context is None:  # the connection is over
            return
        if message.is_valid_request and isinstance(message, C_STORE):
            is_uid(str(message.AffectedSOPInstanceUID))
        association._accepted_cx.get(context)


@cache
def _accepted() -> dict[int, PresentationContext]:
    asked = build_context(MG, [pdus.EXPLICIT])
    asked.context_id = 1
    (accepted,), _ = negotiate_as_acceptor([asked], _contexts())
    return {1: accepted}
