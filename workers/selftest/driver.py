"""Everything that goes on after a fault: sweeps, messages from the broker, and time."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import func, or_, select

from config.settings import Settings
from node.db.studies import is_to_report
from node.db.tables import Delivery, Instance, Study
from node.messages import QUEUE_OF_TASK
from node.states import UNFINISHED_INSTANCE, DeliveryState, StudyState
from workers.selftest.jobs import Clock, Work
from workers.selftest.scripted_detector import ScriptedDetector

_SHORT: Final = timedelta(seconds=61)
"""Longer than the time after which a message is published again."""
_LONG: Final = timedelta(minutes=16)
"""Longer than a lease, a pause, and the wait for a commitment report."""
_SHORT_ROUNDS: Final = 4


class Driver:
    """Dispatch and both workers, with a clock that passes while nothing is to do."""

    def __init__(
        self, settings: Settings, clock: Clock, detector: ScriptedDetector | None = None
    ) -> None:
        self._clock = clock
        self._work = Work(settings, clock, detector or ScriptedDetector())
        self._queues = sorted(set(QUEUE_OF_TASK.values()))

    def close(self) -> None:
        """Give up every connection."""
        self._work.close()

    def drive(self, *, at_most: timedelta) -> None:
        """Sweep, work and let time pass until all is settled, or ``at_most`` has passed."""
        end = self._clock() + at_most
        idle = 0
        while not self.is_settled() and self._clock() < end:
            self._work.sweep()
            if self.take_messages() == 0:
                idle += 1
                self._clock.ahead += _SHORT if idle <= _SHORT_ROUNDS else _LONG

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
