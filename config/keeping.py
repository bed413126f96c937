"""Settings of what is kept: the audit log's checkpoints, and how long files stay."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from config.group import Group

_NETWORK_SYSLOG = re.compile(r"(?:udp|tcp)://(?:[0-9A-Za-z._-]{1,253}|\[[0-9A-Fa-f:.]+\]):\d{1,5}")
SYSLOG_MEANS: Final = "a socket such as /dev/log, udp://HOST:PORT or tcp://HOST:PORT"


def _syslog(value: str) -> str:
    if value and not value.startswith("/") and not _NETWORK_SYSLOG.fullmatch(value):
        raise ValueError(f"wants {SYSLOG_MEANS}")
    return value


class AuditSettings(Group):
    """The audit log's signed checkpoints, and where its head is told to."""

    key: Path | None = Field(
        None,
        description="File of the private key, made by `mgnode audit key`; not set: audit.pem in "
        "a folder beside storage.root, named like it with -keys. Without the file nothing is "
        "signed.",
    )
    public_keys: tuple[Path, ...] = Field(
        (),
        description="Files of public keys, or folders of *.pub.pem, by which `mgnode audit verify` "
        "checks signatures; empty: the folder of the private key.",
    )
    checkpoint_events: int = Field(
        1000, ge=1, description="Sign the head of the log after so many events,"
    )
    checkpoint_minutes: float = Field(
        10.0, gt=0, description="or after this long with any event, whichever is first."
    )
    head_file: Path | None = Field(
        None,
        description="File to which each signed head is appended; best on another host's mount.",
    )
    syslog: Annotated[str, AfterValidator(_syslog)] = Field(
        "", description=f"Where each signed head is sent: {SYSLOG_MEANS}; empty: nowhere."
    )


class RetentionSettings(Group):
    """How long files stay; rows and the audit log stay for ever. 0 is for ever."""

    images_days: float = Field(
        0.0,
        ge=0,
        description="Remove a study's images this long after all of its deliveries are done: "
        "confirmed, or delivered where the destination's `confirm` is none.",
    )
    results_days: float = Field(
        0.0, ge=0, description="Remove a study's results this long after the same moment."
    )
    quarantine_days: float = Field(
        0.0,
        ge=0,
        description="Remove what lies in quarantine this long after it came there: refused data "
        "sets, and files that no row names.",
    )
