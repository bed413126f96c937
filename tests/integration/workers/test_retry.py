"""`mgnode retry`: images, reports and decodings that ended badly, once more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from config.settings import AnalysisSettings
from node.cli.app import app
from node.db.set_aside import set_aside
from node.db.tables import Instance
from node.states import InstanceState, StudyState
from tests.factories import four_view_study, make_mammogram, stable_uid
from tests.report_tree import predecessors
from tests.working_node import WorkingNode, spoken
from workers.decoding import Decoder

# test_report.py runs the same statements on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

STUDY = stable_uid("a study")


def images(**common: Any) -> Any:
    return four_view_study(study_instance_uid=STUDY, **common)


def retry(database_url: str, *arguments: str) -> str:
    result = CliRunner().invoke(
        app, ["retry", *arguments], env={"MGNODE_DATABASE__URL": database_url}
    )
    assert result.exit_code == 0, result.output
    return result.output


def fail(_: object) -> None:
    raise MemoryError


def one_of_two_failed(node: WorkingNode) -> tuple[int, int]:
    """Let a study of two images wait for its report: one is analysed, one FAILED."""
    good, bad = node.receive(images()[:2])
    node.sweep()
    node.analyse(good)
    node.detector.look = fail
    node.analyse(bad)
    node.clock.pass_(hours=1)
    node.sweep()
    return good, bad


@contextmanager
def limited(node: WorkingNode, **limits: Any) -> Iterator[WorkingNode]:
    """The same installation with a decoder under limits of its own."""
    decoder = Decoder(AnalysisSettings(**limits))
    try:
        yield replace(node, runtime=replace(node.runtime, decoder=decoder))
    finally:
        decoder.close()


def test_a_failed_image_that_is_replayed_opens_its_study_again(
    node: WorkingNode, database_url: str
) -> None:
    node = node.with_settings(analysis={"max_attempts": 1})
    _, bad = one_of_two_failed(node)
    node.report(node.study(STUDY).id)
    assert "ANALYSIS_FAILED" in spoken(node.report_of(1))

    assert retry(database_url, STUDY) == "1 images, 0 reports, 0 deliveries put back\n"
    node.detector.look = lambda _: None
    node.analyse(bad)
    reopened = node.study(STUDY).state
    node.sweep()
    node.report(node.study(STUDY).id)

    assert reopened is StudyState.OPEN
    assert predecessors(node.report_of(2)) == [node.report_of(1).SOPInstanceUID]
    assert "ANALYSIS_FAILED" not in spoken(node.report_of(2))


def test_an_image_that_needed_more_memory_than_it_may_is_analysed_after_the_limit_was_raised(
    node: WorkingNode, database_url: str
) -> None:
    large = make_mammogram(rows=2500, columns=2000, study_instance_uid=STUDY)
    with limited(node, decode_memory_mib=16) as small:
        (image,) = small.receive([large])
        small.sweep()
        small.analyse(image)
    assert node.instance(image).reason == "DECODER_MEMORY"
    node.clock.pass_(hours=1)
    node.sweep()
    node.report(node.study(STUDY).id)
    assert "DECODER_MEMORY" in spoken(node.report_of(1))

    assert retry(database_url, STUDY) == "1 images, 0 reports, 0 deliveries put back\n"
    node.analyse(image)
    node.sweep()
    node.clock.pass_(hours=1)
    node.sweep()
    node.report(node.study(STUDY).id)

    assert node.instance(image).state is InstanceState.ANALYSED
    assert predecessors(node.report_of(2)) == [node.report_of(1).SOPInstanceUID]
    assert "DECODER_MEMORY" not in spoken(node.report_of(2))


def test_every_study_at_once_leaves_alone_what_the_decoder_gave_up(
    node: WorkingNode, database_url: str
) -> None:
    (image,) = node.receive([make_mammogram(rows=2500, columns=2000, study_instance_uid=STUDY)])
    with limited(node, decode_memory_mib=16) as small:
        small.sweep()
        small.analyse(image)

    assert retry(database_url, "--all") == "0 images, 0 reports, 0 deliveries put back\n"
    assert node.instance(image).reason == "DECODER_MEMORY"


def test_an_image_is_not_put_back_where_images_of_its_study_were_removed(
    node: WorkingNode, database_url: str
) -> None:
    """Without them there is no report, and the one that was sent would be superseded by none."""
    whole = make_mammogram(study_instance_uid=STUDY, sop_instance_uid=stable_uid("whole"))
    large = make_mammogram(rows=2500, columns=2000, study_instance_uid=STUDY)
    well, image = node.receive([whole, large])
    with limited(node, decode_memory_mib=16) as small:
        small.sweep()
        small.analyse(well)
        small.analyse(image)
    with node.database.begin() as session:
        session.get_one(Instance, well).removed_at = node.clock()

    said = retry(database_url, STUDY)

    assert "1 images of study" in said
    assert "have them sent again" in said
    assert node.instance(image).reason == "DECODER_MEMORY"


def test_an_image_that_is_none_to_analyse_is_not_put_back(
    node: WorkingNode, database_url: str
) -> None:
    raw, aside = node.receive(
        [
            make_mammogram(study_instance_uid=STUDY, PresentationIntentType="FOR PROCESSING"),
            make_mammogram(study_instance_uid=STUDY, sop_instance_uid=stable_uid("aside")),
        ]
    )
    node.sweep()
    node.analyse(raw)
    node.analyse(aside)
    with node.database.begin() as session:
        row = session.get_one(Instance, aside)
        set_aside(session, row, why="another breast", at=node.clock(), actor="a person")

    assert retry(database_url, "--all") == "0 images, 0 reports, 0 deliveries put back\n"
    assert [node.instance(each).reason for each in (raw, aside)] == ["FOR_PROCESSING", "SET_ASIDE"]


def test_a_failed_report_is_replayed_and_the_same_images_make_it(
    node: WorkingNode, database_url: str
) -> None:
    node = node.with_settings(analysis={"max_attempts": 1})
    study = node.complete(images())
    source = node.layout.absolute(node.instance(1).path)
    away = source.rename(source.with_suffix(".away"))
    node.report(study)
    failed = node.study(STUDY).state
    away.rename(source)

    assert retry(database_url, STUDY) == "0 images, 1 reports, 0 deliveries put back\n"
    node.report(study)

    assert failed is StudyState.FAILED
    assert (node.study(STUDY).state, node.study(STUDY).reason) == (StudyState.REPORTED, "")
    assert len(node.results()) == 6


def test_a_study_of_two_patients_fails_again_however_often_it_is_replayed(
    node: WorkingNode, database_url: str
) -> None:
    one = make_mammogram(study_instance_uid=STUDY, patient_id="ONE")
    other = make_mammogram(study_instance_uid=STUDY, patient_id="TWO", view="MLO")
    study = node.complete([one, other])
    node.report(study)

    retry(database_url, "--all")
    node.report(study)

    assert (node.study(STUDY).state, node.study(STUDY).reason) == (
        StudyState.FAILED,
        "IDENTITY_CONFLICT",
    )
    assert node.results() == []


def test_replaying_image_and_report_makes_one_report_of_both(
    node: WorkingNode, database_url: str
) -> None:
    """The report waits for the image: else it would be superseded at once."""
    node = node.with_settings(analysis={"max_attempts": 1})
    good, bad = one_of_two_failed(node)
    source = node.layout.absolute(node.instance(good).path)
    away = source.rename(source.with_suffix(".away"))
    node.report(node.study(STUDY).id)
    away.rename(source)
    node.detector.look = lambda _: None

    assert retry(database_url, STUDY) == "1 images, 0 reports, 0 deliveries put back\n"
    node.analyse(bad)
    node.sweep()
    node.report(node.study(STUDY).id)

    assert node.study(STUDY).generation == 1
    assert "2 regions" not in spoken(node.report_of())
    assert len(node.results()) == 4
