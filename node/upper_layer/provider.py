"""The upper layer's network thread, asleep until the peer or the service has something for it.

pynetdicom's own looks for both every millisecond: twenty associations on which nothing
happens take more than a processor.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import TYPE_CHECKING, Final

import structlog
from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import TRANSITION_TABLE
from pynetdicom.pdu import A_ABORT_RQ
from typing_extensions import override

from node.upper_layer.signals import MonotonicTimer, SignallingQueue, WakeUp, nearest
from node.upper_layer.sockets import EventDrivenSocket

if TYPE_CHECKING:
    from types import TracebackType

    from node.upper_layer.association import EventDrivenAssociation

log = structlog.get_logger(__name__)

_IDLE: Final = "Sta1"
_CLOSING: Final = "Sta13"
"""PS3.8 Table 9-5: the association is over, its connection is not."""
_LINGER_SECONDS: Final = 1.0
"""For the peer to read our last words and close; who closes first takes them away."""
_PROVIDER: Final = 2
"""PS3.8 9.3.8, Source of an A-ABORT."""


class EventDrivenProvider(DULServiceProvider):
    """The DICOM Upper Layer service provider of one association."""

    assoc: EventDrivenAssociation
    artim_timer: MonotonicTimer
    _idle_timer: MonotonicTimer

    def __init__(self, association: EventDrivenAssociation) -> None:
        super().__init__(association)
        self._wake_up = WakeUp()
        self._is_to_finish = False
        self._closing_until: float | None = None
        self.event_queue = SignallingQueue(self._wake_up.set)
        self.to_provider_queue = SignallingQueue(self._wake_up.set)
        self.to_user_queue = SignallingQueue(association.news.set)
        self.artim_timer = MonotonicTimer(self.artim_timer.timeout)
        self._idle_timer = MonotonicTimer(self._idle_timer.timeout)

    def wake(self) -> None:
        """Let the thread look again whether it may read."""
        self._wake_up.set()

    @property
    def seconds_until_idle(self) -> float | None:
        """Seconds until the association counts as idle; None when it never does."""
        return self._idle_timer.seconds_left()

    def limit_silence(self, seconds: float | None) -> None:
        """Count the association as idle after this many seconds without a PDU."""
        if self._idle_timer.timeout != seconds:
            self._idle_timer.timeout = seconds
            self.assoc.news.set()

    @override
    def kill_dul(self) -> None:
        """End the thread after what it does now."""
        super().kill_dul()
        self._wake_up.set()

    @override
    def stop_dul(self) -> bool:
        """End the thread if the connection is closed; False when it is not."""
        if self.state_machine.current_state != _IDLE:
            return False
        self.finish()
        return True

    def finish(self) -> None:
        """Wait until the connection is closed and the thread has ended."""
        self._is_to_finish = True
        self._wake_up.set()
        if self.is_alive() and threading.current_thread() is not self:
            self.join()

    @override
    def run_reactor(self) -> None:
        """Send, receive and close as the standard's state machine says, until the end."""
        self._wake_up.open()
        with contextlib.ExitStack() as ending:
            ending.callback(self._say_ended)
            ending.push(self._cut_off)
            self._idle_timer.start()
            self.assoc._dul_ready.set()
            while not self._is_over():
                self._sleep()
                self._take_one_step()

    def _say_ended(self) -> None:
        self._wake_up.close()
        # Whoever waits for an answer of the peer need not wait out its time.
        self.to_user_queue.put(None)
        self.assoc.news.set()

    def _is_over(self) -> bool:
        is_idle = self.state_machine.current_state == _IDLE and self.event_queue.empty()
        return self._kill_thread or (self._is_to_finish and is_idle)

    def _sleep(self) -> None:
        """Wait for the next event, if there is none yet."""
        self._wake_up.clear()
        if self._has_something_to_do():
            return
        closing = self._closing_until
        self._wake_up.wait(
            self._descriptor(),
            nearest(
                self.artim_timer.seconds_left(),
                None if closing is None else max(0.0, closing - time.monotonic()),
            ),
        )

    def _has_something_to_do(self) -> bool:
        return (
            self._is_over()
            or not self.event_queue.empty()
            or not self.to_provider_queue.empty()
            or (
                isinstance(self.socket, EventDrivenSocket)
                and self.socket.has_pending
                and self._may_read()
            )
        )

    def _descriptor(self) -> int | None:
        connection = self.socket.socket if self.socket is not None else None
        if connection is None or not self._may_read():
            return None
        number = connection.fileno()
        return number if number >= 0 else None

    def _may_read(self) -> bool:
        """Whether the service keeps up; a peer must not pile up requests with us."""
        return self._is_to_finish or self._closing_until is not None or self.assoc.keeps_up

    def _take_one_step(self) -> None:
        if self.artim_timer.expired:
            self.artim_timer.stop()
            self.event_queue.put("Evt18")
        if self.event_queue.empty():
            self._look_for_event()
        try:
            event = self.event_queue.get(block=False)
        except queue.Empty:
            return
        state = self.state_machine.current_state
        if (event, state) in TRANSITION_TABLE:
            self.state_machine.do_action(event)
        else:
            # The end of the connection is told by each that notices it.
            log.debug("upper_layer_event_ignored", fsm_event=event, state=state)

    def _look_for_event(self) -> None:
        if self.state_machine.current_state == _CLOSING:
            self._wait_for_close()
        elif self._process_recv_primitive():
            self._drop_what_is_late()
        elif self._may_read() and self.socket is not None and self.socket.ready:
            self._read_pdu_data()
            self._idle_timer.restart()

    def _drop_what_is_late(self) -> None:
        """Drop a primitive that the state does not know: the peer was faster."""
        event = self.event_queue.queue[0]
        if (event, self.state_machine.current_state) not in TRANSITION_TABLE:
            self.event_queue.get(block=False)
            self.to_provider_queue.get(block=False)

    def _wait_for_close(self) -> None:
        """After the last word nothing counts but the end of the connection."""
        while not self.to_provider_queue.empty():
            self.to_provider_queue.get(block=False)
        if self._closing_until is None:
            self._closing_until = time.monotonic() + _LINGER_SECONDS
        is_open = isinstance(self.socket, EventDrivenSocket) and self.socket.drop()
        if is_open and time.monotonic() < self._closing_until:
            return
        if self.socket is not None:
            self.socket.close()
        # Also when it was closed already, and close() says nothing.
        if self.event_queue.empty():
            self.event_queue.put("Evt17")

    def _cut_off(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        """End this association and no other, whatever a peer's bytes did to the library."""
        if not isinstance(error, Exception):
            return False
        log.error("upper_layer_failed", exc_info=error)
        abort = A_ABORT_RQ()
        abort.source = _PROVIDER
        abort.reason_diagnostic = 0
        if self.socket is not None:
            self.socket.send(abort.encode())
            self.socket._shutdown_socket()
        self.assoc.is_aborted = True
        self.assoc.is_established = False
        self.assoc._kill = True
        self._kill_thread = True
        return True
