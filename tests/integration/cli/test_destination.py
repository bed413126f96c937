"""`mgnode destination`: what a real peer would take is asked of it, and nothing is stored there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from config.sending import Destination
from node.cli.app import app
from tests.orthanc import OrthancServer
from tests.pdus import EXPLICIT, IMPLICIT
from tests.peer import AcceptedLine, raw_acceptor
from tests.sending import at
from tests.servers import free_port
from tests.storescp import storescp

EVERYTHING = [
    "cad_sr",
    "measurement_report",
    "overlay",
    "summary_overlay",
    "presentation_state",
    "key_objects",
]
JPEG_LS = "1.2.840.10008.1.2.4.80"
RLE = "1.2.840.10008.1.2.5"
COMMITMENT = "1.2.840.10008.1.20.1"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"

# A PACS of the kind that takes SRs in Implicit VR alone, pictures compressed, and no CAD SR.
PICKY = """\
[[TransferSyntaxes]]
[Plain]
TransferSyntax1 = LittleEndianImplicit
[Pictures]
TransferSyntax1 = JPEGLSLossless
TransferSyntax2 = LittleEndianExplicit
[[PresentationContexts]]
[Picky]
PresentationContext1 = VerificationSOPClass\\Plain
PresentationContext2 = ComprehensiveSRStorage\\Plain
PresentationContext3 = SecondaryCaptureImageStorage\\Pictures
[[Profiles]]
[Default]
PresentationContexts = Picky
"""


def run(destination: Destination, *arguments: str, confirm: str = "none", **profile: Any) -> Result:
    """Run a command that knows the destination as ``pacs`` with a profile ``ward``."""
    environ = {
        "MGNODE_PROFILES": json.dumps({"ward": profile}),
        "MGNODE_DESTINATIONS__PACS__AE_TITLE": destination.ae_title,
        "MGNODE_DESTINATIONS__PACS__HOST": str(destination.host),
        "MGNODE_DESTINATIONS__PACS__PORT": str(destination.port),
        "MGNODE_DESTINATIONS__PACS__PROFILE": "ward",
        "MGNODE_DESTINATIONS__PACS__CONFIRM": confirm,
        "MGNODE_SCU__CONNECTION_TIMEOUT_SECONDS": "2",
    }
    return CliRunner().invoke(app, ["destination", *arguments], env=environ)


def verdicts(result: Result) -> dict[str, dict[str, Any]]:
    return {verdict["name"]: verdict for verdict in json.loads(result.stdout)["verdicts"]}


@pytest.mark.dcmtk
def test_a_pacs_of_few_classes_and_syntaxes_is_told_row_by_row(tmp_path: Path) -> None:
    (tmp_path / "picky.cfg").write_text(PICKY)
    with storescp(tmp_path / "pacs", "-xf", str(tmp_path / "picky.cfg"), "Default") as pacs:
        result = run(
            pacs.destination,
            "test",
            "pacs",
            "--json",
            objects=["cad_sr", "measurement_report", "overlay"],
            transfer_syntaxes=["RLE", "JPEG-LS"],
        )
        stored = pacs.received

    told = verdicts(result)
    assert result.exit_code == 1
    assert told["cad_sr"]["accepted"] == []
    assert "take cad_sr out of profiles.ward.objects" in told["cad_sr"]["problem"]
    report = told["measurement_report"]
    assert (report["accepted"], report["refused"]) == ([IMPLICIT], [EXPLICIT])
    assert (report["goes_in"], report["problem"]) == (IMPLICIT, "")
    overlay = told["overlay"]
    assert (sorted(overlay["accepted"]), overlay["goes_in"]) == ([EXPLICIT, JPEG_LS], JPEG_LS)
    assert sorted(overlay["refused"]) == sorted([IMPLICIT, RLE])
    assert stored == [], "nothing is stored at the peer"


@pytest.mark.dcmtk
def test_a_pacs_without_compression_gets_pictures_uncompressed_and_that_is_said(
    tmp_path: Path,
) -> None:
    with storescp(tmp_path / "pacs") as pacs:
        result = run(pacs.destination, "test", "pacs", transfer_syntaxes=["JPEG-LS"])

    assert result.exit_code == 0, result.output
    assert "overlay: goes uncompressed: STORESCP does not take JPEG-LS" in result.stdout
    assert "9003 AI overlay mgnode" in result.stdout
    assert "images with a box" in result.stdout
    assert "pacs takes everything that its profile wants" in result.stdout


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[OrthancServer]:
    folder = tmp_path / "orthanc"
    folder.mkdir()
    server = OrthancServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.orthanc
def test_orthanc_takes_every_kind_of_object_and_keeps_none(orthanc: OrthancServer) -> None:
    result = run(
        orthanc.destination,
        "test",
        "pacs",
        "--json",
        confirm="commitment",
        objects=EVERYTHING,
        transfer_syntaxes=["JPEG-LS", "RLE"],
    )

    told = verdicts(result)
    assert result.exit_code == 0, result.output
    assert list(told) == [*EVERYTHING, "storage commitment", "query (C-FIND)"]
    assert {told[kind]["goes_in"] for kind in EVERYTHING} == {EXPLICIT, JPEG_LS}
    assert IMPLICIT in told["storage commitment"]["accepted"]
    assert orthanc.count_instances() == 0


def scripted(*lines: Callable[[AcceptedLine], None]) -> Callable[[AcceptedLine], None]:
    """Give each connection its own script, in order."""
    left = list(lines)
    return lambda line: left.pop(0)(line)


def accepting(*classes: str) -> Callable[[AcceptedLine], None]:
    """Accept these classes in Explicit VR and expect nothing but the release."""

    def script(line: AcceptedLine) -> None:
        line.accept(
            syntax_of=lambda abstract, offered: (
                EXPLICIT if abstract in classes and EXPLICIT in offered else None
            )
        )
        line.answer_release()

    return script


def refusing(line: AcceptedLine) -> None:
    """Accept no context; the requestor ends such an association."""
    line.accept(syntax_of=lambda _abstract, _offered: None)
    line.is_closed()


PLAIN = ["measurement_report", "overlay"]
SR = "1.2.840.10008.5.1.4.1.1.88.33"
SC = "1.2.840.10008.5.1.4.1.1.7"
CAD_SR = "1.2.840.10008.5.1.4.1.1.88.50"


def test_a_peer_that_has_no_echo_is_asked_all_the_same() -> None:
    with raw_acceptor(scripted(refusing, accepting(SR, SC)), connections=2) as address:
        result = run(at(address), "test", "pacs", objects=PLAIN)

    assert result.exit_code == 0, result.output
    assert "PACS does not accept C-ECHO" in result.stderr
    assert "pacs takes everything" in result.stdout


@pytest.mark.parametrize("taken", [(COMMITMENT,), (FIND,), ()])
def test_one_way_to_confirm_is_enough_and_none_is_a_problem(taken: tuple[str, ...]) -> None:
    with raw_acceptor(scripted(refusing, accepting(SR, SC, *taken)), connections=2) as address:
        result = run(at(address), "test", "pacs", "--json", confirm="commitment", objects=PLAIN)

    told = verdicts(result)
    problems = [told[name]["problem"] for name in ("storage commitment", "query (C-FIND)")]
    assert result.exit_code == (0 if taken else 1)
    assert [bool(problem) for problem in problems] == [not taken] * 2


def test_a_peer_that_accepts_nothing_can_be_sent_nothing() -> None:
    with raw_acceptor(scripted(refusing, refusing), connections=2) as address:
        result = run(at(address), "test", "pacs")

    assert result.exit_code == 1
    assert "measurement_report: NOT POSSIBLE: PACS takes this SOP class in none" in result.stderr
    assert "not possible" in result.stdout


def test_a_peer_that_is_down_is_said_with_status_1() -> None:
    nobody = Destination(ae_title="NOBODY", host="127.0.0.1", port=free_port())

    result = run(nobody, "test", "pacs")
    as_json = json.loads(run(nobody, "test", "pacs", "--json").stdout)

    assert result.exit_code == 1
    assert "negotiation: " in result.stderr
    assert (as_json["good"], as_json["verdicts"]) == (False, [])
    assert as_json["error"]


def test_a_destination_without_settings_is_status_2() -> None:
    result = run(Destination(ae_title="PACS", host="pacs", port=104), "test", "other")

    assert result.exit_code == 2
    assert "there are: pacs" in result.stderr


def test_destinations_are_listed_with_what_they_get() -> None:
    pacs = Destination(ae_title="PACS", host="pacs", port=104)

    table = run(pacs, "list", objects=["cad_sr"], studies="with_findings").stdout
    (row,) = json.loads(run(pacs, "list", "--json", objects=["cad_sr"]).stdout)

    assert "cad_sr" in table
    assert "with findings" in table
    assert (row["name"], row["objects"], row["studies_from"]) == (
        "pacs",
        ["cad_sr"],
        ["every sender"],
    )


def test_a_node_without_destinations_says_so() -> None:
    result = CliRunner().invoke(app, ["destination", "list"])

    assert result.exit_code == 0
    assert "no destination" in result.stdout


@pytest.mark.parametrize(
    ("profile", "is_silent"),
    [
        ({"objects": ["overlay"]}, True),
        ({"objects": ["overlay", "cad_sr"], "studies": "with_findings"}, True),
        ({"objects": ["overlay", "summary_overlay"]}, False),
    ],
)
def test_a_profile_that_is_silent_without_a_box_is_said_to_be(
    profile: dict[str, Any], is_silent: bool
) -> None:
    with raw_acceptor(scripted(refusing, accepting(SC, CAD_SR)), connections=2) as address:
        result = run(at(address), "test", "pacs", **profile)

    assert result.exit_code == 0, result.output
    assert ("gets nothing for a study without a box" in result.stdout) == is_silent
