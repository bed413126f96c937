"""`mgnode worker network` as a process of its own, for tests that kill or read it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from config.loading import LoadedSettings
from config.settings import Settings
from config.show import as_toml
from tests.servers import Server

REPOSITORY = Path(__file__).resolve().parents[1]


def environment_of(settings: Settings, folder: Path) -> dict[str, str]:
    """Write the settings to a file; give the environment in which a command reads them."""
    config = folder / "mgnode.toml"
    config.write_text(as_toml(LoadedSettings(settings, {})), encoding="utf-8")
    secrets = {
        "MGNODE_DATABASE__URL": settings.database.url,
        "MGNODE_BROKER__URL": settings.broker.url,
    }
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("MGNODE_")},
        **{name: url.get_secret_value() for name, url in secrets.items() if url is not None},
        "MGNODE_CONFIG": str(config),
        "PYTHONPATH": str(REPOSITORY),
    }


class NetworkWorker(Server):
    """The process; it is ready when it says so in its log."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        super().__init__(folder)
        folder.mkdir(exist_ok=True)
        self._environment = environment_of(settings, folder)

    def arguments(self) -> list[str]:
        return [sys.executable, "-m", "workers.cli", "worker", "network"]

    def popen_options(self) -> dict[str, dict[str, str]]:
        return {"env": self._environment}

    def is_ready(self) -> bool:
        return "worker_ready" in self.log.read_text(encoding="utf-8")
