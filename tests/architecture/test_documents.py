from __future__ import annotations

import re

import pytest

from tests.architecture.sources import ROOT
from tests.commands_page import commands, commands_page


def test_the_page_of_commands_says_what_the_command_line_says() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")

    assert page == commands_page(), "run `make docs`"


def test_every_parameter_of_every_command_is_explained() -> None:
    unexplained = [
        f"{name} {param.name}"
        for name, command in commands()
        for param in command.params
        if not param.help
    ]

    assert unexplained == []


@pytest.mark.parametrize("path", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_every_make_target_that_a_document_names_exists(path: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = (ROOT / path).read_text(encoding="utf-8")
    named = {part.split("`")[0].split()[0] for part in text.split("`make ")[1:]}

    assert {target for target in named if f"\n{target}:" not in makefile} == set()


@pytest.mark.parametrize("path", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_every_mgnode_command_that_a_document_names_exists(path: str) -> None:
    names = ["mgnode --help", *(name for name, _ in commands())]
    text = (ROOT / path).read_text(encoding="utf-8")
    named = {"mgnode " + part.split("`")[0] for part in text.split("`mgnode ")[1:]}

    wrong = {line for line in named if not any(f"{line} ".startswith(f"{name} ") for name in names)}
    assert wrong == set()


def test_every_test_that_the_page_of_viewers_names_exists() -> None:
    text = (ROOT / "docs" / "viewers.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", text))
    tests = (ROOT / "tests" / "contract").glob("test_*.py")
    written = {
        name
        for path in tests
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }

    assert len(named) > 5
    assert named - written == set()
