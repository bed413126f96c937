"""Each image and each cancer is in one group of each dimension."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.evaluation.breakdown import SIZES, Group, size_of
from models.evaluation.detections import ScoredBox
from models.evaluation.evaluation import evaluate
from models.evaluation.settings import EvaluationSettings
from tests.annotated import Annotated, annotated, cancer, matched, split

HIT, NOWHERE = (0.0, 0.0, 4.0, 4.0), (20.0, 30.0, 28.0, 40.0)
IMAGES = [
    annotated("1", [cancer(*HIT)], [ScoredBox(*HIT, 0.9)], patient="P1", density="A", view="CC"),
    annotated(
        "2",
        [cancer(*HIT, kind="calcification")],
        [ScoredBox(*NOWHERE, 0.5)],
        patient="P2",
        density="D",
        view="MLO",
    ),
    annotated("3", [], [], patient="P3", density="D", view="CC"),
    annotated("4", [], [ScoredBox(*NOWHERE, 0.7)], patient="P4", view="CC"),
]
SETTINGS = EvaluationSettings(wanted_false_positives=0.25, replicates=50)


def groups(images: list[Annotated] = IMAGES) -> dict[tuple[str, str], Group]:
    found = evaluate(*split(images), SETTINGS).groups
    return {(group.dimension, group.name): group for group in found}


def test_what_is_known_of_an_image_puts_it_in_a_group() -> None:
    counted = {key: (group.images, group.lesions) for key, group in groups().items()}

    assert counted == {
        ("density", "A"): (1, 1),
        ("density", "D"): (2, 1),
        ("density", ""): (1, 0),
        ("view", "CC"): (3, 1),
        ("view", "MLO"): (1, 1),
        ("finding", "mass"): (None, 1),
        ("finding", "calcification"): (None, 1),
        ("size", "5 to 10 %"): (None, 2),
    }


def test_a_group_of_images_has_the_figures_of_its_own_images() -> None:
    """The operating threshold is 0.7 (one false positive in four images), as is Youden's 0.9."""
    dense = groups()["density", "D"]

    assert dense.found == (0, 1)
    assert dense.false_positives == 0
    assert dense.area.value == 0
    assert dense.counts == (0, 1, 1, 0)


def test_a_group_of_cancers_is_judged_against_the_false_positives_of_all_images() -> None:
    mass, calcification = groups()["finding", "mass"], groups()["finding", "calcification"]

    assert (mass.found, calcification.found) == ((1, 1), (0, 1))
    assert (mass.area.value, calcification.area.value) == (1, 0)


def test_a_group_without_cancers_has_no_sensitivity_and_no_area() -> None:
    unknown = groups()["density", ""]

    assert unknown.area == (None, None)
    assert unknown.found is not None
    assert unknown.found.value is None
    assert unknown.false_positives == 1


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [(19, 49, 0), (50, 10, 1), (10, 99, 1), (100, 10, 2), (10, 200, 3), (300, 400, 3)],
)
def test_the_size_is_the_longest_side_as_a_part_of_the_image(
    width: int, height: int, expected: int
) -> None:
    """An image of 1000 rows and 700 columns."""
    (image,) = matched([annotated("1", [cancer(5, 5, 5 + width, 5 + height)])])
    image = replace(image, detections=replace(image.detections, rows=1000, columns=700))

    assert size_of(image, image.lesions[0]) == SIZES[expected]
