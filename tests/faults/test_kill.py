"""kill -9 of each process amid a study: it completes, and each result arrives once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from node.db.tables import Instance
from node.demo.pacs import ReceivingPacs
from node.states import InstanceState
from tests.factories import four_view_study, save_to_folder, stable_uid
from tests.running_node import RunningNode, embedded_broker, running_node
from tests.servers import short_folder, wait_until

pytestmark = pytest.mark.tensorflow

LEASE_SECONDS = 10.0


@pytest.fixture(scope="module")
def pacs() -> Iterator[ReceivingPacs]:
    with short_folder() as folder, ReceivingPacs(folder / "pacs") as pacs:
        yield pacs


@pytest.fixture(scope="module")
def node(pacs: ReceivingPacs) -> Iterator[RunningNode]:
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        yield stack.enter_context(
            running_node(
                folder / "node",
                destinations={"pacs": pacs.destination},
                analysis={"lease_seconds": LEASE_SECONDS},
                delivery={"lease_seconds": LEASE_SECONDS, "retry_first_seconds": 1.0},
            )
        )


def _kill(program: str) -> Callable[[RunningNode], None]:
    def kill(node: RunningNode) -> None:
        before = node.embedded.pids[program]
        node.kill(program)
        node.wait_for(program, other_than=before)

    return kill


def _empty_the_broker(node: RunningNode) -> None:
    with embedded_broker(node.settings) as client:
        client.flushall()


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(_kill("analysis"), id="analysis worker killed"),
        pytest.param(_kill("dispatch"), id="dispatch killed"),
        pytest.param(_kill("broker"), id="broker killed"),
        pytest.param(_kill("network"), id="network worker killed"),
        pytest.param(_empty_the_broker, id="broker emptied"),
    ],
)
def test_a_study_completes_once_over_a_fault_amid_its_analysis(
    node: RunningNode,
    pacs: ReceivingPacs,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    fault: Callable[[RunningNode], None],
) -> None:
    study = stable_uid(request.node.name)
    paths = save_to_folder(four_view_study(study_instance_uid=study), tmp_path)
    node.wait_for("analysis")
    node.send(paths)
    wait_until(
        lambda: node.count(Instance, Instance.state == InstanceState.ANALYSING) > 0,
        "an image is being analysed",
        seconds=90,
    )

    fault(node)
    node.wait_until_delivered(study, seconds=180)

    made = node.results_of(study)
    arrivals = {item.sop_instance_uid: item.arrivals for item in pacs.received}
    assert len(made) > 1
    assert {uid: arrivals.get(uid, 0) for uid in made} == dict.fromkeys(made, 1)
    assert set(node.states()) == {"ANALYSED"}
    assert node.audit_problem() is None
