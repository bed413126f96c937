"""Files of every kind as the detector takes them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from node.dicom.pixels import to_grey
from node.errors import RejectedInstance
from tests.factories import make_mammogram, save_to_folder
from workers.image_files import read_image

# Odd and not square: a square hides a swapped axis.
RAMP = np.linspace(0, 1, 71 * 93).reshape(71, 93)


def reason(path: Path) -> str:
    with pytest.raises(RejectedInstance) as refused:
        read_image(path)
    return refused.value.reason


def test_a_dicom_image_is_read_as_the_node_reads_it(tmp_path: Path) -> None:
    image = make_mammogram()
    (path,) = save_to_folder([image], tmp_path)

    assert np.array_equal(read_image(path), to_grey(image))


@pytest.mark.parametrize("name", ["picture.png", "picture.PNG"])
def test_a_picture_of_8_bits_is_read_as_it_is(tmp_path: Path, name: str) -> None:
    grey = np.rint(255 * RAMP).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / name)

    found = read_image(tmp_path / name)

    assert found.shape == (71, 93, 3)
    assert np.array_equal(found[..., 0], grey)


@pytest.mark.parametrize("bits", [16, 12, 10])
def test_a_picture_of_more_bits_keeps_its_grey_scale(tmp_path: Path, bits: int) -> None:
    """Pillow's own conversion makes all above 255 white."""
    Image.fromarray(np.rint((2**bits - 1) * RAMP).astype(np.uint16)).save(tmp_path / "deep.png")

    found = read_image(tmp_path / "deep.png")

    assert found.dtype == np.uint8
    assert np.abs(found[..., 1] - 255 * RAMP).max() <= 1


def test_a_dark_picture_of_16_bits_is_not_made_brighter_than_8_bits_are(tmp_path: Path) -> None:
    Image.fromarray(np.full((71, 93), 3, np.uint16)).save(tmp_path / "dark.png")

    assert read_image(tmp_path / "dark.png").max() == 3


def test_a_colour_jpeg_keeps_its_colours(tmp_path: Path) -> None:
    Image.new("RGB", (93, 71), (200, 30, 30)).save(tmp_path / "red.jpg")

    red, green, _ = read_image(tmp_path / "red.jpg")[35, 46].tolist()
    assert red > 150
    assert green < 80


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")

    assert reason(tmp_path / "text.png") == "UNREADABLE_PICTURE"


def test_a_picture_of_floating_point_numbers_is_refused(tmp_path: Path) -> None:
    Image.fromarray(RAMP.astype(np.float32)).save(tmp_path / "float.tiff")
    (tmp_path / "float.tiff").rename(tmp_path / "float.png")

    assert reason(tmp_path / "float.png") == "UNREADABLE_PICTURE"


def test_a_dicom_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    (path,) = save_to_folder([make_mammogram()], tmp_path)
    path.write_bytes(path.read_bytes()[:-100])

    assert reason(path) == "NOT_DICOM"


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")

    assert reason(tmp_path / "notes.txt") == "NOT_DICOM"
    assert reason(tmp_path / "nothing.dcm") == "UNREADABLE_FILE"


def test_an_image_that_the_node_would_not_analyse_is_refused_with_its_reason(
    tmp_path: Path,
) -> None:
    (path,) = save_to_folder([make_mammogram(BodyPartExamined="PHANTOM")], tmp_path)

    assert reason(path) == "QUALITY_CONTROL"
