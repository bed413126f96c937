"""State columns have one writer, ``node.db.transitions.move``."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRITER = ROOT / "node" / "db" / "transitions.py"
MODULES = sorted(
    path
    for package in ("node", "workers")
    for path in (ROOT / package).rglob("*.py")
    if path != WRITER
)


def writes_of_state(tree: ast.AST) -> list[int]:
    """Return the lines that assign ``x.state`` or pass ``state=`` to ``values()``."""
    lines = []
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if name == "values" and any(keyword.arg == "state" for keyword in node.keywords):
                lines.append(node.lineno)
            if name == "setattr" and ast.unparse(node.args[1]) == "'state'":
                lines.append(node.lineno)
        lines += [
            target.lineno
            for target in targets
            if isinstance(target, ast.Attribute) and target.attr == "state"
        ]
    return lines


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_leaves_the_state_columns_alone(path: Path) -> None:
    assert writes_of_state(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "row.state = new",
        "update(Instance).values(state=new)",
        "setattr(row, 'state', new)",
    ],
)
def test_the_search_finds_each_way_of_writing(source: str) -> None:
    assert writes_of_state(ast.parse(source)) == [1]
