"""The project's own files, for the tests that read them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("config", "models", "node", "workers")


def modules(*folders: str) -> list[Path]:
    """List the Python files below ``folders``, relative to the root of the project."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in found)


def parsed(module: Path) -> ast.Module:
    """Return the syntax tree of a module that `modules` listed."""
    return ast.parse((ROOT / module).read_text(encoding="utf-8"), str(module))
