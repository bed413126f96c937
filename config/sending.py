"""Settings of sending: the peers that receive results, and how we try."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from config.fields import AeTitle, Host, Port, ProfileName
from config.group import Group
from config.profiles import STANDARD
from config.tls import DestinationTls


class ScuSettings(Group):
    """Sending: the Storage SCU."""

    ae_title: AeTitle = Field("MGNODE", description="Calling AE title we send under.")
    connection_timeout_seconds: float = Field(10.0, gt=0, description="TCP connect limit.")
    acse_timeout_seconds: float = Field(30.0, gt=0, description="Association negotiation limit.")
    dimse_timeout_seconds: float = Field(60.0, gt=0, description="Limit for one answer.")
    report_wait_seconds: float = Field(
        5.0,
        ge=0,
        description="So long the association that asked for storage commitment stays open for the "
        "report; it may come on another one at any time.",
    )


class Destination(Group):
    """A DICOM peer that receives results."""

    ae_title: AeTitle = Field(description="Called AE title of the destination.", examples=["PACS"])
    host: Host = Field(description="Its host name or address.", examples=["192.0.2.10"])
    port: Port = Field(description="Its TCP port.", examples=[104])
    profile: ProfileName = Field(
        STANDARD, description="Name of its profile; `standard` need not be written down."
    )
    confirm: Literal["none", "commitment", "query"] = Field(
        "none",
        description="How it says that it keeps what was sent: by storage commitment (and by "
        "query when it has none or does not report in time), by query (C-FIND of each object, "
        "Study Root), or not at all.",
    )
    tls: DestinationTls = DestinationTls()


class DeliverySettings(Group):
    """Sending results, and trying again."""

    lease_seconds: float = Field(
        300.0, gt=0, description="A sender that holds an object longer than this has lost it."
    )
    retry_first_seconds: float = Field(30.0, gt=0, description="Pause before the second attempt.")
    retry_max_seconds: float = Field(3600.0, gt=0, description="Longest pause between attempts.")
    give_up_hours: float = Field(
        72.0,
        gt=0,
        description="Park a result as FAILED when it was tried for this long; the time in which "
        "nobody tried, as while the node was off, does not count.",
    )
    confirm_after_seconds: float = Field(
        30.0, ge=0, description="From delivery to the first question whether it is kept."
    )
    confirm_timeout_minutes: float = Field(
        15.0,
        gt=0,
        description="So long a commitment report is waited for before a query is made instead; "
        "also the pause between two questions.",
    )
    confirm_hours: float = Field(
        24.0,
        gt=0,
        description="Raise an alarm for what is not confirmed this long after delivery, and was "
        "asked about 3 times at least.",
    )
    resend_limit: int = Field(
        3, ge=0, description="So many times an object is sent again that the destination lost."
    )

    @field_validator("retry_max_seconds")
    @classmethod
    def _not_below_the_first(cls, value: float, info: ValidationInfo) -> float:
        first = info.data.get("retry_first_seconds")
        if first is not None and value < first:
            raise ValueError(f"is below retry_first_seconds ({first:g})")
        return value
