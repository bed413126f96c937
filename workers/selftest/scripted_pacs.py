"""A receiving PACS that answers as it is told, and remembers every byte that it took."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from pydicom import Dataset
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.events import Event

from node.dicom.commitment import NO_SUCH_OBJECT, PUSH_MODEL, PUSH_MODEL_INSTANCE
from node.scu.outcome import Outcome, classify
from node.scu.query import STUDY_ROOT_FIND

AE_TITLE: Final = "SELFTEST"
_SUCCESS: Final = 0x0000
_PENDING: Final = 0xFF00
_KEPT, _NOT_ALL_KEPT = 1, 2
"""Event types of a commitment report (PS3.4 J.3.3)."""


@dataclass
class Behaviour:
    """What it answers; the default is a PACS that is well.

    ``reason`` is the Failure Reason that its commitment reports give, 0 for none; ``reports``
    says whether it reports at all. What ``keeps_nothing`` takes with success is gone at once.
    """

    store_status: int = _SUCCESS
    action_status: int = _SUCCESS
    find_status: int = _SUCCESS
    reason: int = 0
    reports: bool = True
    keeps_nothing: bool = False


@dataclass
class ScriptedPacs:
    """A Storage, Storage Commitment and Query SCP on loopback, from entering until leaving.

    ``arrivals`` has the SHA-256 of each data set that was taken, by SOP Instance UID;
    ``kept`` are the UIDs that it still has.
    """

    behaviour: Behaviour = field(default_factory=Behaviour)
    arrivals: dict[str, list[str]] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._ae = AE(AE_TITLE)
        self._ae.maximum_pdu_size = 0
        self._ae.maximum_associations = 100
        for context in AllStoragePresentationContexts:
            self._ae.add_supported_context(str(context.abstract_syntax))
        self._ae.add_supported_context(PUSH_MODEL)
        self._ae.add_supported_context(STUDY_ROOT_FIND)
        handlers: list[Any] = [
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_N_ACTION, self._on_request),
            (evt.EVT_C_FIND, self._on_query),
        ]
        server: Any = self._ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.address: tuple[str, int] = server.server_address[:2]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ae.shutdown()

    def forget(self) -> None:
        """Be a new PACS, which is well."""
        with self._lock:
            self.behaviour = Behaviour()
            self.arrivals = {}
            self.kept = set()

    def memory(self) -> tuple[dict[str, list[str]], set[str]]:
        """Give a copy of all that it took and has."""
        with self._lock:
            return {uid: list(each) for uid, each in self.arrivals.items()}, set(self.kept)

    def remember(self, memory: tuple[dict[str, list[str]], set[str]]) -> None:
        """Go back to a state that ``memory`` gave, and be well."""
        with self._lock:
            self.behaviour = Behaviour()
            self.arrivals = {uid: list(each) for uid, each in memory[0].items()}
            self.kept = set(memory[1])

    def _on_store(self, event: Event) -> int:
        status = self.behaviour.store_status
        if classify(status) is Outcome.DELIVERED:
            request: Any = event.request
            uid = str(request.AffectedSOPInstanceUID)
            digest = hashlib.sha256(request.DataSet.getvalue()).hexdigest()
            with self._lock:
                self.arrivals.setdefault(uid, []).append(digest)
                if not self.behaviour.keeps_nothing:
                    self.kept.add(uid)
        return status

    def _on_request(self, event: Event) -> tuple[int, None]:
        behaviour = self.behaviour
        if behaviour.action_status == _SUCCESS and behaviour.reports:
            request = event.action_information
            # Its own answer goes first; the report waits for the association's reactor.
            threading.Thread(
                target=self._report, args=(event.assoc, request, behaviour.reason), daemon=True
            ).start()
        return behaviour.action_status, None

    def _report(self, association: Any, request: Dataset, reason: int) -> None:
        report = Dataset()
        report.TransactionUID = request.TransactionUID
        kept, failed = [], []
        for item in request.ReferencedSOPSequence:
            missing = 0 if item.ReferencedSOPInstanceUID in self.kept else NO_SUCH_OBJECT
            item.FailureReason = reason or missing
            if item.FailureReason:
                failed.append(item)
            else:
                del item.FailureReason
                kept.append(item)
        if kept:
            report.ReferencedSOPSequence = kept
        if failed:
            report.FailedSOPSequence = failed
        try:
            association.send_n_event_report(
                report, _NOT_ALL_KEPT if failed else _KEPT, PUSH_MODEL, PUSH_MODEL_INSTANCE
            )
        except RuntimeError:
            # Who asked is gone: that is what some cells are about.
            return

    def _on_query(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        status = self.behaviour.find_status
        if status == _SUCCESS and event.identifier.SOPInstanceUID in self.kept:
            yield _PENDING, event.identifier
        yield status, None
