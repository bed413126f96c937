"""Where results go: DCMTK's storescp, which gets killed, and a PACS that has its moods."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import subprocess
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, cast

from pydicom import dcmread
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from pynetdicom.events import Event

from config.sending import Destination
from node.demo.pacs import ReceivingPacs
from node.dicom.sop_classes import VERIFICATION
from tests.part10_files import data_set_digest
from tests.requirements import program
from tests.servers import Server, free_port

if TYPE_CHECKING:
    from io import BytesIO

    from pynetdicom.dimse_primitives import C_STORE

OUT_OF_RESOURCES: Final = 0xA700
SUCCESS: Final = 0x0000


class Archive(Protocol):
    """A destination that can be asked at the end what it holds."""

    @property
    def destination(self) -> Destination:
        """Where it listens."""

    def held(self) -> dict[str, str]:
        """SOP Instance UID -> SHA-256 of the data set."""

    def arrivals(self) -> Counter[str] | None:
        """How often each was answered success; None where that cannot be told."""


class StoreScp(Server):
    """DCMTK's storescp, which can be killed amid an object."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.received = folder / "received"
        self.received.mkdir(parents=True)

    @property
    def destination(self) -> Destination:
        """Where it listens."""
        return Destination(ae_title="STORESCP", host="127.0.0.1", port=self.port)

    def arguments(self) -> list[str]:
        """Return the command line, in the foreground."""
        # +B: the data set as it came; a second arrival of a UID replaces the first.
        where = ["+B", "-od", str(self.received), "-aet", "STORESCP"]
        return [str(program("storescp")), "--accept-all", *where, str(self.port)]

    def is_ready(self) -> bool:
        """Say whether it answers C-ECHO."""
        echo = [str(program("echoscu")), "127.0.0.1", str(self.port)]
        return subprocess.run(echo, capture_output=True, check=False).returncode == 0  # noqa: S603 - no shell

    def held(self) -> dict[str, str]:
        """SOP Instance UID -> SHA-256 of the data set."""
        found = {}
        for path in self.received.iterdir():
            uid = str(dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)
            found[uid] = data_set_digest(path)
        return found

    def arrivals(self) -> Counter[str] | None:
        """Nobody counts them: a second file of a UID replaces the first."""
        return None


class SteadyPacs(ReceivingPacs):
    """The demo's PACS, which is always there."""

    def held(self) -> dict[str, str]:
        """SOP Instance UID -> SHA-256 of the data set."""
        return {item.sop_instance_uid: data_set_digest(item.path) for item in self.received}

    def arrivals(self) -> Counter[str] | None:
        """How often each arrived."""
        return Counter({item.sop_instance_uid: item.arrivals for item in self.received})


class MoodyPacs:
    """A PACS that is away at times, and at times refuses or aborts; it keeps digests alone."""

    def __init__(self) -> None:
        self.mood = "takes"
        self._port = free_port()
        self._lock = threading.Lock()
        self._held: dict[str, str] = {}
        self._arrivals: Counter[str] = Counter()
        self.digests_that_changed: list[str] = []
        self._server: Any = None
        self._ae = AE("MOODY")
        for context in AllStoragePresentationContexts:
            self._ae.add_supported_context(str(context.abstract_syntax), ALL_TRANSFER_SYNTAXES)
        self._ae.add_supported_context(VERIFICATION)

    def __enter__(self) -> Self:
        self.come()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()

    @property
    def destination(self) -> Destination:
        """Where it listens."""
        return Destination(ae_title="MOODY", host="127.0.0.1", port=self._port)

    def come(self) -> None:
        """Listen."""
        if self._server is None:
            handlers: list[Any] = [
                (evt.EVT_CONN_OPEN, _send_at_once),
                (evt.EVT_C_STORE, self._store),
            ]
            self._server = self._ae.start_server(
                ("127.0.0.1", self._port), block=False, evt_handlers=handlers
            )

    def leave(self) -> None:
        """Abort what is going on, and listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    def held(self) -> dict[str, str]:
        """SOP Instance UID -> SHA-256 of the data set."""
        with self._lock:
            return dict(self._held)

    def arrivals(self) -> Counter[str] | None:
        """How often each was answered success."""
        with self._lock:
            return self._arrivals.copy()

    def _store(self, event: Event) -> int:
        if self.mood == "refuses":
            return OUT_OF_RESOURCES
        if self.mood == "aborts":
            event.assoc.abort()
            return OUT_OF_RESOURCES
        request = cast("C_STORE", event.request)
        digest = hashlib.sha256(cast("BytesIO", request.DataSet).getvalue()).hexdigest()
        uid = str(request.AffectedSOPInstanceUID)
        with self._lock:
            if self._held.setdefault(uid, digest) != digest:
                self.digests_that_changed.append(uid)
            self._arrivals[uid] += 1
        return SUCCESS


def _send_at_once(event: Event) -> None:
    # Without TCP_NODELAY each answer waits 40 ms for the peer's delayed ACK.
    line = event.assoc.dul.socket
    if line is not None and line.socket is not None:
        with contextlib.suppress(OSError):  # the peer has gone already
            line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
