"""The one frozen tree of settings: what may differ between two hospitals."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from config.detecting import DetectorSettings
from config.fields import (
    AeTitle,
    BrokerUrl,
    DatabaseUrl,
    DestinationName,
    PlainText,
    ProfileName,
    TimeZone,
)
from config.group import Group
from config.keeping import AuditSettings, RetentionSettings
from config.profiles import STANDARD, Profile
from config.receiving import ScpSettings
from config.reconciling import AlarmSettings, ReconcileSettings
from config.sending import DeliverySettings, Destination, ScuSettings


class StorageSettings(Group):
    """Where files lie."""

    root: Path = Field(
        Path("mgnode-data"),
        description="Folder of the spool, the images, the results and the embedded database.",
    )
    free_space_gib: float = Field(
        20.0, ge=0.0, description="Below this many GiB free, answer C-STORE with 0xA700."
    )


class DatabaseSettings(Group):
    """The SQL truth."""

    url: DatabaseUrl | None = Field(
        None,
        description="SQLAlchemy URL, postgresql+psycopg://...; empty: SQLite below storage.root.",
    )


class BrokerSettings(Group):
    """Celery's broker."""

    url: BrokerUrl | None = Field(
        None,
        description=(
            "Broker URL, redis://:PASSWORD@HOST or rediss://... for TLS; empty: the Valkey server "
            "that `mgnode up` starts."
        ),
    )
    timeout_seconds: float = Field(
        30.0, ge=1, description="Redis and Valkey: a broker that does not answer so long is away."
    )
    ca_file: Path | None = Field(
        None,
        description="CA certificates (PEM) for a broker with TLS; not set: those of the system.",
    )


class StudySettings(Group):
    """When a study counts as complete."""

    quiet_seconds: float = Field(
        120.0, gt=0, description="Complete when no image came for this long."
    )
    limit_minutes: float = Field(
        60.0, gt=0, description="Report at the latest this long after the first image."
    )


class DispatchSettings(Group):
    """The outbox loop."""

    poll_seconds: float = Field(0.5, gt=0, le=60, description="Pause between two sweeps.")
    republish_seconds: float = Field(
        30.0, gt=0, description="Publish again what nobody claimed for this long."
    )
    window: int = Field(64, ge=1, le=10_000, description="Images in the broker at one time.")


class AnalysisSettings(Group):
    """The analysis worker."""

    lease_seconds: float = Field(
        300.0, gt=0, description="A worker that holds an image longer than this has lost it."
    )
    max_attempts: int = Field(
        5, ge=1, description="Attempts on one image or report before it is set aside as FAILED."
    )
    decode_seconds: float = Field(
        60.0,
        gt=0,
        description="An image that takes longer to decode is rejected; well below lease_seconds.",
    )
    decode_memory_mib: int = Field(
        3072,
        gt=0,
        description="MiB that decoding one image may take; one that needs more is rejected.",
    )


class ResultSettings(Group):
    """What the objects we return say of this node."""

    institution_name: PlainText = Field(
        "", max_length=64, description="InstitutionName of results; printable ASCII."
    )
    station_name: PlainText = Field(
        "MGNODE", max_length=16, description="StationName of results; printable ASCII."
    )
    serial_number: PlainText = Field(
        "0", max_length=64, description="DeviceSerialNumber of results; printable ASCII."
    )
    time_zone: TimeZone = Field(
        "",
        description=(
            "Zone of the results' times where the images name none, Europe/Berlin or the like; "
            "empty: this machine's."
        ),
    )
    identity_conflict: Literal["stop", "separate"] = Field(
        "stop",
        description=(
            "Where images of one study disagree about patient, study or order. stop: no results. "
            "separate: each patient and order gets results of its own."
        ),
    )


