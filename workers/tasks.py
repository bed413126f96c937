"""The Celery tasks: shells that hand a row's id to a plain function."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

import structlog
from celery import Celery
from celery.worker.request import Request
from typing_extensions import override

from node.db.session import UNAVAILABLE
from node.messages import ANALYSE_TASK, CONFIRM_TASK, DELIVER_TASK, REPORT_TASK
from workers.analyse import analyse_instance
from workers.confirm import confirm_deliveries
from workers.deliver import deliver_results
from workers.detectors import Detectors
from workers.failure import Failure, FailuresGoTo
from workers.report import report_study
from workers.runtime import Runtime
from workers.watchdog import Draining

log = structlog.get_logger(__name__)


class LossTellingRequest(Request):  # type: ignore[misc]  # Celery has no types
    """A message whose acknowledgement tells that the broker is gone.

    Celery logs that and goes on. A solo worker, which notices nothing while it works,
    then waits for ever on a connection that is closed; the error ends the wait and the
    worker connects anew.
    """

    acknowledged: bool

    @override
    def acknowledge(self) -> None:
        if not self.acknowledged:
            self._on_ack(logging.getLogger(__name__), ())
            self.acknowledged = True


def register_analysis(app: Celery, runtime: Runtime, detectors: Detectors) -> None:
    """Give the application the task that needs the detectors.

    Not shared: Celery would give it to every later application of the process too.
    """
    app.task(name=ANALYSE_TASK, Request=LossTellingRequest, shared=False)(
        _shell(ANALYSE_TASK, partial(analyse_instance, runtime, detectors))
    )


def register_network(app: Celery, runtime: Runtime) -> None:
    """Give the application the tasks that build results, send them and ask for them."""
    app.task(name=REPORT_TASK, shared=False)(_shell(REPORT_TASK, partial(report_study, runtime)))
    app.task(name=DELIVER_TASK, shared=False)(
        _shell(DELIVER_TASK, partial(deliver_results, runtime))
    )
    app.task(name=CONFIRM_TASK, shared=False)(
        _shell(CONFIRM_TASK, partial(confirm_deliveries, runtime))
    )


def _shell(name: str, step: Callable[..., None]) -> Callable[..., None]:
    def task(**arguments: object) -> None:
        # What left the task would be logged by Celery with its text, and with the text of
        # the exception behind it.
        with FailuresGoTo(partial(_say, name)):
            try:
                step(**arguments)
            except Draining as reason:
                # Dispatch publishes it again, to a process that takes work.
                log.warning("task_left_to_others", task=name, reason=str(reason))
            except UNAVAILABLE as error:
                # The row did not move, so the dispatch sweep publishes it again.
                log.warning("database_away", task=name, kind=type(error).__name__)

    return task


def _say(name: str, failure: Failure) -> None:
    log.error("task_failed", task=name, kind=failure.kind, place=failure.place)
