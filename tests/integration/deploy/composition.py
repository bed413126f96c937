"""docker-compose.yml as the tests read it: resolved, and its command lines parsed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import typer
import yaml

from config.loading import load_settings
from config.settings import Settings
from tests.requirements import program
from workers.cli import app

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
ENDING = ["audit-key", "migrate"]
"""The services that end, and have no health."""
OURS = [*ENDING, "dispatch", "scp", "worker-cpu", "worker-gpu", "worker-network"]
"""The services that run this project's code."""


def composed(*profiles: str, also: str | None = None) -> dict[str, Any]:
    """Return the file as Docker Compose understands it, with its anchors and defaults resolved.

    ``also`` is a second file, which is laid over it.
    """
    command = [str(program("docker-compose"))]
    for name in filter(None, ("docker-compose.yml", also)):
        command += ["--file", str(ROOT / name)]
    for profile in profiles:
        command += ["--profile", profile]
    result = subprocess.run(
        [*command, "config"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    loaded: dict[str, Any] = yaml.safe_load(result.stdout)
    return loaded


def settings_in(service: dict[str, Any], secrets: Path) -> Settings:
    """Load the settings as the process of a service does, from the files that it gets."""
    return load_settings(DEPLOY / "mgnode.toml", environment_of(service, secrets))


def environment_of(service: dict[str, Any], secrets: Path) -> dict[str, str]:
    """Give what a service's process finds in its environment, with the secrets of a test."""
    environ = {
        name: value.replace("/run/secrets", str(secrets))
        for name, value in service["environment"].items()
    }
    assert environ.pop("MGNODE_CONFIG") == "/etc/mgnode/mgnode.toml"
    return environ


def parse(arguments: list[str]) -> None:
    """Read a command line as mgnode does, without running the command."""
    command: Any = typer.main.get_command(app)
    context, name = None, "mgnode"
    while hasattr(command, "commands"):
        assert arguments, f"{name} wants a command"
        name, *arguments = arguments
        assert name in command.commands, f"no command {name}"
        command = command.commands[name]
    context = command.make_context(name, arguments)
    assert context.params is not None


def port_of(port: Any) -> int:
    """Return the container's port of an entry of ``ports``, in its long or its short form."""
    if isinstance(port, dict):
        return int(port["target"])
    return int(port.removesuffix("/tcp").rpartition(":")[2])
