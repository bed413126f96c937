"""Settings of reconciliation: how fast the node compares, and when waiting is too long."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from config.fields import DestinationName
from config.group import Group


class ReconcileSettings(Group):
    """Comparing rows, files, broker and destinations, all the time."""

    items_per_second: int = Field(
        200, ge=1, le=100_000, description="Rows and files that dispatch compares in a second."
    )
    pass_minutes: float = Field(
        10.0, gt=0, description="Begin no pass over all rows and files sooner after the last one."
    )
    checksum_mib_per_minute: float = Field(
        100.0, ge=0, description="So much is read to check the sha256 of stored files; 0: none."
    )
    orphan_hours: float = Field(
        24.0, gt=0, description="Name a file that no row names when it is older than this."
    )
    orphan_days: float = Field(
        7.0, gt=0, description="Do with such a file what `orphans` says when it is older than this."
    )
    orphans: Literal["keep", "quarantine", "remove"] = Field(
        "quarantine",
        description=(
            "What becomes of files that no row names. After a restored backup of the database "
            "they may be images that were answered with success: remove only without one."
        ),
    )

    @field_validator("orphan_days")
    @classmethod
    def _named_before_it_is_moved(cls, value: float, info: ValidationInfo) -> float:
        hours = info.data.get("orphan_hours")
        if hours is not None and value * 24 < hours:
            raise ValueError(f"is sooner than orphan_hours ({hours:g})")
        return value


class AlarmSettings(Group):
    """When something waits too long: an alarm in the log and in `mgnode reconcile`."""

    received_minutes: float = Field(5.0, gt=0, description="An image that dispatch has not queued.")
    queued_minutes: float = Field(60.0, gt=0, description="An image that no worker has taken.")
    analysing_minutes: float = Field(15.0, gt=0, description="An image in a worker's hands.")
    open_minutes: float = Field(
        10.0, gt=0, description="A study that is open so long after study.limit_minutes."
    )
    complete_minutes: float = Field(15.0, gt=0, description="A study that is not reported.")
    pending_minutes: float = Field(240.0, gt=0, description="A result that is not sent.")
    sending_minutes: float = Field(30.0, gt=0, description="A result that is being sent.")
    unconfirmed_hours: float = Field(
        25.0, gt=0, description="A delivery that its destination has not confirmed."
    )
    unclaimed_periods: int = Field(
        10,
        ge=2,
        description="No worker listens when nothing was claimed for so many times "
        "dispatch.republish_seconds while something was due.",
    )
    failing_minutes: float = Field(
        60.0, gt=0, description="A destination fails that took nothing for so long."
    )
    gone_destinations: tuple[DestinationName, ...] = Field(
        (),
        description="Names that are in no setting any more and will not be again: nobody is told "
        "of the results that FAILED for them.",
    )
    quarantine_days: float = Field(
        7.0, gt=0, description="A file in quarantine that nobody has looked at."
    )
