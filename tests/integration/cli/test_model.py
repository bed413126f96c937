"""`mgnode model` as a person runs it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from models.registry.record import Registered
from node.db.installation import uid_namespace
from node.db.session import Database
from node.db.upgrade import upgrade
from node.dicom.result_uids import device_uid
from tests.file_server import FileServer, file_server
from tests.servers import free_port
from tests.tiny_weights import CARD, register_tiny, write_tiny
from tests.weights_files import reference_weights_file
from workers.cli import app

Mgnode = Callable[..., Result]


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    return tmp_path / "storage"


@pytest.fixture
def mgnode(storage: Path, monkeypatch: pytest.MonkeyPatch) -> Mgnode:
    """Run `mgnode model` with these words; settings go by their variables."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def run(*words: object, **variables: str) -> Result:
        environment = {"MGNODE_STORAGE__ROOT": str(storage), **variables}
        return CliRunner().invoke(app, ["model", *map(str, words)], env=environment)

    return run


@pytest.fixture
def tiny(storage: Path) -> Registered:
    return register_tiny(storage / "models")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as server:
        yield server


def said(result: Result) -> str:
    """Everything on the screen, a problem that ends the command among it."""
    problem = result.exception if not isinstance(result.exception, SystemExit) else ""
    return f"{result.output}{problem or ''}"


def states(result: Result) -> dict[str, str]:
    assert result.exit_code == 0, said(result)
    return {row["name"]: row["state"] for row in json.loads(result.stdout)}


def test_the_known_models_are_listed_before_any_is_here(mgnode: Mgnode) -> None:
    found = states(mgnode("list", "--json"))

    assert found["ueda2022"] == found["reference"] == "not installed"
    assert set(found) == {"ueda2022", "reference", "demonstration"}


@pytest.mark.tensorflow
def test_a_registered_model_is_listed_beside_a_damaged_one(
    mgnode: Mgnode, tiny: Registered, storage: Path
) -> None:
    (storage / "models" / "broken").mkdir()
    (storage / "models" / "broken" / "model.json").write_text("{")

    found = states(mgnode("list", "--json"))

    assert (found["tiny"], found["broken"]) == ("installed", "damaged")
    assert tiny.version in mgnode("list").stdout


@pytest.mark.tensorflow
def test_info_shows_every_fact_the_card_and_the_device_of_the_results(
    mgnode: Mgnode, tiny: Registered, storage: Path
) -> None:
    url = f"sqlite:///{storage / 'mgnode.sqlite3'}"
    before = mgnode("info", "tiny")
    upgrade(url)

    table, values = mgnode("info", "tiny"), json.loads(mgnode("info", "tiny", "--json").stdout)

    assert "`mgnode db upgrade` makes it" in before.stdout
    database = Database(url)
    with database.read() as session:
        device = device_uid(uid_namespace(session), "tiny", tiny.version)
    database.dispose()
    assert values["device_uid"] == device
    assert values["card"] == CARD
    for words in (tiny.sha256, tiny.version, device, "Small network tiny", "It is small."):
        assert words in table.stdout


def test_info_of_a_model_that_is_not_here_says_how_to_get_it(mgnode: Mgnode) -> None:
    result = mgnode("info", "ueda2022")

    assert result.exit_code == 0
    assert "mgnode model fetch ueda2022" in result.stdout
    assert "4636 images" in result.stdout


def test_info_of_an_unknown_name_is_status_1(mgnode: Mgnode) -> None:
    result = mgnode("info", "nothing")

    assert result.exit_code == 1
    assert "mgnode model list" in result.output
    assert "Traceback" not in result.output


@pytest.mark.tensorflow
def test_verify_says_plainly_that_the_reference_weights_are_not_the_published_model(
    mgnode: Mgnode,
) -> None:
    result = mgnode("verify", reference_weights_file())

    assert result.exit_code == 1
    (line,) = result.stdout.splitlines()
    assert line.startswith("NOT the published model: ")
    assert "holds the reference weights (random numbers)" in line


@pytest.mark.tensorflow
def test_verify_says_what_is_wrong_with_a_truncated_file(mgnode: Mgnode, tmp_path: Path) -> None:
    whole = reference_weights_file()
    cut = tmp_path / "cut.h5"
    with whole.open("rb") as stream:
        cut.write_bytes(stream.read(5_000_000))

    result = mgnode("verify", cut)

    assert result.exit_code == 1
    (line,) = result.stdout.splitlines()
    assert f"is cut short: 5000000 of {whole.stat().st_size} bytes" in line


