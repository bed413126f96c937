"""Which certificates of the settings expire soon; a file that is not here is not looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.errors import UnusableCertificate
from node.tls.files import destination_files, load_files, scp_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from config.settings import Settings
    from node.tls.certificates import CertificateFacts
    from node.tls.files import TlsFiles


@dataclass(frozen=True, slots=True)
class Ending:
    """A certificate that expires within thirty days, or has.

    ``setting`` is the path of the setting that names its file.
    """

    setting: str
    certificate: CertificateFacts

    def words(self, now: datetime) -> str:
        """Say it in a line."""
        day = f"{self.certificate.not_after:%Y-%m-%d}"
        what = f"{self.setting} ({self.certificate.subject})"
        if self.certificate.is_over(now):
            return f"{what} expired on {day}: replace the file"
        left = (self.certificate.not_after - now).days
        return f"{what} expires on {day}, in {left} days: have it renewed and replace the file"


def scp_endings(settings: Settings, now: datetime) -> list[Ending]:
    """Give those of ``scp.tls``: our certificate, its issuers, the clients' authorities."""
    tls = settings.scp.tls
    return list(_endings(scp_files(tls), now)) if tls.is_on else []


def destination_endings(settings: Settings, now: datetime) -> list[Ending]:
    """Give those of every destination: what we show there, and whom we believe."""
    return [
        ending
        for name, destination in settings.destinations.items()
        if destination.tls.enabled
        for ending in _endings(destination_files(destination.tls, f"destinations.{name}.tls"), now)
    ]


def _endings(files: TlsFiles, now: datetime) -> Iterator[Ending]:
    try:
        loaded = load_files(files)
    except UnusableCertificate:
        # The process that needs them says so; this one may not even be given them.
        return
    for setting, found in (
        ("certificate", loaded.chain),
        (files.authorities_name, loaded.authorities),
    ):
        for certificate in found:
            if certificate.ends_soon(now):
                yield Ending(f"{files.where}.{setting}", certificate)
