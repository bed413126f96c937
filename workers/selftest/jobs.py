"""What a child of the self-test does: one piece of the node's work, with the node's own code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Final

from pydicom import dcmread
from typing_extensions import override

from config.settings import Settings
from node.db import session
from node.db.session import Database
from node.dicom.pixels import to_grey
from node.dispatch.broker import CeleryPublisher, celery_app
from node.dispatch.loop import Dispatcher
from node.errors import TransientFailure
from node.messages import ANALYSE_TASK, CONFIRM_TASK, DELIVER_TASK, REPORT_TASK
from node.scp.server import StorageScp
from node.store.paths import Layout
from workers.decoding import Decoder, Picture
from workers.detectors import Detectors
from workers.runtime import Runtime
from workers.selftest.bugs import plant
from workers.selftest.gate import Gate, Kind
from workers.selftest.instruments import Instruments
from workers.selftest.scripted_detector import ScriptedDetector
from workers.selftest.steps import Job
from workers.tasks import register_analysis, register_network

RESULTS: Final = (1, 2)
"""Ids of the deliveries of one study: a report and an overlay for one destination."""

QUIET: Final = timedelta(minutes=3)
"""Longer than the pauses between an image and its report, and before a question to a PACS."""


@dataclass(frozen=True)
class Order:
    """One child's work.

    ``clock`` is how far its clock is ahead of the machine's; ``lock_seconds`` is how long it
    waits for the database; ``bug`` is a deliberate one, by name; ``output`` gets what it prints.
    """

    job: Job
    settings: Settings
    output: Path
    clock: timedelta
    lock_seconds: float | None = None
    trouble: type[Exception] | None = None
    bug: str = ""


@dataclass
class Clock:
    """A clock that is set by its distance to the machine's."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        """Give the moment."""
        return datetime.now(UTC) + self.ahead


class DecoderHere(Decoder):
    """Decodes in this process: where decoding is not the step, its own one takes too long."""

    @override
    def decode(self, path: Path, sop_instance_uid: str, *, only_eligible: bool = False) -> Picture:
        return Picture(to_grey(dcmread(path)), ())


def runtime_of(
    settings: Settings, database: Database, clock: Callable[[], datetime], decoder: Decoder
) -> Runtime:
    """Give what a worker process has."""
    return Runtime(
        settings=settings,
        database=database,
        layout=Layout(settings.storage.root),
        actor="selftest",
        clock=clock,
        decoder=decoder,
        random=Random(1),  # noqa: S311 - jitter of pauses, the same in each run
    )


class Work:
    """Dispatch and both workers in one process: sweeps, and tasks as Celery runs them."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        detector: ScriptedDetector,
        decoder: Decoder | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.database = Database(settings.database_url)
        self.runtime = runtime_of(
            settings, self.database, clock, decoder or Decoder(settings.analysis)
        )
        self.app = celery_app(settings)
        register_analysis(self.app, self.runtime, Detectors(settings, detector.detector))
        register_network(self.app, self.runtime)
        self.dispatcher = Dispatcher(
            settings, self.database, CeleryPublisher(self.app), actor="dispatch", clock=clock
        )

    def close(self) -> None:
        """Give up every connection."""
        self.runtime.decoder.close()
        self.app.close()
        self.database.dispose()

    def run(self, task: str, **arguments: object) -> None:
        """Run one task as a worker that has got its message."""
        self.app.tasks[task](**arguments)

    def sweep(self) -> None:
        """Take every step of dispatch once; a broker that is away cuts it short."""
        try:
            self.dispatcher.sweep()
        except (TransientFailure, *session.UNAVAILABLE) as error:
            sys.stderr.write(f"sweep cut short: {type(error).__name__}\n")


def carry_out(order: Order, line: Connection, stop: Connection) -> None:
    """Run in the child: do the work, stopping at each point; then the process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with order.output.open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    if order.lock_seconds is not None:
        session.LOCK_WAIT_SECONDS = order.lock_seconds  # type: ignore[misc, assignment]
    plant(order.bug)
    gate = Gate(line)
    clock = Clock(order.clock)
    instruments = Instruments(gate, order.settings, order.job)
    if order.job is Job.RECEIVE:
        gate.lets_pass = True
        instruments.install()
        _serve(order.settings, clock, gate, stop)
        return
    decoder = None if order.job is Job.ANALYSE else DecoderHere()
    work = Work(order.settings, clock, ScriptedDetector(order.trouble), decoder)
    instruments.install()
    for piece in _PIECES[order.job]:
        piece(work)
    if order.job is not Job.WHOLE:
        gate.reach(instruments.step, Kind.END)
    work.close()


def _serve(settings: Settings, clock: Clock, gate: Gate, stop: Connection) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("node.scp.") and hasattr(module, "utc_now"):
            setattr(module, "utc_now", clock)  # noqa: B010 - no name of a module's own
    database = Database(settings.database_url)
    scp = StorageScp(settings, database)
    scp.start()
    gate.lets_pass = False
    stop.send("ready")
    stop.recv()
    scp.stop()
    database.dispose()


def _sweep(work: Work) -> None:
    work.sweep()


def _analyse(work: Work) -> None:
    work.run(ANALYSE_TASK, instance_id=1)


def _report(work: Work) -> None:
    work.dispatcher.move_rows()
    work.run(REPORT_TASK, study_id=1)


def _send(work: Work) -> None:
    work.run(DELIVER_TASK, delivery_ids=list(RESULTS))


def _confirm(work: Work) -> None:
    work.run(CONFIRM_TASK, delivery_ids=list(RESULTS))


def _pass(work: Work) -> None:
    work.clock.ahead += QUIET


# A message is an id, and the scratch database gives the first ones: so a message can come twice.
_PIECES: Final[dict[Job, Sequence[Callable[[Work], None]]]] = {
    Job.QUEUE: (_sweep,),
    Job.ANALYSE: (_analyse,),
    Job.REPORT: (_report,),
    Job.SEND: (_send,),
    Job.CONFIRM: (_confirm,),
    Job.WHOLE: (_sweep, _analyse, _pass, _report, _send, _pass, _confirm),
}