@pytest.mark.tensorflow
def test_verify_of_a_registered_model_passes_and_fails_by_its_bytes(
    mgnode: Mgnode, tiny: Registered
) -> None:
    before = mgnode("verify", "tiny", "--json")
    tiny.weights.write_bytes(tiny.weights.read_bytes() + b"\0")
    after = mgnode("verify", "tiny")

    assert before.exit_code == 0, said(before)
    assert json.loads(before.stdout)["passed"] is True
    assert after.exit_code == 1
    assert "was changed after it was registered" in after.stdout


def test_verify_of_a_model_that_is_not_here_is_status_1(mgnode: Mgnode) -> None:
    result = mgnode("verify", "ueda2022")

    assert result.exit_code == 1
    assert "not installed" in result.output


@pytest.mark.tensorflow
def test_weights_of_a_registered_network_are_imported_under_a_name_of_their_own(
    mgnode: Mgnode, tiny: Registered, tmp_path: Path
) -> None:
    given = write_tiny(tmp_path / "w.h5", seed=9)
    card = tmp_path / "card.json"
    card.write_text(json.dumps({**CARD, "limits": "Those of site nine."}))

    result = mgnode("import", given, "--model", "tiny", "--name", "site-9", "--card", card)

    assert result.exit_code == 0, said(result)
    values = json.loads(mgnode("info", "site-9", "--json").stdout)
    assert values["title"] == "site-9 (network of tiny)"
    assert values["card"]["limits"] == "Those of site nine."
    assert values["statement"].endswith("Those of site nine.")
    assert values["sha256"] != tiny.sha256


@pytest.mark.tensorflow
def test_the_reference_weights_are_not_imported_as_the_published_model(mgnode: Mgnode) -> None:
    result = mgnode("import", reference_weights_file())

    assert result.exit_code == 1
    assert "holds the reference weights" in result.output
    assert states(mgnode("list", "--json"))["ueda2022"] == "not installed"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["gone.h5"], "does not exist"),
        (["gone.h5", "--model", "nothing"], "no model is called nothing"),
        (["gone.h5", "--name", "A b"], "a model's name is"),
        (["gone.h5", "--card", "gone.json"], "gone.json: No such file"),
    ],
)
def test_an_import_that_cannot_work_says_why(
    words: list[str], why: str, mgnode: Mgnode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = mgnode("import", *words)

    assert result.exit_code == 1
    assert why in result.output


@pytest.mark.tensorflow
def test_the_configured_model_is_removed_by_force_alone(mgnode: Mgnode, tiny: Registered) -> None:
    kept = mgnode("remove", "tiny", MGNODE_DETECTOR__MODEL="tiny")
    there = tiny.weights.is_file()
    gone = mgnode("remove", "tiny", "--force", MGNODE_DETECTOR__MODEL="tiny")

    assert kept.exit_code != 0
    assert "detector.model names tiny" in said(kept)
    assert there
    assert gone.exit_code == 0
    assert not tiny.weights.exists()


def test_the_bundled_model_is_not_removed(mgnode: Mgnode) -> None:
    result = mgnode("remove", "demonstration")

    assert result.exit_code == 1
    assert "comes with mgnode" in result.output


def test_without_a_network_fetch_gives_the_steps_by_hand(mgnode: Mgnode) -> None:
    result = mgnode("fetch", "ueda2022", "--url", f"http://127.0.0.1:{free_port()}/w.h5")

    assert result.exit_code == 1
    assert "cannot be reached" in result.output
    assert "By hand: " in result.output
    assert "releases/tag/v0.1-mammography" in result.output
    assert "mgnode model import resnet152_pascal.h5" in result.output


def test_fetch_of_what_is_not_there_is_told(mgnode: Mgnode, server: FileServer) -> None:
    result = mgnode("fetch", "ueda2022", "--url", server.url("/gone.h5"))

    assert result.exit_code == 1
    assert "status 404" in result.output


def test_only_the_published_model_can_be_fetched(mgnode: Mgnode) -> None:
    result = mgnode("fetch", "reference")

    assert result.exit_code != 0
    assert "only ueda2022 can be downloaded" in said(result)


@pytest.mark.tensorflow
def test_fetch_of_the_wrong_network_names_it_and_keeps_nothing(
    mgnode: Mgnode, server: FileServer, tmp_path: Path, storage: Path
) -> None:
    server.serve("/w.h5", write_tiny(tmp_path / "w.h5").read_bytes())

    result = mgnode("fetch", "--url", server.url("/w.h5"))

    assert result.exit_code == 1
    assert "cannot be used" in result.output
    assert list(storage.rglob("*.part")) == []