class LogSettings(Group):
    """What the processes say."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is written."
    )
    format: Literal["console", "json"] = Field(
        "console", description="console: for people; json: one object a line."
    )


_STANDARD_PROFILE = Profile()


class Settings(Group):
    """Every setting of the node."""

    storage: StorageSettings = StorageSettings()
    database: DatabaseSettings = DatabaseSettings()
    broker: BrokerSettings = BrokerSettings()
    scp: ScpSettings = ScpSettings()
    scu: ScuSettings = ScuSettings()
    profiles: dict[ProfileName, Profile] = Field(
        {},
        description="What destinations get, by a name of your choice; `standard` is the default.",
    )
    destinations: dict[DestinationName, Destination] = Field(
        {}, description="Who receives results, by a name of your choice."
    )
    routes: dict[AeTitle, tuple[DestinationName, ...]] = Field(
        {},
        description="Calling AE title to destination names; others go to every destination.",
        examples=[{"MAMMO1": ["pacs"]}],
    )
    study: StudySettings = StudySettings()
    dispatch: DispatchSettings = DispatchSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    delivery: DeliverySettings = DeliverySettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    alarms: AlarmSettings = AlarmSettings()
    detector: DetectorSettings = DetectorSettings()
    results: ResultSettings = ResultSettings()
    audit: AuditSettings = AuditSettings()
    retention: RetentionSettings = RetentionSettings()
    log: LogSettings = LogSettings()

    @field_validator("destinations")
    @classmethod
    def _destinations_name_profiles(
        cls, value: dict[str, Destination], info: ValidationInfo
    ) -> dict[str, Destination]:
        # Absent when the profiles themselves are wrong: that problem is reported then.
        known = info.data.get("profiles")
        unknown = sorted({row.profile for row in value.values()} - {STANDARD, *(known or ())})
        if known is not None and unknown:
            raise ValueError(f"no profile is named {', '.join(unknown)}")
        return value

    @field_validator("routes")
    @classmethod
    def _routes_name_destinations(
        cls, value: dict[str, tuple[str, ...]], info: ValidationInfo
    ) -> dict[str, tuple[str, ...]]:
        # Absent when the destinations themselves are wrong: that problem is reported then.
        known = info.data.get("destinations")
        unknown = sorted({name for names in value.values() for name in names} - set(known or ()))
        if known is not None and unknown:
            raise ValueError(f"no destination is named {', '.join(unknown)}")
        return value

    @field_validator("alarms")
    @classmethod
    def _gone_destinations_are_gone(
        cls, value: AlarmSettings, info: ValidationInfo
    ) -> AlarmSettings:
        there = sorted({*value.gone_destinations} & {*(info.data.get("destinations") or ())})
        if there:
            raise ValueError(f"gone_destinations names {', '.join(there)}, which is a destination")
        return value

    @field_validator("detector")
    @classmethod
    def _graded_results_have_thresholds(
        cls, value: DetectorSettings, info: ValidationInfo
    ) -> DetectorSettings:
        graded = sorted(
            name
            for name, profile in (info.data.get("profiles") or {}).items()
            if "cad_sr" in profile.objects and profile.cad_sr.form == "graded"
        )
        if graded and not value.candidate_thresholds:
            raise ValueError(
                "candidate_thresholds is empty, and the CAD SR is to be graded in the profile "
                + ", ".join(graded)
            )
        return value

    def destinations_for(self, calling_ae: str) -> tuple[str, ...]:
        """Names of the destinations for a study that ``calling_ae`` sent."""
        return self.routes.get(calling_ae, tuple(self.destinations))

    def profile_of(self, destination: str) -> Profile:
        """Profile of a destination; the standard one for a name that is in no setting."""
        row = self.destinations.get(destination)
        name = STANDARD if row is None else row.profile
        return self.profiles.get(name, _STANDARD_PROFILE)

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL in force; it may hold a password."""
        if self.database.url is not None:
            return self.database.url.get_secret_value()
        return f"sqlite:///{self.storage.root.absolute() / 'mgnode.sqlite3'}"

    @property
    def audit_key_file(self) -> Path:
        """The private key that signs checkpoints, whether it is there or not.

        By default beside the storage and not below it: a copy of that folder holds no key.
        """
        root = self.storage.root.absolute()
        return self.audit.key or root.with_name(f"{root.name}-keys") / "audit.pem"

    @property
    def signs_audit(self) -> bool:
        """Whether checkpoints are wanted: the key is named, or lies where it is by default."""
        return self.audit.key is not None or self.audit_key_file.exists()

    @property
    def audit_public_keys(self) -> tuple[Path, ...]:
        """Files and folders of the public keys by which checkpoints are verified."""
        return self.audit.public_keys or (self.audit_key_file.parent,)

    @property
    def broker_socket(self) -> Path:
        """Unix socket of the embedded broker."""
        return self.storage.root.absolute() / "run" / "valkey.sock"

    @property
    def broker_url(self) -> str:
        """Celery's broker URL in force; it may hold a password, but not the embedded broker's."""
        if self.broker.url is not None:
            return self.broker.url.get_secret_value()
        return f"redis+socket://{self.broker_socket}"
