"""Worker processes: one solo process for the detector, threads for the network."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog
from celery import Celery
from celery.apps.worker import Worker
from celery.worker import state

from config.settings import Settings
from node.db import audit
from node.db.events import Event
from node.db.session import UNAVAILABLE
from node.dispatch.broker import celery_app
from node.errors import StopError
from node.messages import ANALYSIS_QUEUE, NETWORK_QUEUE, REPORT_QUEUE
from node.store.claim_sheet import ClaimSheet
from node.store.heartbeat import EVERY_SECONDS, Heartbeat
from workers.consumer import CarefulConsumer
from workers.detectors import Detectors
from workers.gpu import load_detector
from workers.operating_point import check_candidate_thresholds
from workers.runtime import Runtime, open_runtime
from workers.takeover import take_over
from workers.tasks import register_analysis, register_network
from workers.watchdog import ProcessWatchdog

if TYPE_CHECKING:
    # The network worker imports this module too and must not load TensorFlow.
    from models.detector import Detector

log = structlog.get_logger(__name__)

SPARE_THREADS: Final = 3
"""Threads of the network worker beside those of the destinations: one to send, one to ask.

Dispatch gives a destination one batch of each at a time, so those that hang leave these to the
reports and the others.
"""

DRAINED: Final = 1
"""Exit status of a worker that ends because a part of it hung and came back after all."""


SWITCH_SECONDS: Final = 0.0005
"""A thread that computes lets another one go on after so long.

With Python's 5 ms a thread that holds the database's one write lock waits so long after each
statement while another builds a report, and every process of the node waits for it.
"""


def run_analysis_worker(
    settings: Settings,
    *,
    demonstration: bool = False,
    load: Callable[..., Detector] = load_detector,
) -> int:
    """Load the detector, then analyse images until told to stop; give the exit status.

    The model is loaded once, in this process, and there is never a fork after it:
    TensorFlow hangs in a forked child. ``demonstration`` lets the demonstration model
    answer: in the node of `mgnode demo` alone.

    Raises
    ------
    StopError
        No usable weights, or no usable database.
    """
    runtime = _watched(open_runtime(settings, role="analysis"))
    detector = load(settings, demonstration=demonstration)
    check_candidate_thresholds(settings.detector, detector.spec)
    app = celery_app(settings)
    register_analysis(app, runtime, Detectors(settings, detector))
    details = {
        "model": detector.spec.name,
        "model_version": detector.version,
        "weights_sha256": detector.weights_sha256,
    }
    return _run(
        app, runtime, "analysis", [ANALYSIS_QUEUE], pool="solo", concurrency=1, details=details
    )


def run_network_worker(settings: Settings) -> int:
    """Build results and send them until told to stop; give the exit status.

    Raises
    ------
    StopError
        No usable database, or no destination: nobody would ever see a result.
    """
    if not settings.destinations:
        raise StopError(
            "destinations: there is none, so nobody would receive a result; name the PACS "
            "in the settings ([destinations.pacs] with ae_title, host and port)"
        )
    runtime = _watched(open_runtime(settings, role="network"))
    app = celery_app(settings)
    sys.setswitchinterval(SWITCH_SECONDS)
    register_network(app, runtime)
    return _run(
        app,
        runtime,
        "network",
        [REPORT_QUEUE, NETWORK_QUEUE],
        pool="threads",
        concurrency=_threads(settings),
        details={},
    )


def _threads(settings: Settings) -> int:
    confirming = [each for each in settings.destinations.values() if each.confirm != "none"]
    return len(settings.destinations) + len(confirming) + SPARE_THREADS


def _run(
    app: Celery,
    runtime: Runtime,
    part: str,
    queues: list[str],
    *,
    pool: str,
    concurrency: int,
    details: dict[str, str],
) -> int:
    _note(runtime, Event.NODE_STARTED, details)
    worker: Worker = app.Worker(
        queues=queues,
        pool=pool,
        concurrency=concurrency,
        consumer_cls=CarefulConsumer,
        hostname=f"{queues[0]}@{socket.gethostname()}",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    # The timer of the loop that takes messages, and of the solo pool's tasks: when the loop
    # hangs, so does the heartbeat.
    worker.timer.call_repeatedly(EVERY_SECONDS, Heartbeat(runtime.layout.run, part).beat)
    log.info("worker_ready", queues=queues, pool=pool, concurrency=concurrency)
    worker.start()
    try:
        _note(runtime, Event.NODE_STOPPED, details)
    except UNAVAILABLE as error:
        # The work is done and its rows are right; the end of the process alone is not told.
        log.warning("stop_not_audited", kind=type(error).__name__)
    runtime.decoder.close()
    runtime.watchdog.close()
    runtime.database.dispose()
    sys.stdout.flush()
    return int(worker.exitcode or 0)


def _watched(runtime: Runtime) -> Runtime:
    """Take over what a worker of this host left that is gone, and watch our own work."""
    take_over(runtime)
    sheet = ClaimSheet(runtime.layout.run, runtime.actor)
    return replace(runtime, watchdog=ProcessWatchdog(sheet, drain=_take_no_more))


def _take_no_more() -> None:
    # Celery ends as at SIGTERM: it waits for what runs, gives back what waits.
    state.should_stop = DRAINED


def _note(runtime: Runtime, event: Event, details: dict[str, str]) -> None:
    with runtime.database.begin() as session:
        audit.append(
            session,
            at=runtime.clock(),
            event=event,
            entity="process",
            actor=runtime.actor,
            details=details,
        )
