"""A broker of its own for the self-test: a real Valkey server that may be killed."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import redis

from config.settings import Settings, StorageSettings
from node.cli.up import broker_programs
from node.errors import StopError
from node.store.broker_secret import broker_password

_SECONDS: Final = 20.0


class ScratchBroker:
    """Runs from entering until leaving; its journal alone outlives a kill.

    Parameters
    ----------
    folder : Path
        Is made; its path must be short, for a Unix socket.
    """

    def __init__(self, folder: Path) -> None:
        settings = Settings(storage=StorageSettings(root=folder))
        (self._program,) = broker_programs(settings)
        self._socket = settings.broker_socket
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """Give Celery's URL of it, with its password."""
        return f"redis+socket://:{self._password}@{self._socket}"

    @property
    def _password(self) -> str:
        return broker_password(self._socket.parent) or ""

    @property
    def hidden(self) -> Path:
        """Where its socket lies while nobody shall find it."""
        return self._socket.with_suffix(".hidden")

    def start(self) -> None:
        """Start it, if it does not run, and wait until it answers."""
        self.show()
        if self._process is not None and self._process.poll() is None:
            return
        self._socket.parent.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(  # noqa: S603 - the node's own program
            self._program.command,
            cwd=self._socket.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _SECONDS
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise StopError("the self-test's broker does not start")
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(_SECONDS)
            self._process = None

    def empty(self) -> None:
        """Make it forget everything."""
        with self._client() as client:
            client.flushall()

    def hide(self) -> None:
        """Take its socket away: it runs, and nobody can reach it."""
        self._socket.rename(self.hidden)

    def show(self) -> None:
        """Put the socket back."""
        if self.hidden.exists():
            self.hidden.rename(self._socket)

    def _client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self._socket), password=self._password)

    def _answers(self) -> bool:
        with self._client() as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False
