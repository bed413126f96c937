"""DICOM over TLS out: whom the node believes, what it shows, and what it says when it fails."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE

from config.sending import Destination
from node.cli.up import own_address, scp_trouble
from node.db.session import Database
from node.errors import SecurityFailure, TransientFailure
from node.scu.sender import StoreAssociation, echo
from tests.certificates import CertificateFolder
from tests.factories import make_mammogram, save_to_folder
from tests.pdus import ABORT, VERIFICATION, pdu
from tests.peer import AcceptedLine, raw_acceptor
from tests.receiving import running_scp
from tests.secure_storescp import secure_storescp
from tests.sending import IMPATIENT, MG, SCU, SOON, at
from tests.servers import free_port

EXPLICIT = "1.2.840.10008.1.2.1"


# Only the SCP's side has rows, and they are tested there.
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def files(tmp_path: Path) -> CertificateFolder:
    made = CertificateFolder(tmp_path / "tls")
    for name in ("pacs", "node"):
        made.issue(name)
    return made


@pytest.mark.dcmtk
@pytest.mark.parametrize("mutual", [True, False], ids=["mutual", "server only"])
def test_an_object_goes_to_dcmtk_over_tls(
    tmp_path: Path, files: CertificateFolder, mutual: bool
) -> None:
    (path,) = save_to_folder([make_mammogram()], tmp_path / "image")
    with secure_storescp(tmp_path / "pacs", files, *([] if mutual else ["-ic"])) as pacs:
        destination = pacs.secured("node" if mutual else None)
        with StoreAssociation(destination, SCU, [(MG, EXPLICIT)]) as association:
            assert association.store(path).status == 0x0000
        assert len(pacs.received) == 1


@ON_SQLITE
def test_the_node_reaches_its_own_scp_that_speaks_tls_alone(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    # Not the address that it listens on: that is what modalities call it.
    files.issue("server", hosts=["mgnode.example.org"])
    settings = files.scp_settings(tmp_path / "data", mode="only")
    with running_scp(settings, database):
        assert echo(own_address(settings), SCU) > 0
        assert scp_trouble(settings) == ""

    assert "no connection" in scp_trouble(settings)


@ON_SQLITE
def test_an_scp_that_refuses_our_certificate_is_up_all_the_same(
    tmp_path: Path, database: Database, files: CertificateFolder
) -> None:
    files.issue("server", for_clients=False)
    settings = files.scp_settings(tmp_path / "data", mode="only")
    with running_scp(settings, database):
        assert scp_trouble(settings) == ""


@contextmanager
def tls_peer(
    files: CertificateFolder, name: str = "pacs", **limits: Any
) -> Iterator[tuple[str, int]]:
    """Do one handshake as a PACS that wants our certificate; ``limits`` narrow its context."""
    context = files.server_context(name)
    if "ciphers" in limits:
        context.set_ciphers(limits["ciphers"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.maximum_version = limits.get("version", ssl.TLSVersion.MAXIMUM_SUPPORTED)
        context.minimum_version = min(context.maximum_version, ssl.TLSVersion.TLSv1_2)

    def serve(line: AcceptedLine) -> None:
        made = context.wrap_socket(line.socket, server_side=True, do_handshake_on_connect=False)
        line.socket = made
        with contextlib.suppress(OSError):
            made.do_handshake()
        # To close with bytes unread resets the connection, and takes the alert along.
        while socket.socket.recv(made, 4096):
            pass

    with raw_acceptor(serve) as address:
        yield address


LEVEL_0 = "ALL:@SECLEVEL=0"
TROUBLES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "wrong authority": ({"by": "other"}, {}, "does not come from an authority in tls.ca"),
    "expired": ({"not_after": timedelta(minutes=-1)}, {}, "has expired; its administrator must"),
    "early": ({"not_before": timedelta(days=1)}, {}, "is not valid yet; compare the clocks"),
    "wrong host": ({"hosts": ["pacs.example.org"]}, {}, "is not that of 127.0.0.1; set tls.server"),
    "no host": ({"hosts": []}, {}, "is not that of 127.0.0.1; set tls.server_name"),
    "for clients": ({"for_servers": False}, {}, "is not for a server, or too weak"),
    "TLS 1.1": (
        {},
        {"version": ssl.TLSVersion.TLSv1_1, "ciphers": LEVEL_0},
        "it offers no version of TLS that is allowed here",
    ),
    "CBC": (
        {},
        {"version": ssl.TLSVersion.TLSv1_2, "ciphers": "ECDHE-ECDSA-AES128-SHA"},
        "has no cipher suite of the BCP 195 profile",
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_peer_that_cannot_be_believed_gets_nothing_and_the_text_says_what_to_do(
    files: CertificateFolder, trouble: str
) -> None:
    issue, limits, text = TROUBLES[trouble]
    spans = {key: files.now + value for key, value in issue.items() if "not_" in key}
    others = {key: value for key, value in issue.items() if "not_" not in key and key != "by"}
    by = files.other if "by" in issue else None
    files.issue("pacs", by=by, **spans, **others)
    with tls_peer(files, **limits) as address:
        destination = secured(files, address, "node")

        with pytest.raises(SecurityFailure, match=re.escape(text)):
            echo(destination, SCU)


OURS: dict[str, tuple[str | None, dict[str, Any], str]] = {
    "none": (None, {}, "it wants a certificate of ours; set tls.certificate and tls.key"),
    "another authority's": ("alien", {"by": "other"}, "it does not accept our certificate; give"),
    "expired": (
        "stale",
        {"not_after": timedelta(minutes=-1)},
        "it says that our certificate has expired; renew tls.certificate",
    ),
}


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_peer_that_does_not_believe_us_is_told_apart(
    files: CertificateFolder, ours: str, version: str
) -> None:
    """In TLS 1.3 it says so after our side of the handshake is over."""
    name, issue, text = OURS[ours]
    if name:
        spans = {key: files.now + value for key, value in issue.items() if "not_" in key}
        files.issue(name, by=files.other if "by" in issue else None, **spans)
    if ours == "none" and version == "TLSv1_2":
        text = "it refuses the handshake: it may want a certificate of ours (tls.certificate)"
    with (
        tls_peer(files, version=ssl.TLSVersion[version]) as address,
        pytest.raises(SecurityFailure, match=re.escape(text)),
    ):
        echo(secured(files, address, name), SCU)


def test_the_name_that_is_set_counts_and_not_the_address(files: CertificateFolder) -> None:
    files.issue("pacs", hosts=["pacs.example.org"])
    with raw_tls_echo(files) as address:
        destination = secured(files, address, "node", server_name="pacs.example.org")

        assert echo(destination, SCU) > 0


def test_a_peer_without_tls_is_not_spoken_to_in_plain(files: CertificateFolder) -> None:
    def look(line: AcceptedLine) -> None:
        first = line.socket.recv(1, socket.MSG_PEEK)
        assert first == b"\x16", "an A-ASSOCIATE-RQ went out in plain"
        line.send(pdu(ABORT, bytes(4)))
        line.is_closed()

    with (
        raw_acceptor(look) as address,
        pytest.raises(SecurityFailure, match="it does not speak TLS on this port"),
    ):
        echo(secured(files, address, "node"), SCU)


def test_a_handshake_that_is_never_finished_ends(files: CertificateFolder) -> None:
    started = time.monotonic()
    with (
        raw_acceptor(lambda line: line.is_closed() and None) as address,
        pytest.raises(SecurityFailure, match="did not finish the TLS handshake in time"),
    ):
        echo(secured(files, address, "node"), IMPATIENT)

    assert time.monotonic() - started < SOON


def test_a_file_of_ours_that_cannot_be_used_is_said_before_anything_is_tried(
    files: CertificateFolder,
) -> None:
    files.key("node").chmod(0o640 if os.geteuid() else 0o644)
    destination = secured(files, ("192.0.2.1", 104), "node")

    with pytest.raises(TransientFailure, match=r"not tried: tls\.key: .*others can read"):
        echo(destination, SCU)


def test_a_certificate_that_was_renewed_counts_at_the_next_association(
    files: CertificateFolder,
) -> None:
    files.issue("node", not_after=files.now - timedelta(minutes=1))
    with tls_peer(files) as address, pytest.raises(SecurityFailure, match="has expired"):
        echo(secured(files, address, "node"), SCU)
    files.issue("node")

    with raw_tls_echo(files) as address:
        assert echo(secured(files, address, "node"), SCU) > 0


def secured(
    files: CertificateFolder, address: tuple[str, int], name: str | None, **tls: Any
) -> Destination:
    return at(address).model_copy(update={"tls": files.destination_tls(name, **tls)})


@contextmanager
def raw_tls_echo(files: CertificateFolder) -> Iterator[tuple[str, int]]:
    """Answer one C-ECHO over TLS."""
    entity = AE("PACS")
    entity.add_supported_context(VERIFICATION)
    port = free_port()
    server = entity.start_server(
        ("127.0.0.1", port), block=False, ssl_context=files.server_context("pacs")
    )
    try:
        yield "127.0.0.1", port
    finally:
        server.shutdown()
