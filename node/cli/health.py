"""`mgnode health`: whether one process of the node can do its work, for a container's health check.

It opens no association: each would be a row in the audit log, one a minute for ever.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Final

import typer
from kombu.exceptions import OperationalError

from config.printable import printable
from config.settings import Settings
from node.cli.context import ConfigOption, JsonOption, load, print_json
from node.cli.reconcile import queue_rows
from node.cli.up import own_address
from node.clock import utc_now
from node.db.confirmations import count_alarms
from node.db.discrepancies import count_open
from node.db.session import UNAVAILABLE, Database
from node.dispatch.broker import celery_app
from node.dispatch.head_export import audit_trouble
from node.errors import NodeError
from node.store.heartbeat import Heartbeat
from node.store.paths import Layout
from node.store.quota import has_room
from node.tls.expiry import Ending, destination_endings, scp_endings
from node.tls.files import load_files, scp_files

TIMEOUT_SECONDS: Final = 5.0
SLOWEST_TURN_SECONDS: Final = 60.0
"""A loop turns within seconds, unless its database or broker is slow to say that it is away."""


class Part(StrEnum):
    """A process of the node."""

    SCP = "scp"
    DISPATCH = "dispatch"
    ANALYSIS = "analysis"
    NETWORK = "network"


ASKS_DESTINATIONS: Final = (Part.DISPATCH, Part.NETWORK)
SHOWS_CERTIFICATES: Final = (Part.SCP, Part.NETWORK)


class NotHealthy(NodeError):
    """What a check found; the text holds no URL, which may hold a password."""


def health(
    part: Annotated[
        Part, typer.Argument(help="scp, dispatch, analysis or network: the process to check.")
    ],
    config: ConfigOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Check a process on this host, and what it needs; exit status 1 if not all is well.

    The SCP must accept a connection; the loop of each other part must have turned lately,
    as its heartbeat says. Deliveries that no destination confirmed are counted too, and for
    dispatch the open discrepancies and the queues whose oldest waits too long; for the SCP and
    the network certificates that end within thirty days are named. They say nothing against the
    process.
    """
    settings = load(config)
    found = {name: _problem(check, settings) for name, check in CHECKS[part].items()}
    warnings: list[str] = []
    if part is Part.SCP and settings.scp.tls.is_on:
        found["certificates"] = _problem(_certificates, settings)
        found["TLS port"] = _problem(_tls_port, settings)
    if part in SHOWS_CERTIFICATES:
        warnings = [ending.words(utc_now()) for ending in _endings(settings, part)]
    age = None if part is Part.SCP else _heartbeat(settings, part).age_seconds()
    if part is not Part.SCP:
        found["heartbeat"] = _too_old(age, limit=_limit_seconds(settings, part))
    problems = {name: text for name, text in found.items() if text}
    alarms = _alarms(settings) if part in ASKS_DESTINATIONS and not found["database"] else None
    disagreeing, late = None, None
    if part is Part.DISPATCH and not found["database"]:
        disagreeing, late = _discrepancies(settings)
    if as_json:
        print_json(
            {
                "part": part.value,
                "healthy": not problems,
                "checks": found,
                "discrepancies": disagreeing,
                "queues_too_old": late,
                "unconfirmed_deliveries": alarms,
                "warnings": warnings,
                "heartbeat_age_seconds": None if age is None else round(age, 1),
            }
        )
    else:
        for name, text in found.items():
            typer.echo(f"{name}: {text or 'well'}")
        for text in warnings:
            typer.echo(f"warning: {printable(text)}")
        if age is not None:
            typer.echo(f"last heartbeat: {age:.0f} s ago")
        if alarms:
            typer.echo(f"alarm: {alarms} deliveries are not confirmed; docs/operations.md")
        for kind, count in (disagreeing or {}).items():
            typer.echo(f"alarm: {count} {kind}; `mgnode reconcile` names them")
        for queue in late or ():
            typer.echo(f"alarm: {queue} waits too long; `mgnode queues` says how long")
    if problems:
        raise typer.Exit(1)


def _problem(check: Callable[[Settings], None], settings: Settings) -> str:
    try:
        check(settings)
    except NodeError as error:
        return str(error)
    return ""


