"""A small receiving PACS: a real Storage SCP that keeps what it gets as files.

It stands in for the department's archive in ``mgnode demo``. It answers success after
the file is written, but without fsync: nobody's diagnosis hangs on it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from pynetdicom.events import Event
from pynetdicom.transport import ThreadedAssociationServer

from config.sending import Destination
from node.dicom.sop_classes import VERIFICATION
from node.errors import StopError, TransientFailure

SUCCESS: Final = 0x0000
OUT_OF_RESOURCES: Final = 0xA700
"""PS3.4 B.2.3, table B.2-1."""


@dataclass(frozen=True, slots=True)
class ReceivedObject:
    """One SOP instance that arrived; ``arrivals`` counts how often it did.

    ``path`` is its Part 10 file, of the last arrival. ``arrived_at`` is the time of its
    first arrival on the monotonic clock.
    """

    sop_instance_uid: str
    sop_class_uid: str
    calling_ae: str
    path: Path
    arrived_at: float
    arrivals: int = 1


class ReceivingPacs:
    """A Storage SCP on loopback, from entering the context until leaving it.

    Parameters
    ----------
    folder : Path
        Is made; gets one file for each SOP Instance UID, named by order of arrival
        (a peer's UID is never a path).
    port : int
        0 picks a free one; see `destination`.
    """

    def __init__(
        self, folder: Path, *, ae_title: str = "DEMOPACS", host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._folder = folder
        self._ae_title = ae_title
        self._address = (host, port)
        self._changed = threading.Condition()
        self._received: dict[str, ReceivedObject] = {}
        self._ae = AE(ae_title)

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._ae.maximum_pdu_size = 0
        self._ae.maximum_associations = 20
        for context in AllStoragePresentationContexts:
            self._ae.add_supported_context(str(context.abstract_syntax), ALL_TRANSFER_SYNTAXES)
        self._ae.add_supported_context(VERIFICATION)
        try:
            started = self._ae.start_server(
                self._address,
                block=False,
                evt_handlers=[
                    (evt.EVT_CONN_OPEN, _send_at_once),
                    (evt.EVT_C_ECHO, _echo),
                    (evt.EVT_C_STORE, self._store),
                ],
            )
        except OSError as error:
            raise StopError(f"the demo's PACS cannot listen on {self._address}: {error}") from error
        # start_server gives None only when it blocks.
        server = cast(ThreadedAssociationServer, started)
        self._address = server.server_address[:2]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ae.shutdown()

    @property
    def destination(self) -> Destination:
        """How the node reaches it; the port is known once the context is entered."""
        host, port = self._address
        return Destination(ae_title=self._ae_title, host=host, port=port)

    @property
    def received(self) -> tuple[ReceivedObject, ...]:
        """What arrived until now, each SOP Instance UID once, in order of first arrival."""
        with self._changed:
            return tuple(self._received.values())

    def wait_for(
        self,
        condition: Callable[[tuple[ReceivedObject, ...]], bool],
        *,
        timeout_seconds: float,
    ) -> tuple[ReceivedObject, ...]:
        """Wait until ``condition`` holds for `received`, and return that.

        Raises
        ------
        TransientFailure
            If it does not hold within ``timeout_seconds``.
        """
        with self._changed:
            if not self._changed.wait_for(
                lambda: condition(tuple(self._received.values())), timeout_seconds
            ):
                raise TransientFailure(
                    f"after {timeout_seconds:g} s the PACS holds {len(self._received)} object(s), "
                    "not what was waited for"
                )
            return tuple(self._received.values())

    def _store(self, event: Event) -> int:
        meta = event.file_meta
        uid, sop_class = str(meta.MediaStorageSOPInstanceUID), str(meta.MediaStorageSOPClassUID)
        with self._changed:
            known = self._received.get(uid)
            path = known.path if known else self._folder / f"{len(self._received) + 1:04d}.dcm"
            try:
                partial = path.with_suffix(".part")
                partial.write_bytes(event.encoded_dataset())
                partial.replace(path)
            except OSError:
                return OUT_OF_RESOURCES
            self._received[uid] = (
                replace(known, arrivals=known.arrivals + 1)
                if known
                else ReceivedObject(
                    sop_instance_uid=uid,
                    sop_class_uid=sop_class,
                    calling_ae=event.assoc.requestor.ae_title,
                    path=path,
                    arrived_at=time.monotonic(),
                )
            )
            self._changed.notify_all()
        return SUCCESS


def _echo(event: Event) -> int:  # noqa: ARG001 - pynetdicom passes the event by name
    return SUCCESS


def _send_at_once(event: Event) -> None:
    # Without TCP_NODELAY each C-STORE answer waits 40 ms for the peer's delayed ACK.
    sock = event.assoc.dul.socket
    if sock is not None and sock.socket is not None:
        with contextlib.suppress(OSError):  # the peer has gone already
            sock.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
