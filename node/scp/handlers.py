"""C-STORE: from a spooled file to a durable one with its row, then the answer."""

from __future__ import annotations

import threading
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import structlog

from node.clock import utc_now
from node.db import receiving
from node.db.events import Event as AuditedEvent
from node.db.session import UNAVAILABLE
from node.dicom.eligibility import check
from node.dicom.header import InstanceFacts, facts
from node.dicom.integrity import check_part10
from node.dicom.reasons import STORED_ONLY
from node.errors import (
    ConflictingInstance,
    MismatchedDataSet,
    NodeError,
    OutOfResources,
    TooManyImages,
    UnreadableDataSet,
)
from node.scp.incoming import is_uid
from node.scp.status import Status, response, status_of
from node.store.files import commit_file
from node.store.paths import instance_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from pydicom import Dataset
    from pynetdicom.dimse_primitives import C_STORE
    from pynetdicom.events import Event
    from pynetdicom.presentation import PresentationContextTuple

    from node.db.session import Database
    from node.scp.associations import AssociationBook
    from node.scp.incoming import IncomingDataSet
    from node.scp.refusals import Refusals
    from node.store.paths import Layout

log = structlog.get_logger(__name__)


@dataclass
class _Arrival:
    """What is known so far of one C-STORE, for its answer, its log line and its audit row."""

    calling_ae: str
    association_id: int | None
    uid: str
    class_uid: str
    context: PresentationContextTuple
    study_instance_uid: str = ""
    quarantined: str = ""
    new: bool = False
    size: int = 0
    error: Exception | None = field(default=None)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        # Every Exception ends here, a fault of ours too: what left this block would reach the
        # sender as pynetdicom's 0xC211, which says "your data set" and stops it from retrying.
        self.error = error if isinstance(error, Exception) else None
        return self.error is not None


