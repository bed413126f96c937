"""What every task of a worker process needs, made once at its start."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from random import Random
from zoneinfo import ZoneInfo

from config.profiles import Profile
from config.settings import Settings
from node.clock import utc_now
from node.db.session import Database
from node.dicom.eligibility import OWN_DEVICE
from node.dicom.findings import Device
from node.store.paths import Layout
from workers.decoding import Decoder
from workers.watchdog import Unwatched, Watchdog


@dataclass(frozen=True)
class Runtime:
    """Settings, database and files of one worker process.

    ``actor`` names the process in the audit log: role, host and process id.
    """

    settings: Settings
    database: Database
    layout: Layout
    actor: str
    clock: Callable[[], datetime] = utc_now
    random: Random = field(default_factory=Random)
    watchdog: Watchdog = field(default_factory=Unwatched)
    decoder: Decoder = field(default_factory=Decoder)

    @property
    def time_zone(self) -> ZoneInfo | None:
        """The zone of our own times where the source names none; None is this machine's."""
        name = self.settings.results.time_zone
        return ZoneInfo(name) if name else None

    @property
    def device(self) -> Device:
        """The node as equipment, as it names itself."""
        return self.device_of(Profile())

    def device_of(self, profile: Profile) -> Device:
        """Give the node as equipment, as results in a profile's form name it."""
        results = self.settings.results
        manufacturer, model_name = OWN_DEVICE
        return Device(
            manufacturer=profile.manufacturer or manufacturer,
            model_name=model_name,
            software_versions=version("mgnode"),
            serial_number=results.serial_number,
            station_name=results.station_name,
            institution_name=results.institution_name,
        )


def open_runtime(settings: Settings, *, role: str) -> Runtime:
    """Connect a worker process to its database and files.

    Raises
    ------
    StopError
        The database has another schema than this version needs.
    """
    database = Database(settings.database_url)
    database.require_current_schema()
    layout = Layout(settings.storage.root)
    layout.create()
    return Runtime(
        settings=settings,
        database=database,
        layout=layout,
        actor=f"{role}@{socket.gethostname()}:{os.getpid()}",
        decoder=Decoder(settings.analysis),
    )
