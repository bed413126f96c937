from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.example import packaged_example
from config.loading import load_settings
from node.cli.config import app


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


def test_check_says_that_the_settings_hold_and_where_they_come_from(runner: CliRunner) -> None:
    result = runner.invoke(app, ["check"], env={"MGNODE_SCP__PORT": "104"})

    assert result.exit_code == 0
    assert "MGNODE_SCP__PORT" in result.stdout


@pytest.mark.parametrize("command", ["check", "show"])
def test_wrong_settings_are_reported_on_standard_error_with_exit_status_2(
    command: str, runner: CliRunner, tmp_path: Path
) -> None:
    path = tmp_path / "mgnode.toml"
    path.write_text("[scp]\nport = 0\nhost = 1\n", encoding="utf-8")

    result = runner.invoke(app, [command, "--config", str(path)])

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "2 problems" in result.stderr
    assert "scp.port" in result.stderr
    assert "scp.host" in result.stderr


def test_the_problems_are_json_for_a_script(runner: CliRunner) -> None:
    result = runner.invoke(app, ["check", "--json"], env={"MGNODE_SCP__PORT": "0"})

    assert result.exit_code == 2
    (problem,) = json.loads(result.stdout)["problems"]
    assert problem["where"] == "scp.port"
    assert problem["origin"] == "MGNODE_SCP__PORT"


def test_show_prints_the_settings_in_force_without_secrets(runner: CliRunner) -> None:
    environ = {"MGNODE_SCP__PORT": "104", "MGNODE_BROKER__URL": "redis://:hunter2@broker"}

    result = runner.invoke(app, ["show"], env=environ)

    assert result.exit_code == 0
    assert "port = 104  # MGNODE_SCP__PORT" in result.stdout
    assert "hunter2" not in result.output


def test_show_prints_json_for_a_script_without_secrets(runner: CliRunner) -> None:
    environ = {"MGNODE_SCP__PORT": "104", "MGNODE_BROKER__URL": "redis://:hunter2@broker"}

    result = runner.invoke(app, ["show", "--json"], env=environ)

    assert json.loads(result.stdout)["scp"]["port"] == 104
    assert "hunter2" not in result.output


def test_the_example_can_be_saved_and_used(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["example"])
    path = tmp_path / "mgnode.toml"
    path.write_text(result.stdout, encoding="utf-8")

    assert result.stdout == packaged_example()
    load_settings(path, {})
