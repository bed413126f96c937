"""The real weights, where somebody has them: what the authors' program shows must come out."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import pytest

from models.detector import Detector
from models.spec import SPECS, Resize
from tests.golden import inputs

VARIABLE = "MGNODE_PUBLISHED_WEIGHTS"

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(
        VARIABLE not in os.environ,
        reason=f"published weights ({VARIABLE} does not name resnet152_pascal.h5)",
    ),
]


@pytest.mark.parametrize("resize", Resize)
def test_the_published_box_is_the_only_one_on_the_published_picture(
    resize: Resize, published: inputs.Picture
) -> None:
    """Drawn after truncation to whole pixels, with its score in three digits."""
    spec = replace(SPECS["ueda2022"], resize=resize)
    detector = Detector.load(spec, Path(os.environ[VARIABLE]))

    (box,) = detector.detect(published, score_threshold=0.3, max_boxes=300).boxes

    assert [math.floor(edge) for edge in (box.x0, box.y0, box.x1, box.y1)] == [147, 482, 269, 596]
    assert 0.5425 <= box.score <= 0.5435
