"""`mgnode rerun`: which images are analysed again, by which model, and what stays."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from config.settings import Settings
from models.detector import Detector
from models.spec import SPECS
from node.db.rerun import rerun_study
from node.db.session import Database
from node.db.tables import Analysis, Study
from node.states import InstanceState, StudyState
from tests.factories import four_view_study, make_mammogram, stable_uid
from tests.working_node import BOX, ScriptedDetector, WorkingNode, working_node

REPOSITORY = Path(__file__).resolve().parents[3]
STUDY = stable_uid("a study")


def scripted(name: str, **fields: Any) -> ScriptedDetector:
    spec = replace(SPECS["reference"], name=name, title=f"Model {name}", is_reference=False)
    return ScriptedDetector(spec=spec, version=f"1+{name}", **fields)


@pytest.fixture
def node(database: Database, tmp_path: Path) -> WorkingNode:
    node = working_node(tmp_path / "storage", database, detector={"batch_size": 4})
    node.others = {name: scripted(name) for name in ("site-7", "site-8")}
    return node


def images(**common: Any) -> Any:
    return four_view_study(study_instance_uid=STUDY, **common)


def rerun(node: WorkingNode, model: str = "") -> int:
    node.clock.pass_(seconds=1)
    with node.database.begin() as session:
        study = session.scalars(select(Study).where(Study.study_instance_uid == STUDY)).one()
        return rerun_study(session, study, model=model, at=node.clock(), actor="a person")


def looked(node: WorkingNode) -> list[tuple[int, str]]:
    """Every analysis so far: which image, which model."""
    query = select(Analysis.instance_id, Analysis.model_name).order_by(Analysis.id)
    with node.database.read() as session:
        return [(row.instance_id, row.model_name) for row in session.execute(query)]


def conclude(node: WorkingNode, *rows: int) -> None:
    """Let the workers do everything that is due."""
    node.sweep()
    node.analyse(*rows)
    node.clock.pass_(seconds=node.runtime.settings.study.quiet_seconds)
    node.sweep()
    node.report(node.study(STUDY).id)


def test_every_image_is_analysed_again_by_the_model_that_a_person_names(
    node: WorkingNode,
) -> None:
    node.report(node.complete(images()))

    assert rerun(node, "site-7") == 4
    assert node.study(STUDY).state is StudyState.OPEN
    conclude(node, 1, 2, 3, 4)

    assert [name for _, name in looked(node)] == ["reference"] * 4 + ["site-7"] * 4
    study = node.study(STUDY)
    assert (study.state, study.generation, study.model) == (StudyState.REPORTED, 2, "site-7")
    assert node.audit_problem() is None


def test_a_late_image_is_analysed_by_the_model_that_the_study_remembers(
    node: WorkingNode,
) -> None:
    *first, late = images()
    node.report(node.complete(first))
    rerun(node, "site-7")
    conclude(node, 1, 2, 3)

    (row,) = node.receive([late])
    other = node.receive([make_mammogram(patient_id="OTHER")])
    conclude(node, row, *other)

    assert looked(node)[-2:] == [(row, "site-7"), (other[0], "reference")]


def test_without_a_name_the_nodes_own_model_looks_again(node: WorkingNode) -> None:
    node.report(node.complete(images()[:2]))
    rerun(node, "site-7")
    conclude(node, 1, 2)

    rerun(node)
    conclude(node, 1, 2)

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
    conclude(node, *rows)
    node.detector.look = lambda _: None

    assert rerun(node) == 2
    again = [node.instance(row) for row in rows]
    conclude(node, *rows)

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

    assert rerun(node, "site-7") == 0

    assert node.study(STUDY).state is StudyState.REPORTED
    assert node.study(STUDY).model == ""
    assert len(node.events()) == events


def test_each_arrow_has_its_line_in_the_audit_log(node: WorkingNode) -> None:
    node.report(node.complete(images()[:2]))

    rerun(node, "site-7")

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
    rerun(node, "site-7")

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
        rerun(node, "site-7")
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
        rerun(node, "site-7")
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


def test_a_model_that_is_not_installed_puts_the_image_off_and_then_sets_it_aside(
    node: WorkingNode,
) -> None:
    node = node.with_settings(analysis={"max_attempts": 2})
    node.report(node.complete(images()[:1]))
    rerun(node, "gone")
    node.sweep()

    node.analyse(1)
    put_off = node.instance(1)
    node.clock.pass_(minutes=1)
    node.analyse(1)

    assert (put_off.state, put_off.reason) == (InstanceState.QUEUED, "MODEL_NOT_USABLE")
    assert put_off.not_before is not None
    failed = node.instance(1)
    assert (failed.state, failed.reason) == (InstanceState.FAILED, "MODEL_NOT_USABLE")
    assert "asks for the model gone: no model is called gone; then `mgnode retry`" in failed.detail
    assert node.events("instance_failed")[0].details["detail"] == failed.detail


def test_the_node_goes_on_while_a_study_asks_for_a_model_that_is_not_there(
    node: WorkingNode,
) -> None:
    node.report(node.complete(images()))
    rerun(node, "gone")
    other = node.receive(four_view_study(patient_id="OTHER"))
    node.sweep()

    node.analyse(1, *other)

    assert {node.instance(row).state for row in other} == {InstanceState.ANALYSED}
    assert {node.instance(row).state for row in (1, 2, 3, 4)} == {InstanceState.QUEUED}


def test_what_waits_for_a_missing_model_is_due_at_once_for_another(node: WorkingNode) -> None:
    node.report(node.complete(images()[:1]))
    rerun(node, "gone")
    node.analyse(1)

    rerun(node, "site-8")
    node.analyse(1)

    assert looked(node)[-1] == (1, "site-8")
    assert node.instance(1).attempts == 1


def test_another_model_looks_at_its_own_operating_point(node: WorkingNode) -> None:
    """The node's threshold is a setting for the node's model."""
    node = node.with_settings(detector={"score_threshold": 0.9, "batch_size": 4})
    other = scripted("site-7")
    other.spec = replace(other.spec, score_threshold=0.2, max_boxes=1)
    other.boxes = (BOX, replace(BOX, score=0.3), replace(BOX, score=0.1))
    node.others["site-7"] = other
    node.report(node.complete(images()[:1]))
    assert node.boxes(1) == []

    rerun(node, "site-7")
    conclude(node, 1)

    assert [box.score for box in node.boxes(1)] == [BOX.score]


def test_one_other_model_is_kept_until_another_is_asked_for(node: WorkingNode) -> None:
    loaded: list[str] = []
    detectors = node.detectors
    load = detectors.load

    def noting(settings: Settings) -> Detector:
        loaded.append(settings.detector.model)
        return load(settings)

    detectors.load = noting
    asked = ["", "site-7", "", "site-7", "site-8", "site-8", node.runtime.settings.detector.model]
    used = [detectors.of(model).detector.spec.name for model in [*asked, "site-7"]]

    own = "reference"
    assert used == [own, "site-7", own, "site-7", "site-8", "site-8", own, "site-7"]
    assert loaded == ["site-7", "site-8", "site-7"]


DYING_WORKER = """
import os, signal, sys
from pathlib import Path
from node.db.session import Database
from tests.integration.workers.test_rerun import scripted
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
    rerun(node, "site-7")
    arguments = [database_url, str(node.runtime.settings.storage.root)]

    worker = subprocess.run(
        [sys.executable, "-c", DYING_WORKER, *arguments], cwd=REPOSITORY, timeout=120
    )

    assert worker.returncode == -signal.SIGKILL
    assert {node.instance(row).state for row in (1, 2, 3, 4)} == {InstanceState.ANALYSING}
    node.clock.pass_(minutes=10, seconds=node.runtime.settings.analysis.lease_seconds + 1)
    conclude(node, 1, 2, 3, 4)
    assert [name for _, name in looked(node)] == ["reference"] * 4 + ["site-7"] * 4
    assert (node.study(STUDY).state, node.study(STUDY).generation) == (StudyState.REPORTED, 2)
    assert node.audit_problem() is None
