"""What is not in the golden data: unclear lesions, and how fast it is."""

from __future__ import annotations

import numpy as np

from models.anchors import anchors
from models.spec import AnchorRule
from models.training.targets import IGNORED, NEGATIVE, POSITIVE, Matching, anchor_targets

RULE = AnchorRule()
HEIGHT, WIDTH = 96, 130


def states(boxes: list[list[float]], unclear: list[list[float]]) -> np.ndarray:
    found = anchor_targets(
        RULE,
        np.array(boxes, np.float64).reshape(-1, 4),
        height=HEIGHT,
        width=WIDTH,
        matching=Matching(),
        unclear=np.array(unclear, np.float64).reshape(-1, 4),
    )
    return found.classification[:, -1]


def test_anchors_in_an_unclear_lesion_are_neither_lesion_nor_background() -> None:
    place = [20.0, 20.0, 60.0, 60.0]
    every = anchors(RULE, HEIGHT, WIDTH)
    inside = (every[:, :2] >= 20).all(axis=1) & (every[:, 2:] <= 60).all(axis=1)
    assert inside.any()

    found = states([], [place])

    assert (found[inside] == IGNORED).all()
    assert (found == NEGATIVE).any()
    assert not (found == POSITIVE).any()


def test_a_lesion_in_an_unclear_one_stays_a_lesion() -> None:
    box = [24.0, 24.0, 56.0, 56.0]

    alone, both = states([box], []), states([box], [[0.0, 0.0, 96.0, 96.0]])

    assert (alone == POSITIVE).any()
    np.testing.assert_array_equal(both[alone == POSITIVE], POSITIVE)


def test_of_two_lesions_an_anchor_belongs_to_the_one_it_covers_better() -> None:
    near, far = [20.0, 20.0, 52.0, 52.0], [26.0, 26.0, 60.0, 60.0]
    found = anchor_targets(
        RULE, np.array([far, near]), height=HEIGHT, width=WIDTH, matching=Matching()
    )
    every = anchors(RULE, HEIGHT, WIDTH)
    # Centre 36, 36 and side 32: the nearer box itself.
    (own,) = np.flatnonzero((np.abs(every - near) < 1e-3).all(axis=1))

    np.testing.assert_allclose(found.regression[own, :4], 0, atol=1e-5)
    assert found.regression[own, 4] == POSITIVE
