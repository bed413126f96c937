"""kill -9 of the worker that waits for a report, and an emptied broker: all is confirmed once."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from node.db.tables import Commitment, Delivery
from node.states import DeliveryState
from tests.committing_pacs import PROFILE, CommittingPacs
from tests.confirming import RESULTS
from tests.factories import make_mammogram, save_to_folder
from tests.running_node import embedded_broker, running_node
from tests.servers import short_folder, wait_until


@pytest.mark.tensorflow
def test_a_question_outlives_the_worker_that_asked_it_and_the_broker(tmp_path: Path) -> None:
    with ExitStack() as stack:
        pacs = stack.enter_context(CommittingPacs())
        node = stack.enter_context(
            running_node(
                stack.enter_context(short_folder()) / "node",
                destinations={"pacs": pacs.destination("commitment")},
                profiles={PROFILE: {"objects": ["measurement_report", "overlay"]}},
                scu={"report_wait_seconds": 300.0},
                delivery={
                    "lease_seconds": 5.0,
                    "confirm_after_seconds": 0.0,
                    "confirm_timeout_minutes": 0.1,
                },
            )
        )
        node.send(save_to_folder([make_mammogram()], tmp_path))
        wait_until(lambda: bool(pacs.requests), "the PACS is asked", seconds=180)
        asked = node.count(Commitment)
        before = node.embedded.pids["network"]
        node.kill("network")
        with embedded_broker(node.settings) as client:
            client.flushall()
        node.wait_for("network", other_than=before)
        wait_until(
            lambda: node.count(Delivery, Delivery.state == DeliveryState.CONFIRMED) == RESULTS,
            "every delivery is confirmed",
            seconds=120,
        )

        assert asked == 1
        assert len(pacs.stored) == len(set(pacs.stored)) == RESULTS
        assert node.events("delivery_confirmed") == RESULTS
        assert node.events("delivery_lost") == 0
        assert node.audit_problem() is None
