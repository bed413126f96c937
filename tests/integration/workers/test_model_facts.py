"""Which model looked stands in every result: version, device, checksum, operating point, card."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydicom import Dataset

from models.spec import SPECS
from node.db.installation import uid_namespace
from node.dicom.result_uids import device_uid
from tests.factories import four_view_study, stable_uid
from tests.report_tree import items, texts
from tests.working_node import WorkingNode

# test_report.py runs the same statements on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

STUDY = stable_uid("a study")
SPEC = replace(
    SPECS["ueda2022"],
    name="site-7",
    title="Model of site seven",
    score_threshold=0.42,
    max_boxes=3,
    statement="Research, not for diagnosis. Trained on the films of one site.",
)
SHA256 = "5c" * 32
FACTS = [
    "max_boxes=3",
    "score_threshold=0.42",
    "model=site-7",
    f"weights_sha256={SHA256}",
    "model_card=Research, not for diagnosis. Trained on the films of one site.",
]


def images(**common: Any) -> Any:
    return four_view_study(study_instance_uid=STUDY, **common)


@pytest.fixture
def reported(node: WorkingNode) -> WorkingNode:
    node.detector.spec = SPEC
    node.detector.version = "1+5c5c5c5c5c5c"
    node.report(node.complete(images()))
    return node


def overlays(node: WorkingNode) -> list[Dataset]:
    return [node.result(row) for row in node.results() if row.kind == "overlay"]


def test_each_box_of_the_report_has_every_fact_of_its_model(reported: WorkingNode) -> None:
    groups = items(reported.report_of(), "126010", "125007")

    assert len(groups) == 4
    for group in groups:
        assert texts(group, "111001") == ["Model of site seven"]
        assert texts(group, "111003") == ["1+5c5c5c5c5c5c"]
        assert texts(group, "111002") == FACTS


def test_a_report_without_a_box_has_every_fact_of_its_model(node: WorkingNode) -> None:
    node.detector.spec = SPEC
    node.detector.boxes = ()

    node.report(node.complete(images()))

    evaluations = "C0034375"
    assert texts(node.report_of(), evaluations, "111001") == ["Model of site seven"]
    said = " ".join(texts(node.report_of(), evaluations, "121106"))
    assert all(fact in said for fact in FACTS)


def test_each_overlay_has_every_fact_of_its_model(reported: WorkingNode) -> None:
    made = overlays(reported)

    assert len(made) == 4
    for overlay in made:
        said = overlay.DerivationDescription
        assert "Model of site seven 1+5c5c5c5c5c5c" in said
        assert all(fact in said for fact in FACTS)
        assert len(said) <= 1024


def test_a_report_of_images_that_were_not_analysed_names_the_model_that_was_due(
    node: WorkingNode,
) -> None:
    node.report(node.complete(images(BodyPartExamined="PHANTOM")))

    assert texts(node.report_of(), "C0034375", "111001") == [SPECS["ueda2022"].title]
    assert texts(node.report_of(), "C0034375", "111003") == ["not run"]


def test_a_model_that_was_due_and_is_not_here_is_named_by_its_name(node: WorkingNode) -> None:
    node = node.with_settings(detector={"model": "site-7"})

    node.report(node.complete(images(BodyPartExamined="PHANTOM")))

    assert texts(node.report_of(), "C0034375", "111001") == ["site-7"]


def test_other_weights_are_another_device_in_report_and_overlays(node: WorkingNode) -> None:
    first, late = images()[:2]
    node.detector.version = "1+aaaaaaaaaaaa"
    node.report(node.complete([first]))
    node.detector.version = "1+bbbbbbbbbbbb"
    node.report(node.complete([late]))

    with node.database.read() as session:
        namespace = uid_namespace(session)
    one, other = (
        device_uid(namespace, "reference", version)
        for version in ("1+aaaaaaaaaaaa", "1+bbbbbbbbbbbb")
    )
    assert one != other
    reports = [node.report_of(generation) for generation in (1, 2)]
    observers = [items(report, "121012")[0].UID for report in reports]
    assert observers == [report.DeviceUID for report in reports] == [one, other]
    assert [overlay.DeviceUID for overlay in overlays(node)] == [one, other]


@pytest.mark.parametrize(
    ("setting", "fact"),
    [({"score_threshold": 0.81}, "score_threshold=0.81"), ({"max_boxes": 1}, "max_boxes=1")],
)
def test_a_setting_goes_before_the_models_own_operating_point(
    node: WorkingNode, setting: dict[str, Any], fact: str
) -> None:
    node = node.with_settings(detector=setting)
    node.detector.spec = SPEC

    node.report(node.complete(images()))

    (own,) = set(setting) ^ {"score_threshold", "max_boxes"}
    for group in items(node.report_of(), "126010", "125007"):
        assert fact in texts(group, "111002")
        assert f"{own}={getattr(SPEC, own)}" in texts(group, "111002")


def test_the_models_own_threshold_hides_weaker_boxes(node: WorkingNode) -> None:
    node.detector.spec = replace(SPEC, score_threshold=0.9)

    node.report(node.complete(images()))

    assert items(node.report_of(), "126010", "125007") == []
    assert overlays(node) == []


def test_the_audit_log_has_the_facts_of_the_model_that_looked(reported: WorkingNode) -> None:
    details = [event.details for event in reported.events("instance_analysed")]

    assert len(details) == 4
    for detail in details:
        assert detail["weights_sha256"] == SHA256
        assert detail["parameters"] == {"score_threshold": 0.42, "max_boxes": 3}
    assert reported.audit_problem() is None


def test_two_installations_are_two_devices(reported: WorkingNode) -> None:
    """Else two hospitals with one model would claim to be one machine."""
    report = reported.report_of()

    assert report.DeviceUID.startswith("2.25.")
    with reported.database.read() as session:
        namespace = uid_namespace(session)
    assert report.DeviceUID == device_uid(namespace, "site-7", "1+5c5c5c5c5c5c")
