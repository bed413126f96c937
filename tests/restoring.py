"""A node with two destinations that a test backs up, wrecks and restores."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from config.settings import Settings
from node.db import hold, outbox
from node.db.session import Database
from node.dispatch.checkpoints import Signer
from node.dispatch.head_export import HeadExport
from node.states import DeliveryState
from node.store.audit_key import make_key
from tests.committing_pacs import PROFILE, CommittingPacs
from tests.factories import make_mammogram
from tests.working_node import WorkingNode, working_node
from workers.cli import app
from workers.deliver import deliver_results

STUDIES = {"first": "2.25.1", "second": "2.25.2", "third": "2.25.3"}


class Site:
    """A node with two destinations: one that can be asked what it has, one that cannot."""

    def __init__(
        self, folder: Path, url: str, peers: dict[str, CommittingPacs], patch: pytest.MonkeyPatch
    ) -> None:
        self.folder = folder
        self.asked, self.unasked = peers["query"], peers["none"]
        key = folder / "keys" / "audit.pem"
        make_key(key)
        self._groups: dict[str, Any] = {
            "destinations": {
                "asked": self.asked.destination("query"),
                "unasked": self.unasked.destination("none"),
            },
            "profiles": {PROFILE: {"objects": ["measurement_report", "overlay"]}},
            "audit": {"key": key, "head_file": folder / "heads", "checkpoint_events": 1},
        }
        self._patch = patch
        for name in ("key", "head_file"):
            patch.setenv(f"MGNODE_AUDIT__{name.upper()}", str(self._groups["audit"][name]))
        destinations = {
            name: row.model_dump(mode="json", exclude_none=True)
            for name, row in self._groups["destinations"].items()
        }
        patch.setenv("MGNODE_DESTINATIONS", json.dumps(destinations))
        patch.setenv("MGNODE_PROFILES", json.dumps(self._groups["profiles"]))
        self.move(url, "storage")
        self.node = self.open()

    def move(self, url: str, root: str) -> None:
        """Set where the node's database and files are to be."""
        self.url, self.root = url, self.folder / root
        self._patch.setenv("MGNODE_DATABASE__URL", url)
        self._patch.setenv("MGNODE_STORAGE__ROOT", str(self.root))

    def open(self) -> WorkingNode:
        return working_node(self.root, Database(self.url), **self._groups)

    def report(self, name: str) -> None:
        """Let the node receive, analyse and report one image."""
        image = make_mammogram(study_instance_uid=STUDIES[name])
        self.node.report(self.node.complete([image]))

    def deliver(self, *names: str) -> None:
        """Send what dispatch says is due, to these destinations, or to every one."""
        node = self.node
        node.clock.pass_(hours=2)
        with node.database.read() as session:
            held = hold.held_destinations(session, node.runtime.settings)
            due = outbox.deliveries_to_publish(
                session, at=node.clock(), republish=timedelta(seconds=30), held=held
            )
        for name, ids in due.items():
            if not names or name in names:
                deliver_results(node.runtime, ids)

    def sign(self) -> None:
        """Sign the head of the log and export it."""
        settings: Settings = self.node.runtime.settings
        Signer(settings, self.node.database, actor="dispatch").step(at=self.node.clock())
        HeadExport(settings, self.node.database).step()

    def states(self) -> set[tuple[str, DeliveryState]]:
        return {(row.destination, row.state) for row in self.node.deliveries()}

    def close(self) -> None:
        self.node.database.dispose()


def run(*words: str) -> str:
    """Run a command that ends well; give what it says."""
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout
