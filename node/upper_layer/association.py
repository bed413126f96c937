"""An association whose service thread sleeps until there is a message, an end or a timeout."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import structlog
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from typing_extensions import override

from node.upper_layer.provider import EventDrivenProvider
from node.upper_layer.signals import SignallingQueue

if TYPE_CHECKING:
    from pynetdicom import AE
    from pynetdicom.dimse_primitives import DimseServiceType

log = structlog.get_logger(__name__)

_INVALID_PDU: Final = "Evt19"
"""PS3.8 9.2: ends the association with A-ABORT, in whatever state it is."""
_MOST_REQUESTS: Final = 2
"""Of a peer, in our hands at one time; PS3.7 D.3.3.3: without negotiation it is one."""


class EventDrivenAssociation(Association):
    """pynetdicom's association without its polling.

    Attributes
    ----------
    news : threading.Event
        Set whenever its thread should look: a message, a primitive, another timeout, the end.
    fault : str
        What the peer broke, when that ended it: one of a few texts of ours.
    """

    dul: EventDrivenProvider

    def __init__(self, entity: AE, mode: str) -> None:
        self.news = threading.Event()
        self.fault = ""
        self._serving = 0
        self._serving_lock = threading.Lock()
        super().__init__(entity, mode)
        self.dul = EventDrivenProvider(self)
        self.use_provider(DIMSEServiceProvider(self))
        # They were told to the providers that are gone.
        self.acse_timeout = self.acse_timeout
        self.network_timeout = self.network_timeout

    def use_provider(self, provider: DIMSEServiceProvider) -> None:
        """Let ``provider`` take and send the messages."""
        provider.msg_queue = SignallingQueue(self.news.set)
        self.dimse = provider

    @property
    def keeps_up(self) -> bool:
        """Whether more may be read: a peer that asks on and on must wait for its answers."""
        # What comes to a requestor are the answers it waits for.
        waiting = self._serving + self.dimse.msg_queue.qsize()
        return self.is_requestor or waiting < _MOST_REQUESTS

    def give_up(self, why: str) -> None:
        """End it with A-ABORT, as what the peer sent is no message; from either thread."""
        if self.fault:
            return
        log.warning("message_refused", reason=why)
        self.fault = why
        self.dul.event_queue.put(_INVALID_PDU)

    @override
    def kill(self) -> None:
        """End both threads, when the connection has ended."""
        self._reactor_checkpoint.set()
        self._kill = True
        self.is_established = False
        self._is_paused = True
        self.news.set()
        self.dul.finish()

    @override
    def _serve_request(self, msg: DimseServiceType, context_id: int) -> None:
        with self._serving_lock:
            self._serving += 1
        try:
            missing = _missing(msg)
            if self.is_acceptor and missing:
                # pynetdicom's own says nothing, and the peer would wait for its answer.
                self.give_up(f"{type(msg).__name__} without {missing}")
                return
            super()._serve_request(msg, context_id)
        finally:
            # Answered or not, nobody reads its data set any more. A C-CANCEL never has one.
            data_set = getattr(msg, "_dataset_variant", None)
            if data_set is not None:
                data_set.close()
            with self._serving_lock:
                self._serving -= 1
            self.dul.wake()

    @override
    def _run_reactor(self) -> None:
        """Serve requests until the association ends."""
        while not self._kill:
            # Asleep counts as paused: whoever pauses it must find it here, and it goes
            # through the checkpoint before it touches anything.
            self._is_paused = True
            self.news.wait(self.dul.seconds_until_idle)
            self._reactor_checkpoint.wait()
            self._is_paused = False
            if not self._reactor_checkpoint.is_set():
                continue
            self.news.clear()
            self._serve_what_came()
            if self._has_ended():
                self.kill()

    def _serve_what_came(self) -> None:
        """Serve the messages that wait; the end of the association waits behind them."""
        while not self._kill:
            context_id, message = self.dimse.get_msg(block=False)
            if message is None or context_id is None:
                return
            self._serve_request(message, context_id)

    def _has_ended(self) -> bool:
        """Look for each way in which an association ends, and say so."""
        if self.is_established and self.acse.is_release_requested():
            self.acse.send_release(is_response=True)
            self.is_released = True
            self.is_established = False
            evt.trigger(self, evt.EVT_RELEASED, {})
            return True
        if self.acse.is_aborted():
            # So that EVT_ACSE_RECV is triggered.
            self.dul.receive_pdu(wait=False)
            self.is_aborted = True
            self.is_established = False
            evt.trigger(self, evt.EVT_ABORTED, {})
            return True
        if not self.dul.is_alive():
            return True
        if self.dul.idle_timer_expired():
            self.abort()
            return True
        return False


def _missing(msg: DimseServiceType) -> str:
    """Name what a request must have and this one has not; empty when it has all of it."""
    # A C-CANCEL comes here when ten others wait, and requires nothing that pynetdicom knows.
    required = getattr(msg, "REQUEST_KEYWORDS", ("MessageID",))
    return next((each for each in required if getattr(msg, each, None) is None), "")
