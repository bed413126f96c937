"""Every figure together, and the cases in which there is none."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings

from models.evaluation.detections import ScoredBox
from models.evaluation.errors import EvaluationError
from models.evaluation.evaluation import GIVEN, OPERATING, YOUDEN, evaluate
from models.evaluation.hardest import difficult_cancers, worst_false_positives
from models.evaluation.settings import EvaluationSettings
from tests import slow_froc
from tests.annotated import COLUMNS, ROWS, Annotated, annotated, cancer, image_sets, split

IOU = Fraction("0.3")
HIT, NOWHERE = (0.0, 0.0, 4.0, 4.0), (20.0, 30.0, 28.0, 40.0)
QUICK = EvaluationSettings(replicates=40, threshold=0.5)


def as_float(value: Fraction | None) -> object:
    return None if value is None else pytest.approx(float(value), abs=1e-12)


@settings(deadline=None)
@given(image_sets())
def test_every_figure_equals_the_slow_one(images: list[Annotated]) -> None:
    found = evaluate(*split(images), QUICK)

    assert found.area.value == as_float(slow_froc.partial_area(images, Fraction(1), IOU))
    for at in found.sensitivities:
        expected = slow_froc.sensitivity_at(images, Fraction(str(at.false_positives)), IOU)
        assert at.sensitivity.value == as_float(expected)
    operating = found.judgement(OPERATING)
    assert (None if operating is None else operating.threshold) == slow_froc.operating_threshold(
        images, Fraction(1, 2), IOU
    )
    for judged in found.judgements:
        false, sensitivity = slow_froc.point(images, judged.threshold, IOU)
        assert judged.false_positives.value == as_float(false)
        assert judged.found.value == as_float(sensitivity)
        assert judged.counts == slow_froc.image_counts(images, judged.threshold, IOU)


@settings(deadline=None)
@given(image_sets())
def test_the_curve_lies_in_its_band_nowhere_outside_of_0_to_1(images: list[Annotated]) -> None:
    found = evaluate(*split(images), QUICK)

    if found.band is not None:
        assert (found.band.low >= 0).all()
        assert (found.band.high <= 1).all()
        assert (found.band.low <= found.band.high).all()


def test_the_same_cases_give_the_same_intervals_every_time() -> None:
    images = [
        annotated(str(n), [cancer(*HIT)], [ScoredBox(*HIT, 0.5)] if n % 3 else [], patient=f"P{n}")
        for n in range(20)
    ]

    one, other = (evaluate(*split(images), QUICK) for _ in range(2))

    assert one.area.interval is not None
    assert one.area == other.area
    assert evaluate(*split(images), EvaluationSettings(seed=1)).area.interval != one.area.interval


def test_without_a_cancer_the_false_positives_are_still_told() -> None:
    images = [
        annotated("1", [], [ScoredBox(*NOWHERE, 0.5)], patient="P1"),
        annotated("2", [], [], patient="P2"),
    ]

    found = evaluate(*split(images), QUICK)

    assert (found.curve, found.band, found.area) == (None, None, (None, None))
    assert all(at.sensitivity == (None, None) for at in found.sensitivities)
    assert {judged.name for judged in found.judgements} == {OPERATING, GIVEN}
    judged = found.judgement(GIVEN)
    assert judged is not None
    assert (judged.found.value, judged.false_positives.value) == (None, 0.5)
    assert judged.counts == (0, 0, 1, 1)


def test_without_another_image_there_is_no_youden_threshold_but_a_curve() -> None:
    found = evaluate(*split([annotated("1", [cancer(*HIT)], [ScoredBox(*HIT, 0.5)])]), QUICK)

    assert found.area == (1, None)  # one patient: no interval
    assert found.judgement(YOUDEN) is None


def test_two_cancers_of_one_image_are_counted_each() -> None:
    image = annotated("1", [cancer(*HIT), cancer(12, 8, 20, 16)], [ScoredBox(*HIT, 0.5)])

    found = evaluate(*split([image]), QUICK)

    assert (found.total.lesions, found.total.malignant_images) == (2, 1)
    assert found.area.value == 0.5


def test_all_that_does_not_fit_is_told_at_once() -> None:
    cases, detections = split(
        [
            annotated("1", [cancer(0, 0, COLUMNS + 2, 5)]),
            annotated("2", [cancer(0, 0, COLUMNS, ROWS)]),
            annotated("3"),
            annotated("4", [cancer(0, 0, 5, ROWS + 2)]),
        ]
    )
    del detections["3"]

    with pytest.raises(EvaluationError) as refused:
        evaluate([*cases, cases[1]], detections)

    assert refused.value.problems == (
        "1: the box 0, 0, 31, 5 lies outside the image of 29 columns and 41 rows",
        "3: there are no detections of this image",
        "4: the box 0, 0, 5, 43 lies outside the image of 29 columns and 41 rows",
        "2: the image is there twice",
    )


def test_no_cases_are_refused() -> None:
    with pytest.raises(EvaluationError, match="there are no cases"):
        evaluate([], {})


@pytest.mark.parametrize(
    "wrong",
    [
        {"iou_threshold": 0.0},
        {"iou_threshold": 1.1},
        {"most_false_positives": 0.0},
        {"wanted_false_positives": -0.1},
        {"at_false_positives": (0.5, -1.0)},
        {"confidence": 1.0},
        {"replicates": -1},
    ],
)
def test_settings_of_which_no_figure_can_be_made_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError):
        EvaluationSettings(**wrong)


IMAGES = [
    annotated("b", [cancer(*HIT)], [ScoredBox(*NOWHERE, 0.75)]),
    annotated("a", [cancer(*HIT), cancer(12, 8, 20, 16)], [ScoredBox(*HIT, 0.5)]),
    annotated("c", [cancer(*HIT)], [ScoredBox(*HIT, 0.25), ScoredBox(*NOWHERE, 0.875)]),
]


def test_the_most_difficult_cancers_are_the_missed_ones_and_then_those_of_low_scores() -> None:
    found = difficult_cancers(evaluate(*split(IMAGES), QUICK).images, at_most=3)

    named = [(each.image.case.image_id, each.lesion.score) for each in found]
    assert named == [("a", None), ("b", None), ("c", 0.25)]


def test_the_worst_false_positives_are_those_of_the_highest_scores() -> None:
    found = worst_false_positives(evaluate(*split(IMAGES), QUICK).images, at_most=9)

    named = [(each.image.case.image_id, each.found.box.score) for each in found]
    assert named == [("c", 0.875), ("b", 0.75)]
