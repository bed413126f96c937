"""docs/security/ says where a peer's data goes, and forgets no place of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.sinks import composed_log_events, kinds_in, log_fields, sinks
from tests.architecture.sources import ROOT
from tests.architecture.test_trace import definitions, exists

PAGES = [ROOT / "SECURITY.md", *sorted((ROOT / "docs" / "security").glob("*.md"))]
LIST = ROOT / "docs" / "security" / "peer-data.md"
EVERYWHERE = ("node", "workers", "config", "models")
WHERE_PEERS_ARE = ("node", "workers")
"""The other packages see no data of a peer; what they do with a person's files is another thing."""

FOLDERS_OF = {
    **dict.fromkeys(("Processes", "Code", "SQL", "HTML"), EVERYWHERE),
    **dict.fromkeys(("Paths", "Terminal", "Tracebacks", "Broker"), WHERE_PEERS_ARE),
}

NAMES = sorted(
    {
        (page.name, name)
        for page in PAGES
        for name in re.findall(
            r"`((?:node|workers|models|config)(?:\.\w+)+)`", page.read_text(encoding="utf-8")
        )
    }
)
TESTS = sorted(
    {
        (page.name, name)
        for page in PAGES
        for name in re.findall(
            r"`(tests/[\w./-]+\.py(?:::\w+)?)`", page.read_text(encoding="utf-8")
        )
    }
)


def listed(kind: str) -> set[str]:
    """Read the modules of one kind of sink."""
    found = re.search(rf"^\*\*{kind}\*\*: (.+?)\.$", _text(LIST), re.MULTILINE | re.DOTALL)
    assert found, f"no list of {kind}"
    return set(re.findall(r"`([\w.]+)`", found.group(1)))


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def is_a_test(name: str) -> bool:
    """Say whether a test file, or a test in it, exists."""
    path, _, test = name.partition("::")
    module = ROOT / path
    return module.is_file() and (not test or test in definitions(module))


@pytest.mark.parametrize(("page", "name"), NAMES)
def test_every_module_and_function_on_a_page_exists(page: str, name: str) -> None:
    assert exists(name) or (ROOT / name.replace(".", "/")).is_dir(), page


@pytest.mark.parametrize(("page", "name"), TESTS)
def test_every_test_on_a_page_exists(page: str, name: str) -> None:
    assert is_a_test(name), page


def test_a_test_that_does_not_exist_would_be_noticed() -> None:
    assert is_a_test("tests/architecture/test_peer_data.py::test_every_test_on_a_page_exists")
    assert not is_a_test("tests/architecture/test_peer_data.py::test_of_nothing")
    assert not is_a_test("tests/architecture/test_of_nothing.py")


def is_in(module: str, listed_names: set[str]) -> bool:
    """Say whether a module is named, or a package that it is in."""
    return any(module == name or module.startswith(f"{name}.") for name in listed_names)


@pytest.mark.parametrize("kind", FOLDERS_OF)
def test_every_place_in_the_code_is_listed(kind: str) -> None:
    new = {module for module in sinks(*FOLDERS_OF[kind])[kind] if not is_in(module, listed(kind))}

    assert new == set(), f"what may a peer put there? Add a row and a name to {LIST.name}: {kind}"


@pytest.mark.parametrize("kind", FOLDERS_OF)
def test_nothing_is_listed_that_is_not_in_the_code(kind: str) -> None:
    found = sinks(*FOLDERS_OF[kind])[kind]

    assert [name for name in listed(kind) if not any(is_in(each, {name}) for each in found)] == []


def test_every_field_of_the_log_is_listed() -> None:
    table = set(re.findall(r"`(\w+)`", _text(LIST).split("## Fields of the log")[1]))

    new = log_fields(*WHERE_PEERS_ARE) - {"**"} - table
    assert new == set(), f"is it a peer's? Add it to the table at the end of {LIST.name}"


def test_no_event_of_the_log_is_composed() -> None:
    assert composed_log_events(*WHERE_PEERS_ARE) == []


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("import subprocess", "Processes"),
        ("os.system(text)", "Processes"),
        ("os.execvp(name, words)", "Processes"),
        ("run(words, shell=True)", "Processes"),
        ("eval(text)", "Code"),
        ("from pickle import loads", "Code"),
        ("import yaml", "Code"),
        ("from sqlalchemy import text", "SQL"),
        ("session.execute(f'SELECT {name}')", "SQL"),
        ("cursor.execute('SELECT ' + name)", "SQL"),
        ("from jinja2 import Template", "HTML"),
        ("folder / f'{uid}.dcm'", "Paths"),
        ("Path(header.PatientID)", "Paths"),
        ("folder.joinpath(uid)", "Paths"),
        ("typer.echo(comment)", "Terminal"),
        ("log.exception('failed')", "Tracebacks"),
        ("app.send_task(name)", "Broker"),
    ],
)
def test_a_new_place_would_be_found(source: str, kind: str) -> None:
    assert kind in kinds_in(source)


def test_the_pages_escape_what_they_show() -> None:
    assert "autoescape=True" in _text(ROOT / "models" / "evaluation" / "page.py")
