"""Carries a plan of faults out on a running node and its destinations."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import redis

from benchmarks.soak import faults
from benchmarks.soak.destinations import MoodyPacs, StoreScp
from benchmarks.soak.faults import Fault
from benchmarks.soak.images import ImageStock
from benchmarks.soak.intruders import announce
from benchmarks.soak.ledger import Ledger
from tests.peer import RawRequestor
from tests.running_node import RunningNode, embedded_broker
from tests.servers import RedisServer, wait_until

UP_SECONDS = 90.0
"""A process that does not run again after this long fails the run."""


@dataclass
class Storm:
    """Strikes one node as planned; `struck` is what happened, in seconds since `start`.

    Parameters
    ----------
    broker : RedisServer, optional
        Where the node does not run a broker of its own.
    """

    node: RunningNode
    plan: list[Fault]
    stock: ImageStock
    ledger: Ledger
    storescp: StoreScp
    moody: MoodyPacs
    broker: RedisServer | None = None
    struck: list[Fault] = field(default_factory=list, init=False)
    downtimes: dict[str, list[float]] = field(default_factory=dict, init=False)
    failure: BaseException | None = field(default=None, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Begin to strike."""
        self._thread = threading.Thread(target=self._run, name="storm")
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether the plan is carried out, or failed."""
        return self._thread is not None and not self._thread.is_alive()

    def finish(self) -> None:
        """Strike no more and leave every destination as it should be."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def counts(self) -> Counter[str]:
        """How often each fault struck."""
        return Counter(fault.kind for fault in self.struck)

    def _run(self) -> None:
        began = time.monotonic()
        try:
            for fault in self.plan:
                if self._stop.wait(max(began + fault.at - time.monotonic(), 0.0)):
                    return
                self.node.embedded.check()
                self._action(fault)()
                self.struck.append(
                    Fault(round(time.monotonic() - began, 1), fault.kind, fault.lasts)
                )
        except Exception as error:  # noqa: BLE001 - told at the end of the run, which fails by it
            self.failure = error

    def _action(self, fault: Fault) -> Callable[[], None]:
        if fault.kind == faults.KILL_AMID_AN_IMAGE:
            return self._kill_amid_an_image
        if fault.kind.startswith(faults.KILL):
            return partial(self._kill, fault.kind.removeprefix(faults.KILL))
        actions: dict[str, Callable[[], None]] = {
            faults.EMPTY_BROKER: self._empty_broker,
            faults.KILL_STORESCP: self._kill_storescp,
            faults.AWAY: partial(self._away, fault.lasts),
            faults.REFUSES: partial(self._mood, "refuses", fault.lasts),
            faults.ABORTS: partial(self._mood, "aborts", fault.lasts),
        }
        return actions[fault.kind]

    def _kill(self, program: str) -> None:
        """Kill a process that runs; wait for one that is about to run again."""
        if program == "broker" and self.broker is not None:
            self.broker.kill()
            self.broker.start()
            return
        waited = time.monotonic()
        wait_until(partial(self._runs, program), f"{program} runs", seconds=UP_SECONDS)
        self.downtimes.setdefault(program, []).append(time.monotonic() - waited)
        os.kill(self.node.embedded.pids[program], signal.SIGKILL)

    def _runs(self, program: str) -> bool:
        self.node.embedded.check()
        pid = self.node.embedded.pids.get(program, 0)
        try:
            state = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return pid != 0 and state != "Z"

    def _kill_amid_an_image(self) -> None:
        image = self.stock.study(20_000_000 + len(self.struck), views=1).images[0]
        address = self.node.address
        status: int | None = None
        wait_until(partial(self._runs, "serve"), "serve runs", seconds=UP_SECONDS)
        with (
            contextlib.suppress(OSError, EOFError, AssertionError),
            RawRequestor((address.host, address.port)) as line,
        ):
            announce(line, address, image)
            line.send_data_set(image.data_set[: len(image.data_set) // 2], last=False)
            self._kill("serve")
            status = line.read_status()[0]
        self.ledger.note_intrusion("its node is killed", uid=image.sop_instance_uid, status=status)

    def _empty_broker(self) -> None:
        if self.broker is not None:
            self.broker.empty()
            return
        # It may be down just now: then it is as good as empty.
        with (
            contextlib.suppress(redis.ConnectionError),
            embedded_broker(self.node.settings) as client,
        ):
            client.flushall()

    def _kill_storescp(self) -> None:
        self.storescp.kill()
        self._stop.wait(2.0)
        self.storescp.start()

    def _away(self, seconds: float) -> None:
        self.moody.leave()
        self._stop.wait(seconds)
        self.moody.come()

    def _mood(self, mood: str, seconds: float) -> None:
        self.moody.mood = mood
        self._stop.wait(seconds)
        self.moody.mood = "takes"
