"""`mgnode rerun`: which images are analysed again, by which model, and what stays."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from node.db.session import Database
from node.states import InstanceState, StudyState
from tests.factories import four_view_study, make_mammogram, stable_uid
from tests.rerunning import conclude, looked, rerun, scripted
from tests.working_node import WorkingNode, working_node

REPOSITORY = Path(__file__).resolve().parents[3]
STUDY = stable_uid("a study")


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    node = working_node(tmp_path / "storage", database, detector={"batch_size": 4})
    node.others = {name: scripted(name) for name in ("site-7", "site-8")}
    return node


def images(**common: Any) -> Any:
    return four_view_study(study_instance_uid=STUDY, **common)


def test_every_image_is_analysed_again_by_the_model_that_a_person_names(
    node: WorkingNode,
) -> None:
    node.report(node.complete(images()))

    assert rerun(node, STUDY, "site-7") == 4
    assert node.study(STUDY).state is StudyState.OPEN
    conclude(node, STUDY, 1, 2, 3, 4)

    assert [name for _, name in looked(node)] == ["reference"] * 4 + ["site-7"] * 4
    study = node.study(STUDY)
    assert (study.state, study.generation, study.model) == (StudyState.REPORTED, 2, "site-7")
    assert node.audit_problem() is None


def test_a_late_image_is_analysed_by_the_model_that_the_study_remembers(
    node: WorkingNode,
) -> None:
    *first, late = images()
    node.report(node.complete(first))
    rerun(node, STUDY, "site-7")
    conclude(node, STUDY, 1, 2, 3)

    (row,) = node.receive([late])
    other = node.receive([make_mammogram(patient_id="OTHER")])
    conclude(node, STUDY, row, *other)

    assert looked(node)[-2:] == [(row, "site-7"), (other[0], "reference")]


def test_without_a_name_the_nodes_own_model_looks_again(node: WorkingNode) -> None:
    node.report(node.complete(images()[:2]))
    rerun(node, STUDY, "site-7")
    conclude(node, STUDY, 1, 2)

    rerun(node, STUDY)
    conclude(node, STUDY, 1, 2)

    models = ["reference", "site-7", "reference"]
    assert looked(node) == [(row, model) for model in models for row in (1, 2)]
    assert node.study(STUDY).model == ""


def test_a_rejected_image_stays_rejected_and_a_failed_one_gets_new_attempts(
    node: WorkingNode,
) -> None:
    def fail(_: object) -> None:
        raise MemoryError

    node = node.with_settings(analysis={"max_attempts": 1})
    good, bad, phantom = images()[:3]
    phantom.BodyPartExamined = "PHANTOM"
    rows = node.receive([good, phantom])
    node.sweep()
    node.analyse(*rows)
    node.detector.look = fail
    rows += node.receive([bad])
    conclude(node, STUDY, *rows)
    node.detector.look = lambda _: None

    assert rerun(node, STUDY) == 2
    again = [node.instance(row) for row in rows]
    conclude(node, STUDY, *rows)

    assert [row.state for row in again] == [
        InstanceState.QUEUED,
        InstanceState.REJECTED,
        InstanceState.QUEUED,
    ]
    assert again[2].attempts == 0
    assert node.instance(rows[1]).reason == "QUALITY_CONTROL"
    assert node.instance(rows[2]).state is InstanceState.ANALYSED


def test_a_study_of_rejected_images_alone_is_left_as_it_is(node: WorkingNode) -> None:
    node.report(node.complete(images(BodyPartExamined="PHANTOM")))
    events = len(node.events())

    assert rerun(node, STUDY, "site-7") == 0

    assert node.study(STUDY).state is StudyState.REPORTED
    assert node.study(STUDY).model == ""
    assert len(node.events()) == events


def test_each_arrow_has_its_line_in_the_audit_log(node: WorkingNode) -> None:
    node.report(node.complete(images()[:2]))

    rerun(node, STUDY, "site-7")

    (asked,) = node.events("study_rerun")
    assert asked.details == {"model": "site-7", "before": "", "images": 2}
    assert [
        (event.event, event.old, event.new, event.reason, event.actor)
        for event in node.events()
        if event.id > asked.id
    ] == [
        ("instance_rerun", "ANALYSED", "QUEUED", "", "a person"),
        ("instance_rerun", "ANALYSED", "QUEUED", "", "a person"),
        ("study_reopened", "REPORTED", "OPEN", "RERUN", "a person"),
    ]


def test_one_batch_holds_images_of_one_model(node: WorkingNode) -> None:
    node.report(node.complete(images()))
    mine = node.receive(four_view_study(patient_id="OTHER"))
    node.sweep()
    rerun(node, STUDY, "site-7")

    node.analyse(mine[0])
    first = looked(node)[4:]
    node.analyse(1)

    assert first == [(row, "reference") for row in mine]
    assert looked(node)[8:] == [(row, "site-7") for row in (1, 2, 3, 4)]


def test_a_worker_that_looks_with_the_model_of_before_finds_its_lease_gone(
    node: WorkingNode,
) -> None:
    """Its boxes would else stand under the name of a model that nobody asked for."""
    (row,) = node.receive(images()[:1])
    node.sweep()

    def ask_meanwhile(_: object) -> None:
        node.detector.look = lambda _: None
        rerun(node, STUDY, "site-7")
        node.analyse(row)

    node.detector.look = ask_meanwhile
    node.analyse(row)

    assert looked(node) == [(row, "site-7")]
    assert node.instance(row).state is InstanceState.ANALYSED
    assert node.audit_problem() is None


def test_a_worker_that_lost_an_image_to_a_rerun_records_nothing_under_the_new_claim(
    node: WorkingNode,
) -> None:
    """The count of attempts begins anew: both claims are the first."""
    (row,) = node.receive(images()[:1])
    node.sweep()

    class PowerCut(BaseException):
        pass

    def die(_: object) -> None:
        raise PowerCut

    def ask_and_claim(_: object) -> None:
        rerun(node, STUDY, "site-7")
        with pytest.raises(PowerCut):
            node.analyse(row)

    node.others["site-7"].look = die
    node.detector.look = ask_and_claim
    node.analyse(row)

    assert looked(node) == []
    assert (node.instance(row).state, node.instance(row).attempts) == (InstanceState.ANALYSING, 1)
    node.others["site-7"].look = lambda _: None
    node.clock.pass_(seconds=node.runtime.settings.analysis.lease_seconds + 1)
    node.sweep()
    node.analyse(row)
    assert looked(node) == [(row, "site-7")]


DYING_WORKER = """
import os, signal, sys
from pathlib import Path
from node.db.session import Database
from tests.rerunning import scripted
from tests.working_node import working_node
node = working_node(Path(sys.argv[2]), Database(sys.argv[1]), detector={"batch_size": 4})
node.others["site-7"] = scripted("site-7", look=lambda _: os.kill(os.getpid(), signal.SIGKILL))
node.clock.pass_(minutes=10)
node.analyse(1)
"""


def test_a_worker_killed_amid_a_rerun_loses_none_of_it(
    node: WorkingNode, database_url: str
) -> None:
    node.report(node.complete(images()))
    rerun(node, STUDY, "site-7")
    arguments = [database_url, str(node.runtime.settings.storage.root)]

    worker = subprocess.run(
        [sys.executable, "-c", DYING_WORKER, *arguments], cwd=REPOSITORY, timeout=120
    )

    assert worker.returncode == -signal.SIGKILL
    assert {node.instance(row).state for row in (1, 2, 3, 4)} == {InstanceState.ANALYSING}
    node.clock.pass_(minutes=10, seconds=node.runtime.settings.analysis.lease_seconds + 1)
    conclude(node, STUDY, 1, 2, 3, 4)
    assert [name for _, name in looked(node)] == ["reference"] * 4 + ["site-7"] * 4
    assert (node.study(STUDY).state, node.study(STUDY).generation) == (StudyState.REPORTED, 2)
    assert node.audit_problem() is None
