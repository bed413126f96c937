"""A scripted PACS with storage commitment and C-FIND, on pynetdicom."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from pydicom import Dataset
from pynetdicom import AE, AllStoragePresentationContexts, build_role, evt
from pynetdicom.events import Event

from config.sending import Destination
from config.tls import DestinationTls
from node.dicom.commitment import NO_SUCH_OBJECT, PUSH_MODEL, PUSH_MODEL_INSTANCE
from node.scu.query import STUDY_ROOT_FIND

AE_TITLE = "KEEPER"
PROFILE = "two-kinds"
"""Name of the profile that the node has for it."""
SECONDS = 10.0
"""Limit of every wait; a peer on loopback answers within milliseconds."""


@dataclass
class CommittingPacs:
    """A PACS from entering the context until leaving it; a test sets how it behaves.

    ``lost`` are objects that it does not have any more, ``broken`` those that it reports as
    a processing failure. ``reports_here`` lets it report on the association that asked,
    ``transaction`` is the one that it reports instead of the one that it was asked,
    ``ignores_keys`` lets it answer each query with everything that it has, ``before_answer`` is
    called before it does. With ``context`` it speaks TLS, and ``tls`` is how the node connects.
    """

    has_commitment: bool = True
    has_query: bool = True
    takes_with: int = 0x0000
    reports_here: bool = False
    transaction: str = ""
    find_status: int = 0x0000
    store_status: int = 0x0000
    ignores_keys: bool = False
    before_answer: Callable[[], None] = lambda: None
    stored: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    requests: list[Dataset] = field(default_factory=list)
    queries: list[Dataset] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    context: ssl.SSLContext | None = None
    tls: DestinationTls = field(default_factory=DestinationTls)

    def __enter__(self) -> Self:
        self._ae = AE(AE_TITLE)
        for context in AllStoragePresentationContexts:
            self._ae.add_supported_context(str(context.abstract_syntax))
        if self.has_commitment:
            self._ae.add_supported_context(PUSH_MODEL)
        if self.has_query:
            self._ae.add_supported_context(STUDY_ROOT_FIND)
        self._reporters: list[threading.Thread] = []
        handlers: list[Any] = [
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_N_ACTION, self._on_request),
            (evt.EVT_C_FIND, self._on_query),
        ]
        server = self._ae.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=handlers, ssl_context=self.context
        )
        assert server is not None
        self._port = server.server_address[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.wait_for_reports()
        self._ae.shutdown()

    def destination(self, confirm: str) -> Destination:
        """It as a destination that is asked so."""
        return Destination.model_validate(
            {
                "ae_title": AE_TITLE,
                "host": "127.0.0.1",
                "port": self._port,
                "profile": PROFILE,
                "confirm": confirm,
                "tls": self.tls,
            }
        )

    def wait_for_reports(self) -> None:
        """Wait until reports on the association that asked were answered."""
        for reporter in self._reporters:
            reporter.join(SECONDS)
            assert not reporter.is_alive()

    def report(
        self,
        address: tuple[str, int],
        *,
        request: Dataset | None = None,
        ae_title: str = AE_TITLE,
        roles: bool = True,
        change: Callable[[Dataset], None] = lambda _: None,
    ) -> int:
        """Report on a new association to the node's SCP; give the answer's status."""
        event_type, information = self._information(request or self.requests[-1])
        change(information)
        peer = AE(ae_title)
        peer.add_requested_context(PUSH_MODEL)
        association = peer.associate(
            *address,
            ae_title="MGNODE",
            ext_neg=[build_role(PUSH_MODEL, scp_role=True)] if roles else [],
        )
        assert association.is_established
        try:
            return _send(association, event_type, information)
        finally:
            association.release()

    def _on_store(self, event: Event) -> int:
        if self.store_status == 0x0000:
            uid = str(event.request.AffectedSOPInstanceUID)
            self.stored.append(uid)
            self.lost.discard(uid)
        return self.store_status

    def _on_request(self, event: Event) -> tuple[int, None]:
        self.requests.append(event.action_information)
        if self.takes_with == 0x0000 and self.reports_here:
            reporter = threading.Thread(
                target=self._report_here, args=(event.assoc, self.requests[-1]), daemon=True
            )
            self._reporters.append(reporter)
            reporter.start()
        return self.takes_with, None

    def _report_here(self, association: Any, request: Dataset) -> None:
        # Its own answer to the N-ACTION goes first: send_n_event_report waits for the reactor.
        self.answers.append(_send(association, *self._information(request)))

    def _on_query(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        self.queries.append(event.identifier)
        self.before_answer()
        wanted = str(event.identifier.SOPInstanceUID)
        for uid in sorted(set(self.stored) - self.lost if self.find_status == 0x0000 else ()):
            if self.ignores_keys or uid == wanted:
                identifier = event.identifier
                identifier.SOPInstanceUID = uid
                yield 0xFF00, identifier
        yield self.find_status, None

    def _information(self, request: Dataset) -> tuple[int, Dataset]:
        information = Dataset()
        information.TransactionUID = self.transaction or request.TransactionUID
        kept, failed = [], []
        for item in request.ReferencedSOPSequence:
            uid = str(item.ReferencedSOPInstanceUID)
            if uid in self.stored and uid not in self.lost | self.broken:
                kept.append(item)
                continue
            refused = Dataset()
            refused.update(item)
            refused.FailureReason = 0x0110 if uid in self.broken else NO_SUCH_OBJECT
            failed.append(refused)
        if kept:
            information.ReferencedSOPSequence = kept
        if failed:
            information.FailedSOPSequence = failed
        return (2 if failed else 1), information


def _send(association: Any, event_type: int, information: Dataset) -> int:
    answer, _ = association.send_n_event_report(
        information, event_type, PUSH_MODEL, PUSH_MODEL_INSTANCE
    )
    return int(answer.Status)


def referenced(request: Dataset) -> Sequence[str]:
    """Name the objects of a request."""
    return [str(item.ReferencedSOPInstanceUID) for item in request.ReferencedSOPSequence]