def _database(settings: Settings) -> None:
    database = Database(settings.database_url)
    try:
        database.require_current_schema()
    except UNAVAILABLE as error:
        raise NotHealthy(f"cannot be reached: {type(error).__name__}") from error
    finally:
        database.dispose()


def _alarms(settings: Settings) -> int | None:
    database = Database(settings.database_url)
    try:
        with database.read() as session:
            return count_alarms(session)
    except UNAVAILABLE:
        return None
    finally:
        database.dispose()


def _audit(settings: Settings) -> None:
    database = Database(settings.database_url)
    try:
        with database.read() as session:
            trouble = audit_trouble(settings, session, at=utc_now())
    except UNAVAILABLE as error:
        raise NotHealthy(f"cannot be looked at: {type(error).__name__}") from error
    finally:
        database.dispose()
    if trouble:
        raise NotHealthy(trouble)


def _discrepancies(settings: Settings) -> tuple[dict[str, int] | None, list[str] | None]:
    """Count open discrepancies by kind, and name the queues whose oldest waits too long."""
    database = Database(settings.database_url)
    try:
        with database.read() as session:
            rows = queue_rows(session, settings, at=utc_now())
            return count_open(session), [row["queue"] for row in rows if row["too_old"]]
    except UNAVAILABLE:
        return None, None
    finally:
        database.dispose()


def _storage(settings: Settings) -> None:
    root = Layout(settings.storage.root).root
    if not os.access(root, os.W_OK | os.X_OK):
        raise NotHealthy(f"{root} is missing or cannot be written")


def _room(settings: Settings) -> None:
    _storage(settings)
    if not has_room(settings.storage.root, settings.storage.free_space_gib):
        raise NotHealthy(f"less than {settings.storage.free_space_gib:g} GiB free")


def _broker(settings: Settings) -> None:
    connection = celery_app(settings).connection_for_write(connect_timeout=TIMEOUT_SECONDS)
    try:
        with connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=TIMEOUT_SECONDS)
    except OperationalError as error:
        raise NotHealthy(f"cannot be reached: {type(error).__name__}") from error


def _port(settings: Settings) -> None:
    own = own_address(settings)
    _accepts(own.host, own.port)


def _tls_port(settings: Settings) -> None:
    _accepts(own_address(settings).host, settings.scp.tls.port)


def _accepts(host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), TIMEOUT_SECONDS).close()
    except OSError as error:
        raise NotHealthy(f"{host}:{port} does not accept: {error.strerror}") from error


def _certificates(settings: Settings) -> None:
    own = load_files(scp_files(settings.scp.tls)).chain[0]
    if own.is_over(utc_now()):
        raise NotHealthy(f"{own.subject} expired on {own.not_after:%Y-%m-%d}: no peer believes us")


def _endings(settings: Settings, part: Part) -> list[Ending]:
    own = scp_endings(settings, utc_now()) if part is Part.SCP else []
    return [*own, *destination_endings(settings, utc_now())]


def _heartbeat(settings: Settings, part: Part) -> Heartbeat:
    return Heartbeat(Layout(settings.storage.root).run, part.value)


def _limit_seconds(settings: Settings, part: Part) -> float:
    """Longest time between two beats; an image keeps the analysis worker's loop that long."""
    lease = settings.analysis.lease_seconds if part is Part.ANALYSIS else 0.0
    return SLOWEST_TURN_SECONDS + lease


def _too_old(age: float | None, *, limit: float) -> str:
    if age is None:
        return "none yet on this host: the process does not run, or has just started"
    return f"the last was {age:.0f} s ago, more than {limit:g} s" if age > limit else ""


CHECKS: Final[dict[Part, dict[str, Callable[[Settings], None]]]] = {
    Part.SCP: {"database": _database, "storage": _room, "port": _port},
    Part.DISPATCH: {"database": _database, "broker": _broker, "audit": _audit},
    Part.ANALYSIS: {"database": _database, "storage": _storage, "broker": _broker},
    Part.NETWORK: {"database": _database, "storage": _storage, "broker": _broker},
}
