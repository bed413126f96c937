"""The passwords that deploy/make-secrets makes reach both ends."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import make_url

from tests.integration.deploy.composition import DEPLOY, composed
from tests.requirements import program
from tests.servers import free_port, wait_until


@pytest.mark.compose
def test_every_secret_is_made_and_mounted(services: dict[str, Any], secrets: Path) -> None:
    declared = composed()["secrets"]
    used = {
        secret["source"] for service in services.values() for secret in service.get("secrets", ())
    }

    assert used == set(declared) == {path.name for path in secrets.iterdir()}
    assert secrets.stat().st_mode & 0o777 == 0o700


def test_the_two_ends_get_the_same_password(secrets: Path) -> None:
    def read(name: str) -> str:
        return (secrets / name).read_text(encoding="utf-8")

    assert make_url(read("database_url")).password == read("postgres_password")
    assert f"redis://:{read('valkey_conf').split()[1]}@valkey:6379/0" == read("broker_url")
    assert len(set(read("postgres_password"))) > 1
    assert read("postgres_password") != read("valkey_conf").split()[1]


def test_passwords_are_not_made_twice(secrets: Path) -> None:
    before = {path.name: path.read_text(encoding="utf-8") for path in secrets.iterdir()}

    result = subprocess.run([str(DEPLOY / "make-secrets"), str(secrets)], check=False)

    assert result.returncode == 1
    assert before == {path.name: path.read_text(encoding="utf-8") for path in secrets.iterdir()}


@pytest.mark.compose
@pytest.mark.redis
def test_the_broker_starts_with_its_command_and_wants_the_password(
    services: dict[str, Any], secrets: Path, tmp_path: Path
) -> None:
    port = free_port()
    _, *arguments = services["valkey"]["command"]
    arguments = [word.replace("/run/secrets", str(secrets)) for word in arguments]
    password = (secrets / "valkey_conf").read_text(encoding="utf-8").split()[1]
    command = [str(program("redis-server")), *arguments, "--port", str(port)]
    server = subprocess.Popen([*command, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL)
    try:
        client = redis.Redis(port=port, password=password)
        wait_until(lambda: answers(client), "the broker answers")
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("save") == {"save": ""}
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port).ping()
        client.close()
    finally:
        server.terminate()
        server.wait(timeout=10)


def answers(client: redis.Redis) -> bool:
    """Say whether the server is up; a wrong password is an error, not a "no"."""
    try:
        return bool(client.ping())
    except redis.AuthenticationError:
        raise
    except redis.ConnectionError:
        return False
