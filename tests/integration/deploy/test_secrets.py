"""The passwords that deploy/make-secrets makes reach both ends."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from sqlalchemy import make_url

from tests.integration.deploy.composition import DEPLOY, composed
from tests.requirements import program
from tests.servers import PostgresqlServer, free_port, wait_until


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

    assert make_url(read("owner_url")).password == read("owner_password")
    assert make_url(read("database_url")).password == read("application_password")
    assert f"redis://:{read('valkey_conf').split()[1]}@valkey:6379/0" == read("broker_url")
    passwords = [
        read("owner_password"),
        read("application_password"),
        read("valkey_conf").split()[1],
    ]
    assert len(set(passwords)) == 3
    assert all(len(set(password)) > 1 for password in passwords)


@pytest.mark.postgresql
def test_the_role_of_the_processes_is_made_with_its_password(
    postgresql_server: PostgresqlServer, secrets: Path
) -> None:
    environment = {
        **os.environ,
        "PGHOST": "127.0.0.1",
        "PGPORT": str(postgresql_server.port),
        "POSTGRES_USER": "mgnode",
        "POSTGRES_DB": "postgres",
        "APPLICATION_PASSWORD_FILE": str(secrets / "application_password"),
        "PATH": f"{postgresql_server.programs}:{os.environ['PATH']}",
    }
    try:
        subprocess.run([str(DEPLOY / "application-role.sh")], env=environment, check=True)

        with psycopg.connect(postgresql_server.address("postgres")) as connection:
            found = connection.execute(
                "SELECT rolcanlogin, rolsuper, rolcreaterole, rolinherit, rolpassword"
                " FROM pg_authid WHERE rolname = 'mgnode_app'"
            ).fetchone()
    finally:
        with psycopg.connect(postgresql_server.address("postgres")) as connection:
            connection.execute("DROP ROLE IF EXISTS mgnode_app")
    assert found is not None
    assert found[:4] == (True, False, False, False)
    assert found[4].startswith("SCRAM-SHA-256$")


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