class StoreService:
    """Answers the C-STORE requests of every association of one SCP.

    Parameters
    ----------
    name : str
        Name of the SCP; the actor of its audit events.
    """

    def __init__(
        self,
        database: Database,
        layout: Layout,
        associations: AssociationBook,
        refusals: Refusals,
        name: str,
    ) -> None:
        self._database = database
        self._layout = layout
        self._associations = associations
        self._refusals = refusals
        self._name = name
        self._busy = 0
        self._changed = threading.Condition()

    def on_c_store(self, event: Event) -> Dataset:
        """Store one object; 0x0000 means that its file, its folder and its row are durable."""
        request = cast("C_STORE", event.request)
        incoming = cast("IncomingDataSet", request.DataSet)
        arrival = _Arrival(
            calling_ae=str(event.assoc.requestor.ae_title).strip(),
            association_id=self._associations.row_of(event.assoc),
            uid=str(request.AffectedSOPInstanceUID),
            class_uid=str(request.AffectedSOPClassUID),
            context=event.context,
        )
        with self._counted():
            with arrival:
                self._store(incoming, arrival)
            incoming.discard()
            if arrival.error is None:
                self._say_stored(arrival)
            elif isinstance(arrival.error, TooManyImages):
                self._say_too_many(arrival)
            else:
                self._say_refused(arrival, arrival.error)
        # A slow disk is not the peer's silence.
        event.assoc.dul._idle_timer.restart()
        return response(arrival.error)

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        """Wait until no request is being worked on; False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: self._busy == 0, timeout_seconds)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._changed:
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def _store(self, incoming: IncomingDataSet, arrival: _Arrival) -> None:
        spooled = incoming.take()
        sha256 = spooled.finish()
        arrival.size = spooled.path.stat().st_size
        with spooled.path.open("rb") as stream:
            header = check_part10(stream, arrival.size)
        found = facts(header)
        if is_uid(found.study_instance_uid):
            arrival.study_instance_uid = found.study_instance_uid
        try:
            _check_agreement(found, arrival)
        except MismatchedDataSet:
            # Readable, but not what was announced: somebody must be able to look at it.
            kept = self._layout.quarantine / f"{sha256}.dcm"
            commit_file(spooled.path, kept, sha256=sha256)
            arrival.quarantined = f"quarantine/{sha256}.dcm"
            raise
        path = instance_path(sha256, found.transfer_syntax_uid)
        final = self._layout.absolute(path)
        commit_file(spooled.path, final, sha256=sha256)
        stored = receiving.StoredObject(
            sop_instance_uid=found.sop_instance_uid,
            sop_class_uid=found.sop_class_uid,
            study_instance_uid=found.study_instance_uid,
            series_instance_uid=found.series_instance_uid,
            transfer_syntax_uid=found.transfer_syntax_uid,
            laterality=found.laterality,
            view=found.view,
            is_standard_view=found.is_standard_view,
            sha256=sha256,
            bytes=arrival.size,
            path=path,
            rejected=_stored_only(header),
        )
        try:
            with self._database.begin() as session:
                arrival.new = receiving.record_instance(
                    session,
                    stored,
                    calling_ae=arrival.calling_ae,
                    association_id=arrival.association_id,
                    at=utc_now(),
                    actor=self._name,
                )
                # Retention or reconciliation may have taken it since: both do so while nobody
                # else writes, and never when a row names it. What is there now stays.
                if not final.exists():
                    raise OutOfResources("the file has just been removed: send it again")
        except ConflictingInstance:
            # The UID is inside the hashed bytes, and its row has other bytes or another
            # transfer syntax, so another path: no row names this file, and none ever will.
            final.unlink(missing_ok=True)
            raise
        except UNAVAILABLE as error:
            # The file stays: the commit may have reached the database before the connection
            # broke. If not, the same object sent again takes the same name.
            raise OutOfResources("the database does not answer") from error

    def _say_stored(self, arrival: _Arrival) -> None:
        log.info(
            "instance_received",
            sop_instance_uid=arrival.uid,
            study_instance_uid=arrival.study_instance_uid,
            calling_ae=arrival.calling_ae,
            bytes=arrival.size,
            new=arrival.new,
        )

    def _say_too_many(self, arrival: _Arrival) -> None:
        # Not one row each: that would be the flood which the limit is there to end.
        self._refusals.record(
            AuditedEvent.INSTANCE_REFUSED,
            f"images a minute of {arrival.calling_ae}",
            "too many images a minute",
            {
                "calling_ae": arrival.calling_ae,
                "status": f"0x{Status.OUT_OF_RESOURCES:04X}",
                "error": TooManyImages.__name__,
            },
        )

    def _say_refused(self, arrival: _Arrival, error: Exception) -> None:
        status = status_of(error)
        uid = arrival.uid if is_uid(arrival.uid) else ""
        if isinstance(error, UnreadableDataSet) and is_uid(error.study_instance_uid):
            arrival.study_instance_uid = error.study_instance_uid
        comment = str(response(error).ErrorComment)
        log.warning(
            "instance_refused",
            sop_instance_uid=uid,
            calling_ae=arrival.calling_ae,
            status=f"0x{status:04X}",
            reason=str(error) if isinstance(error, NodeError | OSError) else comment,
            error=type(error).__name__,
            # Not the text of an error nobody expected: it may quote the data set.
            where=_where(error) if status is Status.PROCESSING_FAILURE else None,
        )
        event = (
            AuditedEvent.INSTANCE_QUARANTINED
            if arrival.quarantined
            else AuditedEvent.INSTANCE_REFUSED
        )
        try:
            with self._database.begin() as session:
                receiving.record_refusal(
                    session,
                    event=event,
                    uid=uid,
                    study_instance_uid=arrival.study_instance_uid,
                    reason=comment,
                    at=utc_now(),
                    actor=self._name,
                    details={
                        "association_id": arrival.association_id,
                        "calling_ae": arrival.calling_ae,
                        "status": f"0x{status:04X}",
                        "error": type(error).__name__,
                        "path": arrival.quarantined,
                        "sop_class_uid": arrival.class_uid if is_uid(arrival.class_uid) else "",
                    },
                )
        except UNAVAILABLE as database_error:
            log.exception("refusal_not_audited", error=type(database_error).__name__)


def _stored_only(header: Dataset) -> str:
    """Give the reason why no worker ever looks at the object; empty when one does."""
    reason = check(header).reason
    return reason if reason in STORED_ONLY else ""


def _where(error: Exception) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def _check_agreement(found: InstanceFacts, arrival: _Arrival) -> None:
    """Raise unless command, context and data set name one SOP class and one instance."""
    if arrival.class_uid != arrival.context.abstract_syntax:
        raise MismatchedDataSet("the command's SOP class is not that of its context")
    if found.sop_class_uid != arrival.class_uid:
        raise MismatchedDataSet("the data set's SOP class is not the command's")
    if found.sop_instance_uid != arrival.uid:
        raise MismatchedDataSet("the data set's SOP Instance UID is not the command's")
    # Type 1 in every storage IOD, one value each; without them the object belongs nowhere.
    if not is_uid(found.study_instance_uid):
        raise MismatchedDataSet("the data set has no usable Study Instance UID")
    if not is_uid(found.series_instance_uid):
        raise MismatchedDataSet("the data set has no usable Series Instance UID")
