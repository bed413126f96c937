from __future__ import annotations

import io
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import pytest
import structlog

from config.log import configure
from config.settings import LogSettings
from tests.hostile_text import ESCAPES, steers


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_its_time_in_utc_its_level_its_process_and_its_fields() -> None:
    stream = io.StringIO()
    configure(LogSettings(format="json"), "scp", stream)

    structlog.get_logger("node.scp").info("instance_received", sop_instance_uid="1.2", bytes=3)

    (line,) = lines_of(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "instance_received",
        "level": "info",
        "logger": "node.scp",
        "process": "scp",
        "sop_instance_uid": "1.2",
        "bytes": 3,
    }


def test_the_loggers_of_the_standard_library_write_the_same_lines() -> None:
    stream = io.StringIO()
    configure(LogSettings(format="json"), "worker", stream)

    logging.getLogger("celery.worker").info("Task %s received", "mgnode.analyse")

    (line,) = lines_of(stream)
    assert line["event"] == "Task mgnode.analyse received"
    assert line["process"] == "worker"


def test_configuring_twice_writes_each_line_once() -> None:
    stream = io.StringIO()
    configure(LogSettings(format="json"), "scp", stream)
    configure(LogSettings(format="json"), "scp", stream)

    structlog.get_logger("node.scp").info("started")

    assert len(lines_of(stream)) == 1


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_only_what_reaches_the_level_is_written(level: str) -> None:
    stream = io.StringIO()
    configure(LogSettings.model_validate({"format": "json", "level": level}), "scp", stream)
    log = structlog.get_logger("node.scp")

    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)("event")

    order = ["debug", "info", "warning", "error"]
    assert [line["level"] for line in lines_of(stream)] == order[order.index(level) :]


@pytest.mark.parametrize("format_", ["json", "console"])
@pytest.mark.parametrize("name", ["pynetdicom.events", "sqlalchemy.engine", "PIL", "h5py"])
def test_no_library_speaks_below_warning_even_at_level_debug(name: str, format_: str) -> None:
    stream = io.StringIO()
    log = LogSettings.model_validate({"format": format_, "level": "debug"})
    configure(log, "scp", stream)

    logging.getLogger(name).info("PatientName = YAMADA^HANAKO")
    assert stream.getvalue() == ""

    logging.getLogger(name).warning("peer is gone")
    assert "peer is gone" in stream.getvalue()


def test_values_that_pydicom_quotes_in_its_warnings_are_not_written() -> None:
    stream = io.StringIO()
    configure(LogSettings(format="json", level="debug"), "scp", stream)

    logging.getLogger("pydicom").warning("Invalid value for VR PN: 'YAMADA^HANAKO'")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("Invalid value for VR PN: 'YAMADA^HANAKO'", UserWarning, stacklevel=1)

    (line,) = lines_of(stream)
    assert line["event"].endswith(": UserWarning")
    assert "YAMADA" not in stream.getvalue()


@pytest.mark.parametrize("format_", ["json", "console"])
def test_a_traceback_shows_no_local_variable(format_: str) -> None:
    stream = io.StringIO()
    configure(LogSettings.model_validate({"format": format_}), "scp", stream)
    patient_name = "YAMADA^" + "HANAKO"

    try:
        int(patient_name[:6])
    except ValueError:
        structlog.get_logger("node.scp").exception("failed")

    assert "ValueError" in stream.getvalue()
    assert "YAMADA" not in stream.getvalue()
    assert "YAMADA^HANAKO" not in stream.getvalue()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("celery.worker.strategy", "info"),
        ("celery.app.trace", "info"),
        ("pynetdicom.transport", "error"),
        ("alembic.runtime.migration", "info"),
    ],
)
def test_what_our_own_lines_say_is_not_said_again(name: str, said: str) -> None:
    stream = io.StringIO()
    configure(LogSettings(level="info"), "worker", stream)

    getattr(logging.getLogger(name), said)("the same once more")

    assert stream.getvalue() == ""


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("text", ESCAPES.values(), ids=ESCAPES)
def test_a_text_of_a_peer_neither_steers_the_terminal_nor_makes_a_line(
    text: str, form: str
) -> None:
    stream = io.StringIO()
    configure(LogSettings.model_validate({"format": form}), "scp", stream)

    structlog.get_logger("node.scp").warning("association_rejected", calling_ae=text, all=[text])
    logging.getLogger("pynetdicom.acse").warning("the peer is %s", text)

    assert not steers(stream.getvalue())
    assert len(stream.getvalue().splitlines()) == 2


def quote(text: str) -> None:
    raise ValueError(text)


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("text", ESCAPES.values(), ids=ESCAPES)
def test_a_traceback_does_not_steer_the_terminal(text: str, form: str) -> None:
    stream = io.StringIO()
    configure(LogSettings.model_validate({"format": form}), "scp", stream)

    try:
        quote(text)
    except ValueError:
        structlog.get_logger("node.scp").exception("database_away")

    assert "ValueError" in stream.getvalue()
    assert not steers(stream.getvalue())


class OwnError(Exception):
    __module__ = "node.errors"


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_has_no_text_of_a_foreign_exception(form: str) -> None:
    """What a library says of a data set may be a name that stands in it."""
    stream = io.StringIO()
    configure(LogSettings.model_validate({"format": form}), "scp", stream)

    try:
        try:
            quote("PatientName Anna")
        except ValueError as error:
            raise OwnError("instance 1.2.3 cannot be read") from error
    except OwnError:
        structlog.get_logger("node.scp").exception("instance_refused")
        logging.getLogger("pynetdicom.events").exception("it was Anna")

    assert "Anna" not in stream.getvalue()
    assert "ValueError" in stream.getvalue()
    assert "in quote" in stream.getvalue()
    assert stream.getvalue().count("instance 1.2.3 cannot be read") == 2
    assert "instance_refused" in stream.getvalue()


@pytest.mark.parametrize("form", ["console", "json"])
def test_the_text_of_the_systems_own_exceptions_is_kept(form: str) -> None:
    stream = io.StringIO()
    configure(LogSettings.model_validate({"format": form}), "scp", stream)

    try:
        Path("/nothing/here").read_bytes()
    except OSError as error:
        structlog.get_logger("node.scp").error("disk", exc_info=error)

    assert "No such file or directory" in stream.getvalue()
