"""The associations that are open now, each with its row and its audit events."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from node.clock import utc_now
from node.db import associations, audit
from node.db.events import Event as AuditedEvent
from node.db.grouped import GroupedWriter
from node.db.session import UNAVAILABLE
from node.scp.admission import (
    TEMPORARY_CONGESTION,
    Caller,
    Load,
    Rejection,
    counted_as,
    decide,
)
from node.scp.incoming import SpoolingProvider
from node.scp.rates import ImageRate
from node.tls.sockets import TlsSocket
from node.upper_layer.association import EventDrivenAssociation

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.events import Event
    from sqlalchemy.orm import Session

    from config.receiving import ScpSettings
    from node.db.session import Database
    from node.scp.refusals import Refusals

log = structlog.get_logger(__name__)


@dataclass
class _Entry:
    """One open association; ``row_id`` is None until its row is written.

    ``address`` is what its address is counted as.
    """

    caller: Caller
    address: str
    row_id: int | None = None


class AssociationBook:
    """Admits peers, and keeps one row for each association that was admitted.

    Its methods are called from many association threads at once.

    Parameters
    ----------
    name : str
        Name of the SCP: the same after a restart.
    """

    def __init__(
        self, database: Database, settings: ScpSettings, name: str, refusals: Refusals
    ) -> None:
        self._database = database
        self._settings = settings
        self._name = name
        self._refusals = refusals
        self._writer = GroupedWriter(database)
        self._lock = threading.Lock()
        self._open: dict[Association, _Entry] = {}
        self._rate_of_ae_titles = ImageRate(settings.max_images_per_minute_per_ae_title)
        self._rate_of_addresses = ImageRate(settings.max_images_per_minute_per_address)

    def row_of(self, association: Association) -> int | None:
        """Id of the association's row."""
        with self._lock:
            entry = self._open.get(association)
        return None if entry is None else entry.row_id

    def admit_image(self, association: Association) -> None:
        """Count one image that an association is about to send.

        Raises
        ------
        TooManyImages
            Its sender has had the images of this minute.
        """
        caller = caller_of(association)
        self._rate_of_ae_titles.take(caller.calling_ae)
        self._rate_of_addresses.take(counted_as(caller.host))

    def on_requested(self, event: Event) -> None:
        """Answer A-ASSOCIATE-RQ: reject, or make the row and let pynetdicom negotiate."""
        association = event.assoc
        # Until the peer is found to be welcome it is not: pynetdicom catches what a handler
        # raises, and goes on to accept.
        rejection: Rejection | None = TEMPORARY_CONGESTION
        try:
            caller = caller_of(association)
            rejection = self._admit(association, caller)
            if rejection is not None:
                self._say_rejected(caller, rejection)
        finally:
            if rejection is not None:
                with self._lock:
                    self._open.pop(association, None)
                association.acse.send_reject(rejection.result, rejection.source, rejection.reason)
                # Waits until the peer has closed or the ACSE timeout is over: the connection
                # must not be shut before the A-ASSOCIATE-RJ is out.
                association.kill()

    def on_released(self, event: Event) -> None:
        """Record that the peer ended the association as it should."""
        self._close(event.assoc, "released")

    def on_aborted(self, event: Event) -> None:
        """Record that either side aborted, the connection broke, or a timeout struck."""
        self._close(event.assoc, "aborted")

    def reap(self) -> None:
        """Close the rows of associations whose thread ended without saying so."""
        with self._lock:
            dead = [association for association in self._open if not association.is_alive()]
        for association in dead:
            self._close(association, "lost")

    def take_over(self, swept: int) -> None:
        """Record what a dead process of this name left: open rows, half-received files."""
        now = utc_now()
        with self._database.begin() as session:
            associations.close_orphaned_associations(session, scp=self._name, at=now)
            if swept:
                audit.append(
                    session,
                    at=now,
                    event=AuditedEvent.SPOOL_SWEPT,
                    actor=self._name,
                    details={"files": swept},
                )

    def _admit(self, association: Association, caller: Caller) -> Rejection | None:
        with self._lock:
            rejection = decide(caller, self._settings, self._load(caller))
            if rejection is not None:
                return rejection
            self._open[association] = _Entry(caller, counted_as(caller.host))
        try:
            row_id = self._writer.write(lambda session: self._open_row(session, caller))
        except UNAVAILABLE as error:
            log.warning("association_not_recorded", error=type(error).__name__)
            return TEMPORARY_CONGESTION
        with self._lock:
            self._open[association].row_id = row_id
        log.info("association_opened", association_id=row_id, **_fields(caller))
        return None

    def _open_row(self, session: Session, caller: Caller) -> int:
        return associations.open_association(
            session,
            scp=self._name,
            calling_ae=caller.calling_ae,
            called_ae=caller.called_ae,
            peer_host=caller.host,
            peer_port=caller.port,
            tls=caller.tls,
            certificate=caller.certificate.fingerprint if caller.certificate else "",
            at=utc_now(),
        )

    def _load(self, caller: Caller) -> Load:
        address = counted_as(caller.host)
        entries = self._open.values()
        return Load(
            total=len(entries),
            of_ae_title=sum(each.caller.calling_ae == caller.calling_ae for each in entries),
            of_address=sum(each.address == address for each in entries),
        )

    def _say_rejected(self, caller: Caller, rejection: Rejection) -> None:
        # One address may have peers of several names behind it, and each wrong in another way.
        self._refusals.record(
            AuditedEvent.ASSOCIATION_REJECTED,
            f"{counted_as(caller.host)} {rejection.name}",
            rejection.name,
            _fields(caller),
        )

    def _say_broken(self, association: Association, entry: _Entry) -> None:
        fault = association.fault if isinstance(association, EventDrivenAssociation) else ""
        if fault:
            self._refusals.record(
                AuditedEvent.MESSAGE_REFUSED, entry.address, fault, _fields(entry.caller)
            )

    def _close(self, association: Association, outcome: str) -> None:
        with self._lock:
            entry = self._open.pop(association, None)
        # The provider goes first: half a data set is nobody's, with or without a row.
        if isinstance(association.dimse, SpoolingProvider):
            association.dimse.discard_all()
        if entry is None or entry.row_id is None:
            return
        self._say_broken(association, entry)
        row_id = entry.row_id
        try:
            self._writer.write(
                lambda session: associations.close_association(
                    session, row_id, outcome=outcome, at=utc_now()
                )
            )
        except UNAVAILABLE as error:
            # The row stays open until take_over(): a study waits longer, nothing is lost.
            log.warning("association_end_not_recorded", error=type(error).__name__)
        log.info("association_closed", association_id=row_id, outcome=outcome)


def caller_of(association: Association) -> Caller:
    """Who asks, from the A-ASSOCIATE-RQ and the connection."""
    request = association.requestor.primitive
    address = association.requestor.address_info
    if request is None or address is None:
        raise ValueError("the association has no request yet")
    transport = association.dul.socket
    connection = transport.socket if transport is not None else None
    secured = connection if isinstance(connection, TlsSocket) else None
    return Caller(
        calling_ae=str(request.calling_ae_title or "").strip(),
        called_ae=str(request.called_ae_title or "").strip(),
        host=address.address,
        port=address.port,
        tls=(secured.version() or "") if secured else "",
        certificate=secured.peer if secured else None,
    )


def _fields(caller: Caller) -> dict[str, str | int]:
    fields: dict[str, str | int] = {
        "calling_ae": caller.calling_ae,
        "called_ae": caller.called_ae,
        "peer_host": caller.host,
        "peer_port": caller.port,
    }
    if caller.tls:
        fields["tls"] = caller.tls
    if caller.certificate is not None:
        fields["certificate"] = caller.certificate.fingerprint
    return fields
