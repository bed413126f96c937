"""Images are decoded once, and all that cannot be are told at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.cases.case import Box, Case, CaseFinding
from models.preprocess import prepare
from models.spec import Resize
from models.training.errors import TrainingError, UnreadableImage, UnreadableImages
from models.training.pictures import PictureStore
from tests import tiny_training
from tests.tiny_training import SPEC

# A stored picture is rounded to whole grey levels.
ROUNDED = 0.5


def filled(folder: Path, cases: list[Case], read: object = tiny_training.read) -> PictureStore:
    store = PictureStore(folder, SPEC, read)  # type: ignore[arg-type]
    assert list(store.fill(cases, workers=2)) == cases
    return store


def test_a_stored_picture_is_the_detectors_input(tmp_path: Path) -> None:
    case = tiny_training.case(tmp_path, 1)

    picture = filled(tmp_path / "pictures", [case]).load(case)

    prepared = prepare(tiny_training.read(case.image), SPEC)
    pixels = picture.pixels[:, :, None] - np.asarray(SPEC.channel_means, np.float32)
    np.testing.assert_allclose(pixels, prepared.pixels, rtol=0, atol=ROUNDED + 1e-4)
    assert picture.frame == prepared.frame


def test_a_box_goes_with_its_image(tmp_path: Path) -> None:
    """120x90 becomes 96x72, centred: 12 columns of padding at the left."""
    case = tiny_training.case(tmp_path, 1)

    picture = filled(tmp_path / "pictures", [case]).load(case)

    x0, y0, x1, y1 = case.boxes[0]
    expected = [0.8 * x0 + 12, 0.8 * y0, 0.8 * x1 + 12, 0.8 * y1]
    np.testing.assert_allclose(picture.boxes, [expected])
    np.testing.assert_allclose(picture.frame.to_image(picture.boxes), [case.boxes[0]])


@pytest.mark.parametrize("grey", [True, False])
def test_three_equal_channels_are_stored_as_one(tmp_path: Path, grey: bool) -> None:
    case = tiny_training.case(tmp_path, 1)

    def read(path: Path) -> NDArray[np.uint8]:
        pixels = np.repeat(tiny_training.read(path)[:, :, None], 3, axis=2)
        if not grey:
            pixels[5, 5, 1] ^= 0x80
        return pixels

    picture = filled(tmp_path / "pictures", [case], read).load(case)

    assert picture.pixels.ndim == (2 if grey else 3)


def test_an_image_is_decoded_once_until_it_changes(tmp_path: Path) -> None:
    case, seen = tiny_training.case(tmp_path, 1), []

    def read(path: Path) -> NDArray[np.uint8]:
        seen.append(path)
        return tiny_training.read(path)

    filled(tmp_path / "pictures", [case], read)
    filled(tmp_path / "pictures", [case], read)
    assert len(seen) == 1
    case.image.write_bytes(case.image.read_bytes() + b" ")
    filled(tmp_path / "pictures", [case], read)
    assert len(seen) == 2


def test_every_unreadable_image_and_every_box_outside_is_told(tmp_path: Path) -> None:
    good, bad, gone = (tiny_training.case(tmp_path, number) for number in range(3))
    gone.image.unlink()
    outside = replace(
        tiny_training.case(tmp_path, 3),
        findings=(CaseFinding("mass", "malignant", Box(50, 60, 95, 100)),),
    )

    def read(path: Path) -> NDArray[np.uint8]:
        if path == bad.image:
            raise UnreadableImage("NOT_DICOM")
        return tiny_training.read(path)

    with pytest.raises(UnreadableImages) as caught:
        filled(tmp_path / "pictures", [good, bad, gone, outside], read)

    assert caught.value.problems == (
        f"{bad.image}: NOT_DICOM",
        f"{gone.image}: No such file or directory",
        *outside.outside(rows=120, columns=90),
    )


def test_only_letterboxed_input_can_be_trained_on(tmp_path: Path) -> None:
    spec = replace(SPEC, resize=Resize.PUBLISHED_SCRIPT)

    with pytest.raises(TrainingError, match="letterboxed"):
        PictureStore(tmp_path, spec, tiny_training.read)
