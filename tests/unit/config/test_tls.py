"""The settings of TLS: what belongs together, and how a certificate is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from config.loading import SettingsError, load_settings
from config.tls import certificate_name

if TYPE_CHECKING:
    from pathlib import Path

DIGITS = "0123456789abcdef" * 4
PACS = '[destinations.pacs]\nae_title = "PACS"\nhost = "pacs"\nport = 2762\n'


def problems_of(folder: Path, text: str) -> list[str]:
    path = folder / "mgnode.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(path, {})
    return [f"{problem.where}: {problem.text}" for problem in caught.value.problems]


def test_listening_for_tls_needs_certificate_key_and_authority_and_says_so_at_once(
    tmp_path: Path,
) -> None:
    assert problems_of(tmp_path, '[scp.tls]\nmode = "beside"\n') == [
        'scp.tls.certificate: is required with mode = "beside"',
        'scp.tls.key: is required with mode = "beside"',
        "scp.tls.client_ca: is required, or set require_client_certificate = false",
    ]


def test_tls_beside_needs_a_port_of_its_own(tmp_path: Path) -> None:
    files = 'certificate = "c"\nkey = "k"\nclient_ca = "a"\nport = 11112\n'

    assert problems_of(tmp_path, f'[scp.tls]\nmode = "beside"\n{files}') == [
        "scp.tls: port 11112 is scp.port too; choose another for one of them"
    ]


def test_tls_alone_may_have_the_port_of_the_plain_one(tmp_path: Path) -> None:
    path = tmp_path / "mgnode.toml"
    files = 'certificate = "c"\nkey = "k"\nclient_ca = "a"\nport = 11112\n'
    path.write_text(f'[scp.tls]\nmode = "only"\n{files}', encoding="utf-8")

    assert load_settings(path, {}).scp.tls.is_alone


def test_a_binding_without_tls_is_a_problem_as_it_would_shut_the_peer_out(tmp_path: Path) -> None:
    assert problems_of(tmp_path, '[scp.tls.bindings]\nMAMMO1 = ["m1.example"]\n') == [
        'scp.tls.bindings: binds AE titles to certificates, and mode is "off"'
    ]


def test_a_binding_without_an_authority_is_a_problem_as_nobody_could_prove_it(
    tmp_path: Path,
) -> None:
    text = (
        '[scp.tls]\nmode = "beside"\ncertificate = "c"\nkey = "k"\n'
        'require_client_certificate = false\nbindings = { MAMMO1 = ["m1.example"] }\n'
    )

    assert problems_of(tmp_path, text) == [
        "scp.tls.bindings: binds AE titles to certificates that only client_ca can verify"
    ]


def test_a_binding_to_nothing_is_a_problem(tmp_path: Path) -> None:
    text = (
        '[scp.tls]\nmode = "beside"\ncertificate = "c"\nkey = "k"\nclient_ca = "a"\n'
        "bindings = { MAMMO1 = [] }\n"
    )

    assert problems_of(tmp_path, text) == ["scp.tls.bindings: names no certificate for MAMMO1"]


def test_a_binding_of_a_title_that_may_not_associate_is_a_problem(tmp_path: Path) -> None:
    text = (
        '[scp]\ncalling_ae_titles = ["MAMMO1"]\n'
        '[scp.tls]\nmode = "beside"\ncertificate = "c"\nkey = "k"\nclient_ca = "a"\n'
        'bindings = { MAMMO1 = ["m1.example"], MAMMO2 = ["m2.example"] }\n'
    )

    assert problems_of(tmp_path, text) == [
        "scp.tls: bindings names MAMMO2: list them in calling_ae_titles too"
    ]


def test_a_destination_over_tls_needs_an_authority(tmp_path: Path) -> None:
    assert problems_of(tmp_path, f"{PACS}tls = {{ enabled = true }}\n") == [
        "destinations.pacs.tls.ca: is required with enabled = true: without it nobody is verified"
    ]


@pytest.mark.parametrize("one", ["certificate", "key"])
def test_a_certificate_and_its_key_go_together(tmp_path: Path, one: str) -> None:
    text = f'{PACS}tls = {{ enabled = true, ca = "a", {one} = "x" }}\n'

    assert problems_of(tmp_path, text) == [
        "destinations.pacs.tls.key: certificate and key go together: both or none"
        + (" (it is 'x')" if one == "key" else "")
    ]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (DIGITS, DIGITS),
        (DIGITS.upper(), DIGITS),
        (":".join(DIGITS[at : at + 2].upper() for at in range(0, 64, 2)), DIGITS),
        ("Mammo1.Example.ORG", "mammo1.example.org"),
        ("CN=MAMMO1,O=Hospital", "CN=MAMMO1,O=Hospital"),
        ("O=Hospital,CN=MAMMO1", "CN=MAMMO1,O=Hospital"),
        ("CN = MAMMO1, O = Hospital", "CN=MAMMO1,O=Hospital"),
    ],
)
def test_a_certificate_is_named_in_one_form_however_it_is_written(written: str, kept: str) -> None:
    assert certificate_name(written) == kept


@pytest.mark.parametrize("text", ["", "*.example.org", "a b", "=x", "CN=,", "-a", "ab:cd"])
def test_any_other_name_of_a_certificate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no subject|is neither"):
        certificate_name(text)
