"""The demo's lesion lies where it was planned, in the breast, and changes nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from node.demo.films import VIEWS, film_paths
from node.dicom.geometry import Box
from node.dicom.pixels import to_grey
from workers.planned_lesion import LESION, insertion

pytestmark = pytest.mark.films

AIR = 10
"""Grey levels of a film beside the breast."""


@pytest.fixture(scope="module")
def grey() -> NDArray[np.uint8]:
    return to_grey(dcmread(film_paths()[LESION.view]))


@pytest.fixture(scope="module")
def inserted(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Box]:
    return insertion(LESION).insert(grey)


def inside(box: Box) -> tuple[slice, slice]:
    return slice(round(box.y0), round(box.y1)), slice(round(box.x0), round(box.x1))


def test_its_view_is_one_of_the_four() -> None:
    assert LESION.view in {view.name for view in VIEWS}


def test_its_box_lies_round_the_planned_place(
    grey: NDArray[np.uint8], inserted: tuple[NDArray[np.uint8], Box]
) -> None:
    rows, columns = grey.shape
    box = inserted[1]

    assert 0 <= box.x0 < LESION.column * columns < box.x1 <= columns
    assert 0 <= box.y0 < LESION.row * rows < box.y1 <= rows


def test_it_lies_in_the_breast(
    grey: NDArray[np.uint8], inserted: tuple[NDArray[np.uint8], Box]
) -> None:
    assert np.quantile(grey[inside(inserted[1])], 0.05) > AIR


def test_it_is_brighter_than_the_tissue_it_replaces(
    grey: NDArray[np.uint8], inserted: tuple[NDArray[np.uint8], Box]
) -> None:
    place = inside(inserted[1])

    assert inserted[0][place].mean() > grey[place].mean() + 10


def test_the_film_stays_as_it_is_but_for_the_neighbourhood_of_the_box(
    grey: NDArray[np.uint8], inserted: tuple[NDArray[np.uint8], Box]
) -> None:
    """Half a box beyond the box, for the ends of spicules."""
    altered, box = inserted
    reach = max(box.width, box.height) / 2
    left = np.maximum([box.x0 - reach, box.y0 - reach], 0)
    rows = slice(round(left[1]), round(box.y1 + reach))
    columns = slice(round(left[0]), round(box.x1 + reach))
    elsewhere = altered != grey

    assert elsewhere[rows, columns].any()
    elsewhere[rows, columns] = False
    assert not elsewhere.any()
    assert altered.dtype == np.uint8


def test_the_same_plan_draws_the_same_lesion_and_another_seed_another(
    grey: NDArray[np.uint8], inserted: tuple[NDArray[np.uint8], Box]
) -> None:
    again, box = insertion(LESION).insert(grey)
    other, _ = insertion(replace(LESION, seed=LESION.seed + 1)).insert(grey)

    assert np.array_equal(again, inserted[0])
    assert box == inserted[1]
    assert not np.array_equal(other, inserted[0])
