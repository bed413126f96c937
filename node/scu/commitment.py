"""Asking a destination to keep what it got: storage commitment, push model (PS3.4 Annex J)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import structlog
from pynetdicom import evt
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.presentation import build_context

from node.dicom.commitment import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    REQUEST_ACTION,
    ObjectKey,
    ReportStatus,
    action_information,
    read_report,
)
from node.errors import UnreadableDataSet
from node.scu.requestor import end_association, open_association
from node.scu.sender import LITTLE_ENDIAN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydicom import Dataset
    from pynetdicom.association import Association
    from pynetdicom.events import Event, EventHandlerType

    from config.sending import Destination, ScuSettings
    from node.dicom.commitment import CommitmentReport

log = structlog.get_logger(__name__)

_SUCCESS: Final = 0x0000
_WARNINGS: Final = (0x0001, 0x0107, 0x0116)


def ask_for_commitment(
    destination: Destination,
    scu: ScuSettings,
    transaction_uid: str,
    objects: Sequence[ObjectKey],
    on_report: Callable[[CommitmentReport], ReportStatus],
) -> str:
    """Send one N-ACTION, and wait a little for a report on the same association.

    Parameters
    ----------
    on_report : callable
        Is given a report that comes here, in another thread; what it returns is the
        answer to the peer.

    Returns
    -------
    str
        Empty when the destination took the question: its report may come at any time, here
        or elsewhere. Else why it did not, in words.

    Raises
    ------
    TransientFailure, PermanentFailure
        No association: nothing was asked.
    """
    context = build_context(PUSH_MODEL, list(LITTLE_ENDIAN))
    waiting = _Waiting(on_report)
    association = open_association(destination, scu, [context], handlers=waiting.handlers())
    try:
        if not association.accepted_contexts:
            return "it does not accept storage commitment"
        problem = _ask(association, action_information(transaction_uid, objects))
        if not problem:
            waiting.over.wait(scu.report_wait_seconds)
        return problem
    finally:
        end_association(association)


def _ask(association: Association, information: Dataset) -> str:
    try:
        answer, _ = association.send_n_action(
            information, REQUEST_ACTION, PUSH_MODEL, PUSH_MODEL_INSTANCE
        )
    except RuntimeError:
        return "it ended the association before the N-ACTION"
    if "Status" not in answer:
        return "it gave no answer to the N-ACTION"
    status = int(answer.Status)
    if status != _SUCCESS and status not in _WARNINGS:
        return f"it answered the N-ACTION with 0x{status:04X}"
    return ""


class _Waiting:
    """Waits for a report on the association that asked, until it is answered or over."""

    def __init__(self, on_report: Callable[[CommitmentReport], ReportStatus]) -> None:
        self._on_report = on_report
        self._is_recorded = False
        self.over = threading.Event()

    def handlers(self) -> list[EventHandlerType]:
        return [
            (evt.EVT_N_EVENT_REPORT, self._on_event_report),
            (evt.EVT_PDU_SENT, self._on_sent),
            (evt.EVT_RELEASED, self._on_end),
            (evt.EVT_ABORTED, self._on_end),
            (evt.EVT_CONN_CLOSE, self._on_end),
        ]

    def _on_event_report(self, event: Event) -> tuple[int, None]:
        try:
            report = read_report(event.event_type, lambda: event.event_information)
        except UnreadableDataSet as error:
            log.warning("commitment_report_unreadable", reason=str(error))
            return ReportStatus.INVALID_ARGUMENT_VALUE, None
        if report is None:
            return ReportStatus.NO_SUCH_EVENT_TYPE, None
        status = self._on_report(report)
        self._is_recorded = True
        return status, None

    def _on_sent(self, event: Event) -> None:
        # Released before the answer has left, the peer would take its report for refused.
        if self._is_recorded and isinstance(event.pdu, P_DATA_TF):
            self.over.set()

    def _on_end(self, _event: Event) -> None:
        self.over.set()
