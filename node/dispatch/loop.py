"""The outbox loop: committed rows go to the broker, expired leases go back.

The SQL rows are the truth. Each sweep asks them what is due, so the broker may
be emptied or killed at any moment and a later sweep publishes again. Several
loops may run: every step is a compare-and-set, and a repeated message is dropped
at the claim.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import groupby

import structlog

from config.settings import Settings
from node.db import outbox
from node.db.session import UNAVAILABLE, Database
from node.db.tables import Delivery, Instance, Study
from node.dispatch.broker import Publisher
from node.dispatch.completion import complete_studies
from node.errors import StateConflict, TransientFailure
from node.messages import ANALYSE_TASK, DELIVER_TASK, REPORT_TASK

log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """Give the moment now, timezone-aware in UTC."""
    return datetime.now(UTC)


class Dispatcher:
    """Sweeps the rows, again and again, until it is told to stop."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        publisher: Publisher,
        *,
        actor: str = "dispatch",
        beat: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._database = database
        self._publisher = publisher
        self._actor = actor
        self._beat = beat
        self._clock = clock
        self._republish = timedelta(seconds=settings.dispatch.republish_seconds)

    def run(self, stop: threading.Event) -> None:
        """Sweep until ``stop`` is set; trouble is logged and met by the next sweep.

        After each sweep the loop says by ``beat`` that it turns.
        """
        while not stop.is_set():
            try:
                self.sweep()
            except (TransientFailure, StateConflict) as error:
                log.warning("sweep_cut_short", error=str(error))
            except UNAVAILABLE as error:
                log.warning("database_away", kind=type(error).__name__)
            self._beat()
            stop.wait(self._settings.dispatch.poll_seconds)

    def sweep(self) -> None:
        """Take every step once.

        Raises
        ------
        TransientFailure
            The broker is away; the moves in SQL are done, the messages are not.
        """
        self._move_rows()
        self._publish_instances()
        self._publish_studies()
        self._publish_deliveries()

    def _move_rows(self) -> None:
        now = self._clock()
        settings = self._settings
        with self._database.begin() as session:
            outbox.expire_analysis_leases(
                session, at=now, actor=self._actor, max_attempts=settings.analysis.max_attempts
            )
            outbox.expire_delivery_leases(session, at=now, actor=self._actor)
            outbox.queue_received(session, at=now, actor=self._actor)
            complete_studies(session, settings.study, at=now, actor=self._actor)

    def _publish_instances(self) -> None:
        now = self._clock()
        with self._database.read() as session:
            due = outbox.instances_to_publish(
                session, at=now, republish=self._republish, window=self._settings.dispatch.window
            )
        for instance_id in due:
            self._publisher.publish(ANALYSE_TASK, instance_id=instance_id)
            self._mark(Instance, [instance_id], now)

    def _publish_studies(self) -> None:
        now = self._clock()
        with self._database.read() as session:
            due = outbox.studies_to_publish(session, at=now, republish=self._republish)
        for study_id in due:
            self._publisher.publish(REPORT_TASK, study_id=study_id)
            self._mark(Study, [study_id], now)

    def _publish_deliveries(self) -> None:
        now = self._clock()
        with self._database.read() as session:
            due = outbox.deliveries_to_publish(session, at=now, republish=self._republish)

        def by_association(delivery: outbox.DueDelivery) -> tuple[str, int]:
            return delivery.destination, delivery.study_id

        for _, group in groupby(sorted(due, key=by_association), key=by_association):
            ids = [delivery.delivery_id for delivery in group]
            self._publisher.publish(DELIVER_TASK, delivery_ids=ids)
            self._mark(Delivery, ids, now)

    def _mark(
        self, table: type[Instance | Study | Delivery], ids: list[int], now: datetime
    ) -> None:
        with self._database.begin() as session:
            outbox.mark_published(session, table, ids, at=now)
