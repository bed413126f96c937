"""The node's SCP, running in the test's process, and what can be seen of its work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation
from sqlalchemy import func, select

from config.receiving import ScpSettings
from config.settings import Settings, StorageSettings
from node.db.session import Database
from node.db.tables import Association, AuditEvent, Instance, Study
from node.dicom.part10 import encode
from node.scp.listening import Listener
from node.scp.server import StorageScp
from node.store.paths import Layout
from tests.factories import make_mammogram, stable_uid
from tests.servers import free_port

MG = str(DigitalMammographyXRayImageStorageForPresentation)
UID = stable_uid("one image")


def encoded(**attributes: object) -> bytes:
    """Give the data set of the image ``UID`` as a sender's bytes, Explicit VR Little Endian."""
    return encode(make_mammogram(sop_instance_uid=UID, **attributes))  # type: ignore[arg-type]


@dataclass
class RunningScp:
    """A started SCP with its database and folders."""

    scp: StorageScp
    settings: Settings
    database: Database
    layout: Layout

    @property
    def address(self) -> tuple[str, int]:
        return self.scp.address

    def instances(self) -> list[Instance]:
        """Rows of received instances, oldest first."""
        with self.database.read() as session:
            return list(session.scalars(select(Instance).order_by(Instance.id)))

    def count(self, table: type[Instance | Study | Association | AuditEvent]) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def open_associations(self) -> int:
        with self.database.read() as session:
            open_rows = select(func.count()).where(Association.closed_at.is_(None))
            return session.scalar(open_rows) or 0

    def outcomes(self) -> list[str]:
        """How the associations ended, in the order they were opened."""
        with self.database.read() as session:
            return list(session.scalars(select(Association.outcome).order_by(Association.id)))

    def audited(self, event: str) -> list[AuditEvent]:
        with self.database.read() as session:
            found = select(AuditEvent).where(AuditEvent.event == event).order_by(AuditEvent.id)
            return list(session.scalars(found))

    def refusal(self, event: str = "instance_refused") -> dict[str, object]:
        """Give the UID and the details of the one such event."""
        (row,) = self.audited(event)
        return {"uid": row.uid, **row.details}

    def files(self, folder: str) -> list[Path]:
        """Every DICOM or half-received file below one of the storage root's folders."""
        below = self.layout.root / folder
        return sorted(p for p in below.rglob("*") if p.is_file() and p.name != "lock")

    def holds_nothing(self) -> bool:
        """Whether no object is stored, spooled or recorded."""
        return not (self.files("spool") or self.files("instances") or self.instances())


def scp_settings(root: Path, *, free_space_gib: float = 0.01, **scp: Any) -> Settings:
    if "networks" in scp:
        # Other machines must be named, and these tests have none.
        scp.setdefault("calling_ae_titles", ("RAWPEER", "ECHOSCU"))
    return Settings(
        storage=StorageSettings(root=root, free_space_gib=free_space_gib),
        scp=ScpSettings(**{"port": free_port(), **scp}),
    )


@contextmanager
def running_scp(
    settings: Settings, database: Database, *, listeners: Sequence[Listener] | None = None
) -> Iterator[RunningScp]:
    """Start the SCP and stop it when the block is left."""
    scp = StorageScp(settings, database, listeners=listeners)
    scp.start()
    try:
        yield RunningScp(scp, settings, database, Layout(settings.storage.root))
    finally:
        scp.stop()
