"""The published answer, and every answer beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.detector import Detection
from models.registry.errors import RegistryError
from models.registry.published import judge, read_picture
from tests.golden import inputs

RIGHT = Detection(147.4, 482.9, 269.0, 596.7, 0.5431)


@pytest.mark.parametrize(
    "box",
    [
        RIGHT,
        Detection(147.0, 482.0, 269.0, 596.0, 0.5425),
        Detection(147.999, 482.999, 269.999, 596.999, 0.5435),
    ],
)
def test_the_published_answer_passes_up_to_its_borders(box: Detection) -> None:
    verdict = judge([box])

    assert verdict.passed
    assert "(147, 482)-(269, 596)" in verdict.text


@pytest.mark.parametrize(
    "box",
    [
        Detection(146.999, 482.9, 269.0, 596.7, 0.5431),
        Detection(148.0, 482.9, 269.0, 596.7, 0.5431),
        Detection(147.4, 481.999, 269.0, 596.7, 0.5431),
        Detection(147.4, 482.9, 270.0, 596.7, 0.5431),
        Detection(147.4, 482.9, 269.0, 597.0, 0.5431),
        Detection(147.4, 482.9, 269.0, 596.7, 0.54249),
        Detection(147.4, 482.9, 269.0, 596.7, 0.54351),
    ],
)
def test_a_pixel_or_a_score_beside_it_fails_and_says_both(box: Detection) -> None:
    verdict = judge([box])

    assert not verdict.passed
    assert f"{box.score:.4f}" in verdict.text
    assert "published: one, (147, 482)-(269, 596) with score 0.543" in verdict.text


def test_a_second_box_fails() -> None:
    verdict = judge([RIGHT, Detection(10.0, 10.0, 20.0, 20.0, 0.3)])

    assert not verdict.passed
    assert verdict.text.startswith("2 boxes at 0.3 or above")


def test_a_weaker_box_does_not_count() -> None:
    assert judge([RIGHT, Detection(10.0, 10.0, 20.0, 20.0, 0.2999)]).passed


def test_no_box_at_all_fails() -> None:
    assert judge([]) == (
        False,
        "no box at 0.3 or above (published: one, (147, 482)-(269, 596) with score 0.543)",
    )


@pytest.mark.skipif(not inputs.PUBLISHED.exists(), reason=inputs.PUBLISHED_MISSING)
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_the_published_picture_is_known_by_its_pixels(suffix: str, tmp_path: Path) -> None:
    """A person may have kept it as PNG: the same pixels in another file."""
    path = inputs.PUBLISHED
    if suffix == ".png":
        path = tmp_path / "picture.png"
        Image.fromarray(inputs.published()).save(path)

    test = read_picture(path)

    assert test.is_published
    assert (test.pixels == inputs.published()).all()


def test_another_picture_of_the_size_is_taken_and_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((800, 800), 90, np.uint8)).save(path)

    test = read_picture(path)

    assert test.pixels.shape == (800, 800, 3)
    assert not test.is_published


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.fromarray(np.zeros((600, 801), np.uint8)).save(path)

    with pytest.raises(RegistryError, match=r"801 x 600 pixels; .* has 800 x 800"):
        read_picture(path)


@pytest.mark.parametrize("content", [None, b"", b"<html>", b"\xff\xd8\xff\xe0 cut"])
def test_what_is_no_picture_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(RegistryError, match="cannot be read as a picture"):
        read_picture(path)
