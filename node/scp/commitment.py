"""N-EVENT-REPORT: a destination says, on an association of its own, what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from node.clock import utc_now
from node.db.commitments import record_report
from node.db.events import Event as AuditedEvent
from node.db.session import UNAVAILABLE
from node.dicom.commitment import PUSH_MODEL, ReportStatus, read_report
from node.errors import RefusedReport, UnreadableDataSet

if TYPE_CHECKING:
    from pynetdicom.events import Event

    from config.settings import Settings
    from node.db.session import Database
    from node.dicom.commitment import CommitmentReport
    from node.scp.refusals import Refusals

log = structlog.get_logger(__name__)

UNRECOGNISED_OPERATION = 0x0211
"""PS3.7 10.1.4.1.10."""


class ReportService:
    """Answers the commitment reports of every association of one SCP.

    Parameters
    ----------
    name : str
        Name of the SCP; the actor of its audit events.
    """

    def __init__(
        self, settings: Settings, database: Database, refusals: Refusals, name: str
    ) -> None:
        self._settings = settings
        self._database = database
        self._refusals = refusals
        self._name = name

    def on_n_event_report(self, event: Event) -> tuple[int, None]:
        """Record one report; 0x0000 means that its rows are durable."""
        peer = str(event.assoc.requestor.ae_title).strip()
        try:
            status = self._record(event, peer)
        except UNAVAILABLE as error:
            log.warning("commitment_report_not_recorded", error=type(error).__name__)
            status = ReportStatus.RESOURCE_LIMITATION
        log.info("commitment_report", calling_ae=peer, status=f"0x{status:04X}")
        return status, None

    def _record(self, event: Event, peer: str) -> ReportStatus:
        named = {str(event.request.AffectedSOPClassUID), str(event.context.abstract_syntax)}
        if named != {PUSH_MODEL}:
            return ReportStatus.NO_SUCH_SOP_CLASS
        try:
            report = read_report(event.event_type, lambda: event.event_information)
            if report is None:
                return ReportStatus.NO_SUCH_EVENT_TYPE
            return self._take(report, peer)
        except UnreadableDataSet as error:
            self._say_refused(peer, str(error))
        except RefusedReport as refused:
            self._say_refused(peer, refused.reason, refused.transaction_uid)
        return ReportStatus.INVALID_ARGUMENT_VALUE

    def _take(self, report: CommitmentReport, peer: str) -> ReportStatus:
        destinations = self._settings.destinations
        with self._database.begin() as session:
            return record_report(
                session,
                report,
                destinations={name for name, at in destinations.items() if at.ae_title == peer},
                resend_limit=self._settings.delivery.resend_limit,
                at=utc_now(),
                actor=self._name,
            )

    def _say_refused(self, peer: str, reason: str, transaction_uid: str = "") -> None:
        # Not one row each: whoever may associate could fill the audit log with them.
        self._refusals.record(
            AuditedEvent.COMMITMENT_REFUSED,
            f"reports of {peer}",
            reason,
            {"peer": peer, "transaction_uid": transaction_uid},
        )


def on_n_action(_event: Event) -> tuple[int, None]:
    """Refuse to commit: the node keeps what it gets, and promises it to nobody."""
    return UNRECOGNISED_OPERATION, None
