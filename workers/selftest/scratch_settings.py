"""The settings of the scratch node: everything on loopback, one image, one destination."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from config.settings import Settings
from workers.selftest.scripted_pacs import AE_TITLE

if TYPE_CHECKING:
    from pathlib import Path

PACS: Final = "pacs"
"""Name of the one destination."""


def scratch_settings(
    root: Path, *, database_url: str, broker_url: str, scp_port: int, pacs: tuple[str, int]
) -> Settings:
    """Make the settings of a node that gives its one destination a report and an overlay."""
    host, port = pacs
    return Settings.model_validate(
        {
            "storage": {"root": root, "free_space_gib": 0.0},
            "database": {"url": database_url},
            "broker": {"url": broker_url},
            "scp": {"port": scp_port, "dimse_timeout_seconds": 3.0, "acse_timeout_seconds": 3.0},
            "scu": {
                "connection_timeout_seconds": 2.0,
                "acse_timeout_seconds": 5.0,
                "dimse_timeout_seconds": 5.0,
            },
            "profiles": {"two-kinds": {"objects": ["measurement_report", "overlay"]}},
            "destinations": {
                PACS: {
                    "ae_title": AE_TITLE,
                    "host": host,
                    "port": port,
                    "profile": "two-kinds",
                    "confirm": "commitment",
                }
            },
            "analysis": {"max_attempts": 3},
        }
    )


def free_port() -> int:
    """Return a TCP port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
