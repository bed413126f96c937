"""Refusals in the audit log: the first at once, those that follow within a minute as a number.

Whoever connects can have as many refusals as he likes. None may be silent, and all together
they must not fill the log or the memory.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import structlog

from node.clock import utc_now
from node.db import receiving
from node.db.events import Event
from node.db.session import UNAVAILABLE
from node.scp.admission import NETWORK_NOT_ALLOWED, counted_as

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from node.db.session import Database

log = structlog.get_logger(__name__)

WINDOW_SECONDS: Final = 60.0
"""From one row about the same peer to the next."""
MOST_PEERS: Final = 256
"""Counted one by one at a time; those beyond are counted together."""
MOST_STRANGERS: Final = MOST_PEERS // 2
"""Of those, from networks that are not allowed: the others must not go uncounted by them."""
OTHERS: Final = "others"
"""Stands for the address of those that are counted together."""

Detail = str | int


@dataclass
class _Window:
    """What came after the row that opened it."""

    ends: float
    details: Mapping[str, Detail]
    is_stranger: bool
    reasons: Counter[str] = field(default_factory=Counter)


class Refusals:
    """Says in the audit log and in the process's log who was refused, why and how often.

    Its methods are called from many threads at once.

    Parameters
    ----------
    name : str
        Name of the SCP; the actor of its audit events.
    clock : callable, optional
        Seconds that only grow.
    """

    def __init__(
        self, database: Database, name: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[tuple[Event, str], _Window] = {}

    def connection(self, host: str, reason: str, **details: Detail) -> None:
        """Record a connection that was closed before anybody asked for an association."""
        peer = counted_as(host)
        self.record(Event.CONNECTION_REFUSED, peer, reason, {"peer_host": host, **details})

    def record(self, event: Event, peer: str, reason: str, details: Mapping[str, Detail]) -> None:
        """Write a row, or count when one about this peer is less than a minute old.

        Parameters
        ----------
        peer : str
            Whose refusals are counted together: an address, for example.
        reason : str
            One of a few words of ours, never a text of the peer.
        """
        now = self._clock()
        with self._lock:
            key, is_stranger = (event, peer), reason == NETWORK_NOT_ALLOWED.name
            if key not in self._windows and not self._has_room(is_stranger=is_stranger):
                key, details = (event, OTHERS), {"peer_host": OTHERS}
            window = self._windows.get(key)
            if window is not None:
                window.reasons[reason] += 1
                window.details = details
                return
            self._windows[key] = _Window(now + WINDOW_SECONDS, details, is_stranger)
        self._write(event, reason, {**details, "count": 1})

    def flush(self, *, everything: bool = False) -> None:
        """Write what was counted in the minutes that are over, or until now."""
        now = self._clock()
        due: list[tuple[Event, _Window]] = []
        with self._lock:
            for key, window in list(self._windows.items()):
                if window.ends > now and not everything:
                    continue
                if window.reasons:
                    due.append((key[0], window))
                    # The row written now is the first of the next minute.
                    self._windows[key] = replace(
                        window, ends=now + WINDOW_SECONDS, reasons=Counter()
                    )
                else:
                    del self._windows[key]
        for event, window in due:
            (most, _), *_ = window.reasons.most_common(1)
            counts = {f"count_{reason}": count for reason, count in window.reasons.items()}
            total = window.reasons.total()
            several = counts if len(counts) > 1 else {}
            self._write(event, most, {**window.details, **several, "count": total})

    def _has_room(self, *, is_stranger: bool) -> bool:
        if is_stranger:
            strangers = sum(window.is_stranger for window in self._windows.values())
            if strangers >= MOST_STRANGERS:
                return False
        return len(self._windows) < MOST_PEERS

    def _write(self, event: Event, reason: str, details: Mapping[str, Detail]) -> None:
        log.warning(str(event), reason=reason, **details)
        try:
            with self._database.begin() as session:
                receiving.record_refusal(
                    session,
                    event=event,
                    uid="",
                    study_instance_uid="",
                    reason=reason,
                    at=utc_now(),
                    actor=self._name,
                    details=details,
                )
        except UNAVAILABLE as error:
            log.warning("refusal_not_audited", error=type(error).__name__)
