"""A whole node of real processes, and what a test asks of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from sqlalchemy import func, select

from config.detecting import DetectorSettings
from config.sending import Destination
from config.settings import Settings
from node.cli.embedded import EmbeddedNode, embedded_node
from node.cli.up import own_address
from node.db import audit
from node.db.tables import AuditEvent, Delivery, Instance, Result, Study
from node.scu.batch import find_objects, send_objects
from node.scu.outcome import Outcome
from node.states import DeliveryState, StudyState
from node.store.broker_secret import broker_password
from tests.servers import free_port, wait_until
from tests.weights_files import reference_weights_file

START_SECONDS = 90.0


@dataclass(frozen=True)
class RunningNode:
    """The node's settings, its processes and its rows."""

    settings: Settings
    embedded: EmbeddedNode

    @property
    def address(self) -> Destination:
        """Its SCP as a peer sees it."""
        return own_address(self.settings)

    def send(self, paths: Sequence[Path]) -> None:
        """Send files by C-STORE; every one must be answered with success."""
        found = find_objects(paths)
        answers = send_objects(found.objects, self.address, self.settings.scu)
        assert [answer.outcome for answer in answers] == [Outcome.DELIVERED] * len(paths), answers

    def kill(self, program: str) -> None:
        """End one of its processes as a power cut does."""
        os.kill(self.embedded.pids[program], signal.SIGKILL)

    def wait_for(self, program: str, *, other_than: int = 0) -> int:
        """Wait until a process runs, again if need be; give its id."""
        wait_until(
            lambda: self.embedded.pids.get(program, other_than) != other_than,
            f"{program} runs",
            seconds=START_SECONDS,
        )
        return self.embedded.pids[program]

    def state_of(self, study_instance_uid: str) -> StudyState | None:
        """The study's state; None before its first image."""
        with self.embedded.database.read() as session:
            return session.scalar(
                select(Study.state).where(Study.study_instance_uid == study_instance_uid)
            )

    def wait_until_delivered(self, study_instance_uid: str, *, seconds: float = 120.0) -> None:
        """Wait until the study is reported and each of its deliveries is done."""

        def is_done() -> bool:
            self.embedded.check()
            if self.state_of(study_instance_uid) is not StudyState.REPORTED:
                return False
            with self.embedded.database.read() as session:
                waiting = session.scalar(
                    select(func.count())
                    .select_from(Delivery)
                    .join(Delivery.result)
                    .join(Result.study)
                    .where(
                        Study.study_instance_uid == study_instance_uid,
                        Delivery.state != DeliveryState.DELIVERED,
                    )
                )
            return waiting == 0

        wait_until(is_done, f"study {study_instance_uid} is delivered", seconds=seconds)

    def results_of(self, study_instance_uid: str) -> list[str]:
        """SOP Instance UIDs of the objects that it made for a study."""
        with self.embedded.database.read() as session:
            return list(
                session.scalars(
                    select(Result.sop_instance_uid)
                    .join(Result.study)
                    .where(Study.study_instance_uid == study_instance_uid)
                )
            )

    def count(self, kind: type[Any], *where: Any) -> int:
        """Count rows."""
        with self.embedded.database.read() as session:
            return session.scalar(select(func.count()).select_from(kind).where(*where)) or 0

    def states(self) -> list[str]:
        """States of every image, in the order in which they came."""
        with self.embedded.database.read() as session:
            return [
                state.value
                for state in session.scalars(select(Instance.state).order_by(Instance.id))
            ]

    def events(self, name: str) -> int:
        """Count audit events of this name."""
        return self.count(AuditEvent, AuditEvent.event == name)

    def audit_problem(self) -> str | None:
        """What is wrong with the audit chain; None when it is whole."""
        with self.embedded.database.read() as session:
            return audit.verify(session).problem


def embedded_broker(settings: Settings) -> redis.Redis:
    """Connect to the broker of a node as its processes do."""
    socket = settings.broker_socket
    return redis.Redis(unix_socket_path=str(socket), password=broker_password(socket.parent))


@contextmanager
def running_node(
    root: Path,
    *,
    destinations: dict[str, Destination],
    longest_pause_seconds: float | None = None,
    **groups: Any,
) -> Iterator[RunningNode]:
    """Run a node, with the reference weights by default; ``groups`` are groups of the settings."""
    if "detector" not in groups:
        groups["detector"] = DetectorSettings(model="reference", weights=reference_weights_file())
    values: dict[str, Any] = {
        "storage": {"root": root, "free_space_gib": 0.5},
        "scp": {"port": free_port()},
        "destinations": destinations,
        "dispatch": {"poll_seconds": 0.1, "republish_seconds": 2.0},
        "study": {"quiet_seconds": 3.0},
        "log": {"level": "info", "format": "json"},
        **groups,
    }
    settings = Settings.model_validate(values)
    with embedded_node(settings, longest_pause_seconds=longest_pause_seconds) as embedded:
        yield RunningNode(settings, embedded)
