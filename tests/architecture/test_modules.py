from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT, modules, parsed

MOST_LINES = 300
NAMES_THAT_SAY_NOTHING = {"base", "common", "helpers", "misc", "types", "utils"}
# Alembic runs these by their path; nobody imports them.
MIGRATIONS = {Path("node/db/migrations"), Path("node/db/migrations/versions")}
BESIDE = ("tests", "benchmarks")
BROAD = {"Exception", "BaseException"}


def broad_handlers(tree: ast.Module) -> list[int]:
    """Return the lines of handlers that catch everything and do not raise it again."""
    found = []
    for handler in (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)):
        last = handler.body[-1]
        if isinstance(last, ast.Raise) and last.exc is None:
            continue
        caught = [] if handler.type is None else list(ast.walk(handler.type))
        if not caught or any(isinstance(name, ast.Name) and name.id in BROAD for name in caught):
            found.append(handler.lineno)
    return found


def test_every_module_is_short_enough_to_be_read_at_once() -> None:
    lengths = {
        str(module): (ROOT / module).read_text(encoding="utf-8").count("\n")
        for module in modules(*PACKAGES, *BESIDE)
    }

    assert {name: n for name, n in lengths.items() if n > MOST_LINES} == {}, "split it by noun"


def test_the_name_of_every_module_says_what_is_in_it() -> None:
    named = {
        str(module): {module.stem, module.parent.name} for module in modules(*PACKAGES, *BESIDE)
    }

    assert [name for name, words in named.items() if words & NAMES_THAT_SAY_NOTHING] == []


def test_imports_are_absolute() -> None:
    """A relative import would let one file be imported under two names."""
    relative = [
        f"{module}:{node.lineno}"
        for module in modules(*PACKAGES, *BESIDE)
        for node in ast.walk(parsed(module))
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]

    assert relative == []


def test_no_handler_catches_everything() -> None:
    found = {str(module): broad_handlers(parsed(module)) for module in modules(*PACKAGES)}

    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "handler", ["except:", "except Exception:", "except (OSError, BaseException) as error:"]
)
def test_a_broad_handler_would_be_found(handler: str) -> None:
    assert broad_handlers(ast.parse(f"try:\n    pass\n{handler}\n    pass\n")) == [3]


def test_a_handler_that_cleans_up_and_raises_again_is_not_broad() -> None:
    assert broad_handlers(ast.parse("try:\n    pass\nexcept BaseException:\n    raise\n")) == []


def test_every_folder_of_modules_is_a_package() -> None:
    """A folder without __init__.py is a namespace that another distribution may join."""
    folders = {module.parent for module in modules(*PACKAGES)}
    bare = {folder for folder in folders if not (ROOT / folder / "__init__.py").exists()}

    assert bare <= MIGRATIONS


def test_python_is_one_that_the_project_promises() -> None:
    assert (3, 11) <= sys.version_info[:2] <= (3, 13)
