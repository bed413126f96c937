"""Settings of receiving: who may send to the node, and within which limits."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from config.fields import AeTitle, Host, Network, Port
from config.group import Group
from config.tls import ScpTlsSettings


class ScpSettings(Group):
    """Receiving: the Storage SCP."""

    ae_title: AeTitle = Field("MGNODE", description="Called AE title we answer to.")
    host: Host = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 is every one.")
    port: Port = Field(11112, description="TCP port to listen on.")
    calling_ae_titles: tuple[AeTitle, ...] = Field(
        (), description="Calling AE titles that may associate; empty: any, from this machine alone."
    )
    networks: tuple[Network, ...] = Field(
        (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
        description="Networks that may associate; the default is this machine alone.",
    )
    max_associations: int = Field(400, ge=1, le=10_000, description="Associations at one time.")
    max_associations_per_ae_title: int = Field(
        200, ge=0, le=10_000, description="Of one calling AE title at one time; 0: no limit."
    )
    max_associations_per_address: int = Field(
        200, ge=0, le=10_000, description="Of one address at one time; 0: no limit."
    )
    max_images_per_minute_per_ae_title: int = Field(
        10_000,
        ge=0,
        description="C-STOREs of one calling AE title; further ones get 0xA700. 0: no limit.",
    )
    max_images_per_minute_per_address: int = Field(
        10_000, ge=0, description="C-STOREs of one address; further ones get 0xA700. 0: no limit."
    )
    acse_timeout_seconds: float = Field(
        15.0, gt=0, description="Wait this long for an association request or release."
    )
    dimse_timeout_seconds: float = Field(
        30.0, gt=0, description="Wait this long for a data set that a command announced."
    )
    pdu_timeout_seconds: float = Field(
        15.0,
        gt=0,
        description="Abort an association whose PDU has begun and has not ended for this long, or "
        "that does not take ours; dimse_timeout_seconds holds too.",
    )
    idle_timeout_seconds: float = Field(
        60.0, gt=0, description="Abort an association on which nothing came for this long."
    )
    tls: ScpTlsSettings = ScpTlsSettings()

    @field_validator("tls")
    @classmethod
    def _has_a_port_of_its_own(cls, value: ScpTlsSettings, info: ValidationInfo) -> ScpTlsSettings:
        if value.mode == "beside" and value.port == info.data.get("port"):
            raise ValueError(f"port {value.port} is scp.port too; choose another for one of them")
        return value

    @field_validator("tls")
    @classmethod
    def _binds_titles_that_may_associate(
        cls, value: ScpTlsSettings, info: ValidationInfo
    ) -> ScpTlsSettings:
        listed = info.data.get("calling_ae_titles")
        unlisted = sorted(set(value.bindings) - set(listed or value.bindings))
        if unlisted:
            raise ValueError(
                f"bindings names {', '.join(unlisted)}: list them in calling_ae_titles too"
            )
        return value

    @property
    def own_port(self) -> int:
        """The port by which this SCP is known: the plain one, where there is one."""
        return self.tls.port if self.tls.is_alone else self.port

    @model_validator(mode="after")
    def _others_are_named(self) -> Self:
        others = [str(network) for network in self.networks if not network.is_loopback]
        if others and not self.calling_ae_titles:
            raise ValueError(
                f"networks lets other machines in ({', '.join(others)}), and calling_ae_titles "
                "names nobody: list the AE titles that may send"
            )
        return self
