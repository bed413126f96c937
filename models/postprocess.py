"""From the network's answers to boxes: threshold, suppression, the best few."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import boxes as box_math
from models.anchors import anchors
from models.errors import NotFinite
from models.spec import ModelSpec


class Answers(NamedTuple):
    """What the network says of one image, one row for each anchor.

    ``regression`` is (anchors, 4), ``classification`` (anchors, classes) from 0 to 1.
    """

    regression: NDArray[np.float32]
    classification: NDArray[np.float32]


class Found(NamedTuple):
    """Boxes (n, 4) in pixels of the network's input, with scores and class labels (n,)."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]


def suppress(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], *, iou_limit: float, at_most: int
) -> NDArray[np.int64]:
    """Keep the best box of each heap.

    Of two boxes with an IoU strictly above ``iou_limit`` the one with the lower score
    goes; of equal scores the later one.

    Returns
    -------
    ndarray, (kept,)
        Indices by falling score.
    """
    waiting = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(waiting) and len(kept) < at_most:
        best, waiting = waiting[0], waiting[1:]
        kept.append(int(best))
        waiting = waiting[box_math.iou(boxes[best], boxes[waiting]) <= iou_limit]
    return np.asarray(kept, np.int64)


def candidates(
    answers: Answers, spec: ModelSpec, *, height: int, width: int, classes: tuple[int, ...]
) -> Found:
    """Every (anchor, class) pair above the score floor, clipped to the input.

    Parameters
    ----------
    height, width : int
        Of the network's input.
    classes : tuple of int
        Label of each column of the classification.

    Raises
    ------
    NotFinite
        The network answered NaN or infinity.
    """
    anchor, column = np.nonzero(answers.classification > spec.score_floor)
    offsets = answers.regression[anchor]
    # A NaN score is not above the floor: without this look it would read "nothing found".
    if not (np.isfinite(answers.classification).all() and np.isfinite(offsets).all()):
        raise NotFinite("the network answered NaN or infinity")
    origin = anchors(spec.anchors, height, width)[anchor]
    decoded = box_math.decode(origin, offsets, deviation=spec.box_deviation)
    return Found(
        box_math.clip(decoded, height=height, width=width),
        answers.classification[anchor, column],
        np.asarray(classes, np.int64)[column],
    )


def detections(
    answers: Answers, spec: ModelSpec, *, height: int, width: int, classes: tuple[int, ...]
) -> Found:
    """Filter the network's answers as the published code does, best first.

    Suppression is within a class, before the best ``spec.max_detections`` of all
    classes are taken. Same arguments as ``candidates``.
    """
    every = candidates(answers, spec, height=height, width=width, classes=classes)
    kept = []
    for label in classes:
        index = np.flatnonzero(every.labels == label)
        best = suppress(
            every.boxes[index],
            every.scores[index],
            iou_limit=spec.iou_limit,
            at_most=spec.max_detections,
        )
        kept.append(index[best])
    chosen = np.concatenate(kept)
    chosen = chosen[np.argsort(-every.scores[chosen], kind="stable")][: spec.max_detections]
    return Found(every.boxes[chosen], every.scores[chosen], every.labels[chosen])
