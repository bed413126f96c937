"""One log for every process: structlog and the standard library's loggers, to one stream.

Nothing that a library says below WARNING is written, whatever the level: at
DEBUG pynetdicom prints data sets and SQLAlchemy prints rows, and both hold
patients' names.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger
from typing_extensions import override

from config.log_tracebacks import without_quotations
from config.printable import printable
from config.settings import LogSettings

OURS: Final = ("node", "workers", "models", "config", "__main__", "celery")
"""Loggers that follow ``log.level``; all others speak from WARNING up."""

SILENCED: Final = ("pydicom",)
"""Libraries whose warnings quote values of the data set; they speak from ERROR up."""

REPEATING: Final = {
    "celery.worker.strategy": logging.WARNING,
    "celery.app.trace": logging.WARNING,
    "pynetdicom.transport": logging.CRITICAL,
}
"""Loggers whose lines say again what ours say, from the level at which they say more."""

_WARNING_PLACE = re.compile(r".*?:\d+: \w+(?=:)", re.DOTALL)


class _PlaceOfWarning(logging.Filter):
    """Keep where a Python warning arose and drop its text, which may quote a data set."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        place = _WARNING_PLACE.match(record.getMessage())
        record.msg, record.args = (place.group() if place else "a Python warning"), ()
        return True


def configure(log: LogSettings, process: str, stream: TextIO | None = None) -> None:
    """Send everything this process logs to ``stream``, as ``log`` says.

    Parameters
    ----------
    log : LogSettings
        Level and format.
    process : str
        Which part of the node this is, for example ``scp``; on every line.
    stream : TextIO, optional
        Standard error by default, which leaves standard output to results.
    """
    stream = sys.stderr if stream is None else stream

    def add_process(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["process"] = process
        return event

    every_line: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_process,
    ]
    structlog.configure(
        processors=[*every_line, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=every_line,
            processors=[
                without_quotations,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderer(log, is_terminal=stream.isatty()),
            ],
        )
    )
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.handlers = [handler]
    _set_levels(log)


def _neutral(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Let no text of a peer steer the terminal or pass for another line; JSON escapes by itself."""
    neutral = {}
    for key, value in event.items():
        make = _lines if key == "exception" else printable
        neutral[key] = make(value) if isinstance(value, str) else value
    return neutral


def _lines(traceback: str) -> str:
    return "\n".join(map(printable, traceback.split("\n")))


def _renderer(log: LogSettings, *, is_terminal: bool) -> list[Processor]:
    if log.format == "json":
        return [structlog.processors.JSONRenderer()]
    return [_neutral, structlog.dev.ConsoleRenderer(colors=is_terminal)]


def _set_levels(log: LogSettings) -> None:
    level = logging.getLevelNamesMapping()[log.level.upper()]
    logging.getLogger().setLevel(max(level, logging.WARNING))
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    for name in SILENCED:
        logging.getLogger(name).setLevel(logging.ERROR)
    # pynetdicom sets its own logger; a level here outlasts its debug_logger().
    logging.getLogger("pynetdicom").setLevel(max(level, logging.WARNING))
    for name, least in REPEATING.items():
        logging.getLogger(name).setLevel(max(level, least))
    warnings = logging.getLogger("py.warnings")
    warnings.filters = [_PlaceOfWarning()]
