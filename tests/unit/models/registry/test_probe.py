"""The picture of our own that every model is asked about."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from models.registry.probe import PICTURE, picture

DIGEST = "59b91beddb16d9116fe95f24394fde6b0bdb88c14f03daf114ee8e68dc6724a6"


def test_the_picture_is_the_same_for_ever() -> None:
    """Records of other years hold answers to it; another picture needs another name."""
    digest = hashlib.sha256(picture(800).tobytes()).hexdigest()

    assert (PICTURE, digest) == ("rings-1", DIGEST)


@pytest.mark.parametrize("side", [64, 96, 800])
def test_the_picture_is_tall_and_not_flat(side: int) -> None:
    drawn = picture(side)

    assert drawn.shape == (side, side * 3 // 4)
    assert drawn.dtype == np.uint8
    assert len(np.unique(drawn)) > 100
