"""What a certificate says, and which of the names of a binding it has."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from config.tls import certificate_name
from node.tls.certificates import CertificateFacts, facts
from node.tls.check import names
from node.tls.files import exposure
from node.tls.trial import TrialAuthority

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
AUTHORITY = TrialAuthority(NOW - DAY, NOW + 100 * DAY)


def issued(*hosts: str, **what: object) -> CertificateFacts:
    pem = AUTHORITY.issue("mammo1", hosts, **what).certificate  # type: ignore[arg-type]
    return facts(x509.load_pem_x509_certificate(pem))


def test_names_addresses_dates_and_uses_are_read() -> None:
    found = issued("Mammo1.example.org", "192.0.2.7", "::1", for_clients=True)

    assert found.names == ("mammo1.example.org",)
    assert found.addresses == ("192.0.2.7", "::1")
    assert found.subject == "CN=mammo1,O=mgnode trial - not for production"
    assert found.issuer == "CN=trial CA,O=mgnode trial - not for production"
    assert (found.serves_clients, found.serves_servers, found.is_authority) == (True, False, False)
    assert found.not_after == NOW + 100 * DAY


@pytest.mark.parametrize(
    ("name", "is_own"),
    [
        ("mammo1.example.org", True),
        ("MAMMO1.example.org", True),
        ("O=mgnode trial - not for production, CN=mammo1", True),
        ("CN=mammo1", False),
        ("CN=mammo2,O=mgnode trial - not for production", False),
        ("mammo2.example.org", False),
        ("mammo1", False),
        ("0" * 64, False),
    ],
)
def test_a_binding_names_a_certificate_by_dns_name_or_whole_subject(
    name: str, is_own: bool
) -> None:
    assert issued("mammo1.example.org").is_one_of([certificate_name(name)]) == is_own


def test_a_binding_names_a_certificate_by_its_fingerprint() -> None:
    one, other = issued("a.example"), issued("a.example")

    assert one.is_one_of([other.fingerprint, one.fingerprint])
    assert not one.is_one_of([other.fingerprint])


def test_a_wildcard_in_a_certificate_binds_nobody() -> None:
    assert not issued("*.example.org").is_one_of(["mammo1.example.org"])


@pytest.mark.parametrize(
    ("host", "is_named"),
    [
        ("pacs.example.org", True),
        ("PACS.example.org.", True),
        ("one.wild.example", True),
        ("two.one.wild.example", False),
        ("wild.example", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
    ],
)
def test_a_host_is_named_as_tls_names_it(host: str, is_named: bool) -> None:
    assert names(issued("pacs.example.org", "*.wild.example", "192.0.2.7"), host) == is_named


@pytest.mark.parametrize(
    ("days", "soon", "over"), [(31, False, False), (29, True, False), (0, True, True)]
)
def test_thirty_days_are_soon(days: int, soon: bool, over: bool) -> None:
    found = issued(not_after=NOW + days * DAY)

    assert (found.ends_soon(NOW), found.is_over(NOW)) == (soon, over)


@pytest.mark.parametrize(
    ("mode", "of_root", "of_another"),
    [
        (0o600, True, True),
        (0o400, True, True),
        (0o640, True, False),
        (0o660, False, False),
        (0o604, False, False),
        (0o602, False, False),
        (0o644, False, False),
    ],
)
def test_a_key_is_private_when_its_owner_alone_reads_it_or_roots_group(
    tmp_path: Path, mode: int, of_root: bool, of_another: bool
) -> None:
    path = tmp_path / "key.pem"
    path.touch()
    path.chmod(mode)

    assert (exposure(path) == "") == (of_root if path.stat().st_uid == 0 else of_another)
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
        assert (exposure(path) == "") == of_another
