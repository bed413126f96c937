"""`mgnode serve` and `mgnode dispatch`: one process each, until it is told to stop."""

from __future__ import annotations

import os
import signal
import socket
import threading

import structlog

from config.settings import Settings
from node.clock import utc_now
from node.db import audit
from node.db.events import Event
from node.db.session import UNAVAILABLE, Database
from node.dispatch.broker import CeleryPublisher, celery_app
from node.dispatch.head_export import HeadExport
from node.dispatch.loop import Dispatcher
from node.dispatch.reconcile import Reconciler
from node.scp.server import StorageScp
from node.store.heartbeat import Heartbeat
from node.store.paths import Layout

log = structlog.get_logger(__name__)


def stop_on_signal(stop: threading.Event) -> None:
    """Set ``stop`` at SIGTERM or SIGINT."""

    def set_stop(_number: int, _frame: object) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, set_stop)
    signal.signal(signal.SIGINT, set_stop)


def run_scp(settings: Settings) -> None:
    """Receive images until told to stop.

    Raises
    ------
    StopError
        The database has another schema, or the address cannot be bound.
    """
    stop = threading.Event()
    stop_on_signal(stop)
    database = Database(settings.database_url)
    database.require_current_schema()
    scp = StorageScp(settings, database)
    scp.start()
    try:
        _note(database, Event.NODE_STARTED, scp.name)
        stop.wait()
        scp.stop()
        _note_stop(database, scp.name)
    finally:
        scp.stop()
        database.dispose()


def run_dispatch(settings: Settings) -> None:
    """Publish what is due until told to stop.

    Raises
    ------
    StopError
        The database has another schema.
    """
    stop = threading.Event()
    stop_on_signal(stop)
    database = Database(settings.database_url)
    database.require_current_schema()
    actor = f"dispatch@{socket.gethostname()}:{os.getpid()}"
    publisher = CeleryPublisher(celery_app(settings))
    heartbeat = Heartbeat(Layout(settings.storage.root).run, "dispatch")
    dispatcher = Dispatcher(settings, database, publisher, actor=actor, beat=heartbeat.beat)
    reconciler = Reconciler(settings, database, publisher, actor=actor)
    _note(database, Event.NODE_STARTED, actor)
    # A daemon: an export that hangs on another host must not keep the process from its end.
    export = HeadExport(settings, database)
    threading.Thread(target=export.run, args=(stop,), name="head-export", daemon=True).start()
    # A daemon: a file system that hangs must not hold the end of the process up.
    threading.Thread(target=reconciler.run, args=(stop,), name="reconcile", daemon=True).start()
    log.info("dispatch_ready")
    try:
        dispatcher.run(stop)
        _note(database, Event.NODE_STOPPED, actor)
    except UNAVAILABLE as error:
        # The loop meets this itself; here it is the end of the process that is not told.
        log.warning("stop_not_audited", kind=type(error).__name__)
    finally:
        database.dispose()


def _note(database: Database, event: Event, actor: str) -> None:
    with database.begin() as session:
        audit.append(session, at=utc_now(), event=event, entity="process", actor=actor)


def _note_stop(database: Database, actor: str) -> None:
    try:
        _note(database, Event.NODE_STOPPED, actor)
    except UNAVAILABLE as error:
        # What was received is durable; the end of the process alone is not told.
        log.warning("stop_not_audited", kind=type(error).__name__)
