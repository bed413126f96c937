"""The outbox loop: committed rows go to the broker, expired leases go back.

The SQL rows are the truth. Each sweep asks them what is due, so the broker may
be emptied or killed at any moment and a later sweep publishes again. Several
loops may run: every step is a compare-and-set, and a repeated message is dropped
at the claim.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from config.settings import Settings
from node.clock import utc_now
from node.db import outbox
from node.db.hold import held_destinations
from node.db.session import UNAVAILABLE, Database
from node.db.tables import Delivery, Instance, Study
from node.dispatch.broker import Publisher
from node.dispatch.checkpoints import Signer
from node.dispatch.completion import complete_study, find_complete
from node.dispatch.retention import Retention
from node.errors import StateConflict, TransientFailure
from node.messages import (
    ANALYSE_TASK,
    ANALYSIS_QUEUE,
    CONFIRM_TASK,
    DELIVER_TASK,
    NETWORK_QUEUE,
    REPORT_QUEUE,
    REPORT_TASK,
)
from node.store.claim_sheet import losses
from node.store.paths import Layout

log = structlog.get_logger(__name__)


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
        self._run = Layout(settings.storage.root).run
        self._retention = Retention(settings, database, actor=actor)
        self._signer = Signer(settings, database, actor=actor)
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
        self.move_rows()
        self._signer.step(at=self._clock())
        self._publish_instances()
        self._publish_studies()
        self._publish_deliveries()
        self._publish_confirmations()
        self._retention.step(at=self._clock())

    def move_rows(self) -> None:
        """Move what is due; only when there is something does it take the write lock."""
        now = self._clock()
        settings = self._settings
        with self._database.read() as session:
            is_due = outbox.has_rows_to_move(session, at=now)
        if is_due:
            # Files first: no file is read while the write lock is held.
            lost = losses(self._run)
            with self._database.begin() as session:
                outbox.expire_analysis_leases(
                    session,
                    at=now,
                    actor=self._actor,
                    max_attempts=settings.analysis.max_attempts,
                    losses=lost,
                )
                outbox.expire_delivery_leases(
                    session,
                    at=now,
                    actor=self._actor,
                    pause=timedelta(seconds=settings.delivery.retry_first_seconds),
                    give_up=timedelta(hours=settings.delivery.give_up_hours),
                    losses=lost,
                )
                outbox.raise_due_alarms(
                    session,
                    at=now,
                    actor=self._actor,
                    pause=timedelta(minutes=settings.delivery.confirm_timeout_minutes),
                )
                outbox.queue_received(session, at=now, actor=self._actor)
        with self._database.read() as session:
            complete = find_complete(session, settings.study, at=now)
        for study_id in complete:
            with self._database.begin() as session:
                complete_study(session, study_id, settings.study, at=now, actor=self._actor)

    def _publish_instances(self) -> None:
        now = self._clock()
        limit = self._room(ANALYSIS_QUEUE)
        with self._database.read() as session:
            due = outbox.instances_to_publish(
                session, at=now, republish=self._republish, limit=limit
            )
        for instance_id in due:
            self._publisher.publish(ANALYSE_TASK, instance_id=instance_id)
            self._mark(Instance, [instance_id], now)

    def _publish_studies(self) -> None:
        now = self._clock()
        limit = self._room(REPORT_QUEUE)
        with self._database.read() as session:
            due = outbox.studies_to_publish(session, at=now, republish=self._republish, limit=limit)
        for study_id in due:
            self._publisher.publish(REPORT_TASK, study_id=study_id)
            self._mark(Study, [study_id], now)

    def _publish_deliveries(self) -> None:
        now = self._clock()
        if not self._room(NETWORK_QUEUE):
            return
        with self._database.read() as session:
            held = held_destinations(session, self._settings)
            due = outbox.deliveries_to_publish(
                session, at=now, republish=self._republish, held=held
            )
        for ids in due.values():
            self._publisher.publish(DELIVER_TASK, delivery_ids=ids)
            self._mark(Delivery, ids, now)

    def _publish_confirmations(self) -> None:
        now = self._clock()
        if not self._room(NETWORK_QUEUE):
            return
        with self._database.read() as session:
            due = outbox.confirmations_to_publish(session, at=now, republish=self._republish)
        for ids in due.values():
            self._publisher.publish(CONFIRM_TASK, delivery_ids=ids)
            self._mark(Delivery, ids, now)

    def _room(self, queue: str) -> int:
        """How many more messages the queue may take: a backlog stays in SQL.

        While no worker takes messages, publishing again what nobody claimed would pile
        them up without end.
        """
        return max(self._settings.dispatch.window - self._publisher.backlog(queue), 0)

    def _mark(
        self, table: type[Instance | Study | Delivery], ids: list[int], now: datetime
    ) -> None:
        with self._database.begin() as session:
            outbox.mark_published(session, table, ids, at=now)
