"""One view becomes another image with a lesion; nothing else of the study changes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import FileDataset, dcmread

from node.demo.films import CREDIT, write_film_study
from node.demo.insertion import (
    NOTICE,
    InsertedLesion,
    Insertion,
    insert_lesion,
    with_difference,
)
from node.dicom.eligibility import check
from node.dicom.geometry import Box
from node.dicom.pixels import to_grey
from tests.requirements import program

NAMESPACE = UUID("3c9d2a7e-54c8-4f0b-9d4e-0c7a1f2b3d4e")
TAKEN_AT = datetime(2024, 2, 29, 8, 5, 9)  # noqa: DTZ001 - DICOM dates are local
BOX = Box(1800.0, 2000.0, 1950.0, 2110.0)  # columns, rows: neither square nor central
INSIDE = (slice(2000, 2110), slice(1800, 1950))


def draw_wedge(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Box]:
    """Brighten by 1 at the left to 150 at the right; most of it saturates nowhere."""
    wedge = np.arange(1, 151)
    drawn = grey.copy()
    drawn[INSIDE] = np.minimum(grey[INSIDE] + wedge, 255)
    return drawn, BOX


def draw_nothing(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Box]:
    return grey.copy(), BOX


WEDGE = Insertion("RMLO", draw_wedge)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return write_film_study(folder, namespace=NAMESPACE, taken_at=TAKEN_AT)


@pytest.fixture(scope="module")
def after(
    before: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Path], InsertedLesion]:
    folder = tmp_path_factory.mktemp("with-a-lesion")
    paths = {name: Path(shutil.copy(path, folder)) for name, path in before.items()}
    return paths, insert_lesion(paths["RMLO"], WEDGE, namespace=NAMESPACE)


@pytest.fixture(scope="module")
def film(before: Mapping[str, Path]) -> FileDataset:
    return dcmread(before["RMLO"])


@pytest.fixture(scope="module")
def altered(after: tuple[dict[str, Path], InsertedLesion]) -> FileDataset:
    return dcmread(after[0]["RMLO"])


@pytest.mark.films
def test_no_pixel_outside_the_lesion_changes(film: FileDataset, altered: FileDataset) -> None:
    differs = film.pixel_array != altered.pixel_array

    assert differs[INSIDE].mean() > 0.99
    differs[INSIDE] = False
    assert np.count_nonzero(differs) == 0
    assert altered.pixel_array.shape == film.pixel_array.shape == (4672, 2632)


@pytest.mark.films
def test_the_detector_sees_what_was_drawn(film: FileDataset, altered: FileDataset) -> None:
    """Where a stored value would pass 65535 it stops there, which is white too."""
    drawn, _ = draw_wedge(to_grey(film))

    assert np.array_equal(to_grey(altered), drawn)


@pytest.mark.films
def test_a_change_of_one_grey_level_keeps_the_films_finer_steps(
    film: FileDataset, altered: FileDataset
) -> None:
    """The first column of the wedge is one level brighter: 257 of 65535."""
    column = (slice(2000, 2110), 1800)

    added = altered.pixel_array[column].astype(int) - film.pixel_array[column]

    assert set(added.tolist()) == {257}


@pytest.mark.films
def test_the_other_three_views_stay_as_they_are(
    before: Mapping[str, Path], after: tuple[dict[str, Path], InsertedLesion]
) -> None:
    changed = [
        name for name, path in after[0].items() if path.read_bytes() != before[name].read_bytes()
    ]

    assert changed == ["RMLO"]


@pytest.mark.films
def test_the_image_says_that_it_was_altered(altered: FileDataset) -> None:
    assert altered.DerivationDescription == NOTICE
    assert altered.ImageComments == f"{NOTICE} {CREDIT}"
    assert altered.ImageType == ["DERIVED", "PRIMARY"]


@pytest.mark.films
def test_the_image_is_still_one_that_the_detector_looks_at(altered: FileDataset) -> None:
    assert check(altered).reason is None
    assert check(altered).notes == ()


@pytest.mark.films
def test_it_is_another_image_of_the_same_study(
    film: FileDataset, altered: FileDataset, after: tuple[dict[str, Path], InsertedLesion]
) -> None:
    changed = {element.keyword for element in altered if film.get_item(element.tag) is None} | {
        element.keyword
        for element in film
        if element.tag not in altered or altered[element.tag].value != element.value
    }

    assert changed == {
        "SOPInstanceUID",
        "ImageType",
        "ImageComments",
        "DerivationDescription",
        "PixelData",
    }
    assert altered.file_meta.MediaStorageSOPInstanceUID == altered.SOPInstanceUID
    assert after[1] == InsertedLesion("RMLO", altered.SOPInstanceUID, BOX)


@pytest.mark.films
def test_the_same_arguments_give_the_same_bytes(
    before: Mapping[str, Path],
    after: tuple[dict[str, Path], InsertedLesion],
    tmp_path: Path,
) -> None:
    again = Path(shutil.copy(before["RMLO"], tmp_path))

    assert insert_lesion(again, WEDGE, namespace=NAMESPACE) == after[1]
    assert again.read_bytes() == after[0]["RMLO"].read_bytes()


@pytest.mark.films
def test_another_namespace_gives_another_image(
    before: Mapping[str, Path], after: tuple[dict[str, Path], InsertedLesion], tmp_path: Path
) -> None:
    path = Path(shutil.copy(before["RMLO"], tmp_path))

    other = insert_lesion(path, WEDGE, namespace=UUID(int=1))

    assert other.sop_instance_uid != after[1].sop_instance_uid


@pytest.mark.films
def test_a_lesion_that_draws_nothing_leaves_every_pixel(
    film: FileDataset, before: Mapping[str, Path], tmp_path: Path
) -> None:
    path = Path(shutil.copy(before["RMLO"], tmp_path))

    insert_lesion(path, Insertion("RMLO", draw_nothing), namespace=NAMESPACE)

    assert np.array_equal(dcmread(path).pixel_array, film.pixel_array)


@pytest.mark.films
@pytest.mark.dicom3tools
def test_dciodvfy_has_nothing_to_say(after: tuple[dict[str, Path], InsertedLesion]) -> None:
    verdict = subprocess.run(
        [str(program("dciodvfy")), str(after[0]["RMLO"])],
        capture_output=True,
        text=True,
        check=False,
    )

    assert verdict.returncode == 0
    assert verdict.stderr.strip() == "MammographyImageForPresentation"


@pytest.mark.parametrize(
    ("stored", "difference", "bits_stored", "expected"),
    [
        (1000, 0, 16, 1000),
        (1000, 3, 16, 1000 + 3 * 257),
        (1000, -3, 16, 1000 - 3 * 257),
        (65500, 1, 16, 65535),
        (200, -1, 16, 0),
        (100, 2, 12, 132),  # 4095 / 255 = 16.06 for each level
        (4090, 1, 12, 4095),
        (255, 0, 8, 255),
        (7, 255, 8, 255),
    ],
)
def test_a_grey_level_is_its_share_of_the_stored_range(
    stored: int, difference: int, bits_stored: int, expected: int
) -> None:
    before = np.full((2, 3), stored, np.uint16)
    changes = np.zeros((2, 3), np.int32)
    changes[1, 2] = difference

    result = with_difference(before, changes, bits_stored=bits_stored)

    assert result.dtype == np.uint16
    assert result.tolist() == [[stored] * 3, [stored, stored, expected]]
