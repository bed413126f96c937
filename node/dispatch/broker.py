"""The Celery application: the same settings for who publishes and who works."""

from __future__ import annotations

import ssl
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from celery import Celery
from kombu.exceptions import ChannelError, OperationalError

from config.settings import Settings
from node.errors import TransientFailure
from node.messages import QUEUE_OF_TASK
from node.store.broker_secret import broker_password

CONNECT_SECONDS: Final = 5.0
"""Longest wait for a connection to the broker."""


class Publisher(Protocol):
    """Where the dispatch loop puts its messages."""

    def publish(self, task: str, **arguments: object) -> None:
        """Hand one message to the broker, or raise TransientFailure."""

    def backlog(self, queue: str) -> int:
        """Count the messages that wait in a queue, or raise TransientFailure."""


def celery_app(settings: Settings) -> Celery:
    """Build the Celery application of this installation.

    JSON only, no result backend, acknowledged late, one message at a time: a
    killed worker loses nothing, and the row's lease says when to try again.
    """
    app = Celery("mgnode", broker=_address(settings))
    app.conf.update(
        broker_use_ssl=_tls(settings),
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_routes={name: {"queue": queue} for name, queue in QUEUE_OF_TASK.items()},
        task_create_missing_queues=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": 2 * settings.analysis.lease_seconds,
            "socket_connect_timeout": min(CONNECT_SECONDS, settings.broker.timeout_seconds),
            "socket_timeout": settings.broker.timeout_seconds,
        },
    )
    # Celery's own tasks compose others by what a message says; ours are all that there is.
    for name in list(app.tasks):
        app.tasks.unregister(name)
    return app


def _address(settings: Settings) -> str:
    """Give the broker's URL with its password; the embedded broker's is in a file."""
    if settings.broker.url is not None:
        return settings.broker_url
    socket = settings.broker_socket
    password = broker_password(socket.parent)
    return settings.broker_url if password is None else f"redis+socket://:{password}@{socket}"


def _tls(settings: Settings) -> dict[str, Any] | None:
    """Say how a broker with TLS is verified: kombu alone would take any certificate."""
    address = urlsplit(settings.broker_url)
    authorities = settings.broker.ca_file and str(settings.broker.ca_file)
    match address.scheme:
        case "rediss":
            return {
                "ssl_cert_reqs": ssl.CERT_REQUIRED,
                "ssl_check_hostname": True,
                "ssl_ca_certs": authorities,
            }
        case "amqps":
            return {
                "cert_reqs": ssl.CERT_REQUIRED,
                "ca_certs": authorities,
                "server_hostname": address.hostname,
            }
        case _:
            return None


class CeleryPublisher:
    """Publishes to the broker; a broker that is away is a TransientFailure."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def publish(self, task: str, **arguments: object) -> None:
        """Hand one message to the broker.

        Raises
        ------
        TransientFailure
            The broker cannot be reached; the row stays due and goes out later.
        """
        try:
            self._app.send_task(task, kwargs=arguments, retry=False)
        except OperationalError as error:
            # The text may hold the broker's URL with its password: only the class is told.
            raise TransientFailure(
                f"the broker does not take {task}: {type(error).__name__}"
            ) from error

    def backlog(self, queue: str) -> int:
        """Count the messages that wait in a queue; one that does not exist yet is empty.

        Raises
        ------
        TransientFailure
            The broker cannot be reached, or has no room to answer.
        """
        transport = self._app.connection()
        try:
            with self._app.pool.acquire(block=True) as connection:
                connection.ensure_connection(max_retries=1, interval_start=0)
                with connection.channel() as channel:
                    return int(channel.queue_declare(queue=queue, passive=True).message_count)
        except ChannelError:
            return 0
        except (
            OperationalError,
            *transport.connection_errors,
            *transport.channel_errors,
        ) as error:
            raise TransientFailure(f"the broker is away: {type(error).__name__}") from error
