"""Everything that goes on after a fault: sweeps, messages from the broker, and time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from typing_extensions import override

from config.settings import Settings
from node.db.analysis import replay_instance
from node.db.deliveries import replay_delivery
from node.db.reporting import replay_study
from node.db.session import Database
from node.db.studies import is_to_report
from node.db.tables import Delivery, Instance, Study
from node.dispatch.broker import CeleryPublisher
from node.dispatch.loop import Dispatcher
from node.dispatch.reconcile import Reconciler
from node.messages import QUEUE_OF_TASK
from node.states import UNFINISHED_INSTANCE, DeliveryState, InstanceState, StudyState
from workers.selftest.jobs import Clock, Work
from workers.selftest.scripted_detector import ScriptedDetector

_SHORT: Final = timedelta(seconds=61)
"""Longer than the time after which a message is published again."""
_LONG: Final = timedelta(minutes=16)
"""Longer than a lease, a pause, and the wait for a commitment report."""
_LONGEST: Final = timedelta(hours=2)
_SHORT_ROUNDS: Final = 4
_LONG_ROUNDS: Final = 12


class CountingPublisher(CeleryPublisher):
    """Publishes, and knows whether it did; nothing waits, because each message is taken at once."""

    published = 0

    @override
    def publish(self, task: str, **arguments: object) -> None:
        super().publish(task, **arguments)
        self.published += 1

    @override
    def backlog(self, queue: str) -> int:
        return 0


class Driver:
    """Dispatch and both workers, with a clock that passes while nothing is to do."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._clock = clock
        self._detector = ScriptedDetector()
        self._work = Work(settings, clock, self._detector)
        self._publisher = CountingPublisher(self._work.app)
        self._work.dispatcher = Dispatcher(
            settings, self._work.database, self._publisher, actor="dispatch", clock=clock
        )
        self._queues = sorted(set(QUEUE_OF_TASK.values()))

    def close(self) -> None:
        """Give up every connection."""
        self._work.close()

    @property
    def database(self) -> Database:
        """Its database; a connection that lies idle is closed by ``dispose``."""
        return self._work.database

    def drive(self, *, at_most: timedelta, trouble: type[Exception] | None = None) -> None:
        """Sweep, work and let time pass until all is settled, or ``at_most`` has passed.

        ``trouble`` is what the detector raises meanwhile.
        """
        self._detector.trouble = trouble
        end = self._clock() + at_most
        idle = 0
        self.take_messages()
        while not self.is_settled() and self._clock() < end:
            self._publisher.published = 0
            self._work.sweep()
            if self._publisher.published == 0 or self.take_messages() == 0:
                idle += 1
                self._clock.ahead += _pause(idle)

    def take_messages(self) -> int:
        """Handle every message that the broker has, and acknowledge it; give how many."""
        taken = 0
        with self._work.app.connection() as connection, connection.channel() as channel:
            for queue in self._queues:
                while (message := channel.basic_get(queue)) is not None:
                    _, arguments, _ = message.payload
                    self._work.run(message.headers["task"], **arguments)
                    message.ack()
                    taken += 1
        return taken

    def reconcile(self) -> dict[str, int]:
        """Compare rows, files and broker, as dispatch does; give open discrepancies by kind."""
        # Half-written files are removed when they are a day old: here they are, at once.
        reconcile = self._work.settings.reconcile.model_copy(update={"orphan_hours": 1e-9})
        settings = self._work.settings.model_copy(update={"reconcile": reconcile})
        return Reconciler(
            settings, self._work.database, CeleryPublisher(self._work.app), clock=self._clock
        ).whole_pass()

    def is_settled(self) -> bool:
        """Say whether nothing is under way: each row is in a state that waits for nobody."""
        waiting = (
            select(func.count()).where(Instance.state.in_(UNFINISHED_INSTANCE)),
            select(func.count()).where(
                Study.state.in_([StudyState.OPEN, StudyState.COMPLETE]),
                Study.instances.any(is_to_report()),
            ),
            select(func.count()).where(
                or_(
                    Delivery.state.in_([DeliveryState.PENDING, DeliveryState.SENDING]),
                    Delivery.confirm_at.is_not(None),
                )
            ),
        )
        with self._work.database.read() as session:
            return not any(session.scalar(query) for query in waiting)


def _pause(idle: int) -> timedelta:
    if idle <= _SHORT_ROUNDS:
        return _SHORT
    return _LONG if idle <= _LONG_ROUNDS else _LONGEST


def replay_failed(session: Session, *, at: datetime) -> None:
    """Put back every row that was given up or alarmed, as a person does."""
    for image in session.scalars(select(Instance).where(Instance.state == InstanceState.FAILED)):
        replay_instance(session, image, at=at, actor="selftest")
    for study in session.scalars(select(Study).where(Study.state == StudyState.FAILED)):
        replay_study(session, study, at=at, actor="selftest")
    for delivery in session.scalars(
        select(Delivery).where(
            or_(Delivery.state == DeliveryState.FAILED, Delivery.alarmed_at.is_not(None))
        )
    ):
        replay_delivery(session, delivery, at=at, actor="selftest")
