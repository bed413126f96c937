"""Who may speak to the broker: the processes of the node, by a password and over verified TLS."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from kombu.exceptions import OperationalError

from config.settings import Settings
from node.cli.supervisor import Supervisor
from node.cli.up import broker_programs
from node.dispatch.broker import celery_app
from node.store.broker_secret import broker_configuration, broker_password
from tests.requirements import program
from tests.running_node import embedded_broker
from tests.servers import RedisServer, running, short_folder, wait_until

CERTIFICATE = (
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=broker "
    "-keyout key.pem -out certificate.pem -addext subjectAltName=IP:127.0.0.1"
)


@pytest.fixture
def embedded() -> Iterator[tuple[Settings, Supervisor]]:
    """Give a node's settings beside its running broker."""
    with short_folder() as folder:
        settings = Settings.model_validate({"storage": {"root": folder / "storage"}})
        stop = threading.Event()
        supervisor = Supervisor(broker_programs(settings), stop)
        thread = threading.Thread(target=supervisor.run)
        thread.start()
        try:
            wait_until(settings.broker_socket.is_socket, "the broker listens")
            yield settings, supervisor
        finally:
            stop.set()
            thread.join()


def connect(settings: Settings) -> None:
    with celery_app(settings).connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
        connection.default_channel.client.ping()


def test_the_embedded_broker_serves_who_has_its_password_and_nobody_else(
    embedded: tuple[Settings, Supervisor],
) -> None:
    settings, _ = embedded

    connect(settings)

    with redis.Redis(unix_socket_path=str(settings.broker_socket)) as stranger:
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with pytest.raises(redis.AuthenticationError):
            stranger.lpush("analysis", "{}")


def test_the_password_of_the_embedded_broker_is_in_one_private_file_alone(
    embedded: tuple[Settings, Supervisor],
) -> None:
    settings, supervisor = embedded
    run = settings.broker_socket.parent
    password = broker_password(run)
    assert password is not None
    with embedded_broker(settings) as broker:
        broker.set("key", "value")
        wait_until(lambda: any(run.rglob("*.aof")), "the journal is written")

    holders = [
        path for path in run.rglob("*") if path.is_file() and password in path.read_text("latin-1")
    ]
    process = Path(f"/proc/{supervisor.pids()['broker']}")
    shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()

    assert holders == [run / "valkey.conf"]
    assert password.encode() not in shown
    assert len(password) == 64


def test_the_password_stays_the_same_over_a_start(tmp_path: Path) -> None:
    first = broker_configuration(tmp_path).read_bytes()

    assert broker_configuration(tmp_path).read_bytes() == first
    assert broker_password(tmp_path / "elsewhere") is None


class TlsRedis(RedisServer):
    """Redis that speaks TLS alone, with a certificate that it signed itself."""

    @property
    def url(self) -> str:
        return f"rediss://:word@127.0.0.1:{self.port}/0"

    def arguments(self) -> list[str]:
        files = {
            "--tls-cert-file": "certificate.pem",
            "--tls-key-file": "key.pem",
            "--tls-ca-cert-file": "certificate.pem",
        }
        words = [word for pair in files.items() for word in pair]
        tls = ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no", *words]
        return [str(program("redis-server")), "--requirepass", "word", "--save", "", *tls]

    def is_ready(self) -> bool:
        with redis.Redis.from_url(f"{self.url}?ssl_cert_reqs=none") as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False


@pytest.fixture(scope="module")
def tls_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRedis]:
    folder = tmp_path_factory.mktemp("tls-broker")
    subprocess.run(
        [str(program("openssl")), *CERTIFICATE.split()], cwd=folder, check=True, capture_output=True
    )
    with running(TlsRedis(folder)) as server:
        yield server


@pytest.mark.redis
def test_a_broker_with_tls_is_spoken_to_when_its_certificate_can_be_verified(
    tls_broker: TlsRedis,
) -> None:
    ca_file = tls_broker.folder / "certificate.pem"

    connect(Settings.model_validate({"broker": {"url": tls_broker.url, "ca_file": ca_file}}))


@pytest.mark.redis
def test_a_broker_whose_certificate_nobody_vouches_for_is_not_spoken_to(
    tls_broker: TlsRedis,
) -> None:
    """It would be given the password."""
    with pytest.raises(OperationalError, match="certificate verify failed"):
        connect(Settings.model_validate({"broker": {"url": tls_broker.url}}))


@pytest.mark.redis
def test_a_broker_with_a_certificate_of_another_host_is_not_spoken_to(
    tls_broker: TlsRedis,
) -> None:
    url = tls_broker.url.replace("127.0.0.1", "localhost")
    ca_file = tls_broker.folder / "certificate.pem"

    with pytest.raises(OperationalError, match="Hostname mismatch"):
        connect(Settings.model_validate({"broker": {"url": url, "ca_file": ca_file}}))
