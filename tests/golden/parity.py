"""Comparing answers with those of the published code under TensorFlow 1.10.1.

Never by list order, and never bit by bit: the published code itself differs so much
between two versions of TensorFlow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.postprocess import Answers, Found

REFERENCE = Path(__file__).with_name("reference")

# Two to three times the largest float32 difference measured between TensorFlow 1.10,
# TensorFlow 1.15 and Keras 3.
REGRESSION_TOLERANCE = 3e-4
SCORE_TOLERANCE = 2e-4
BOX_TOLERANCE_PX = 0.05
SAME_BOX_IOU = 0.99

MALIGNANT = 11

Golden = dict[str, NDArray[Any]]


def names() -> list[str]:
    """Every golden input that lies in ``reference/``; a new file is taken up by itself."""
    found = (path.stem.removeprefix("golden_") for path in REFERENCE.glob("golden_*.npz"))
    return sorted(name for name in found if name != "training")


def golden(name: str) -> Golden:
    """Read one golden file."""
    with np.load(REFERENCE / f"golden_{name}.npz") as file:
        return {key: file[key] for key in file.files}


@dataclass
class Comparison:
    """The largest differences, and those that are too large."""

    measured: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def limit(self, what: str, differences: NDArray[Any], limit: float) -> None:
        """Note the largest of some differences."""
        largest = float(np.abs(differences).max(initial=0.0))
        self.measured[what] = largest
        # "not below" and not "above": NaN is a problem too.
        if not largest <= limit:
            self.problems.append(f"{what} differs by {largest:.3g}, more than {limit:g}")

    def demand(self, holds: bool, problem: str) -> None:
        """Note a problem unless a condition holds."""
        if not holds:
            self.problems.append(problem)


def _iou(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    area_a, area_b = ((box[:, 2:] - box[:, :2]).prod(axis=-1) for box in (a, b))
    return np.asarray(shared / np.maximum(area_a[:, None] + area_b[None] - shared, 1e-9))


def _match(golden_found: Found, found: Found) -> tuple[NDArray[Any], NDArray[Any]]:
    """Which golden boxes have a counterpart, and which one."""
    if not len(found.boxes):
        return np.zeros(len(golden_found.boxes), bool), np.zeros(len(golden_found.boxes), int)
    same = golden_found.labels[:, None] == found.labels[None]
    overlap = _iou(golden_found.boxes, found.boxes) * same
    nearest = overlap.argmax(axis=1)
    return overlap.max(axis=1) > SAME_BOX_IOU, nearest


def _golden_found(g: Golden, chosen: NDArray[Any]) -> Found:
    return Found(g["det_boxes_resized"][chosen], g["det_scores"][chosen], g["det_labels"][chosen])


def _compare_found(result: Comparison, wanted: Found, found: Found) -> None:
    hit, nearest = _match(wanted, found)
    result.demand(bool(hit.all()), f"{int((~hit).sum())} of {len(hit)} golden boxes are not found")
    result.limit("box", wanted.boxes[hit] - found.boxes[nearest[hit]], BOX_TOLERANCE_PX)
    result.limit("score", wanted.scores[hit] - found.scores[nearest[hit]], SCORE_TOLERANCE)


def compare(g: Golden, answers: Answers, found: Found) -> Comparison:
    """Compare the network with all of its classes, and its detections."""
    result = Comparison()
    regression, classification = answers
    result.demand(len(regression) == int(g["n_anchors"]), "another number of anchors")
    if result.problems:
        return result
    sample = g["sample_index"]
    result.limit("regression", regression[sample] - g["sample_reg"], REGRESSION_TOLERANCE)
    result.limit("classification", classification[sample] - g["sample_cls"], SCORE_TOLERANCE)
    result.limit(
        "candidate score",
        classification[g["cand_anchor"], g["cand_class"]] - g["cand_score"],
        SCORE_TOLERANCE,
    )
    count = int((g["det_scores"] > 0).sum())
    result.demand(len(found.scores) == count, f"{len(found.scores)} boxes instead of {count}")
    _compare_found(result, _golden_found(g, g["det_stable"]), found)
    return result


def compare_malignant(g: Golden, answers: Answers, found: Found) -> Comparison:
    """Compare the network that keeps the malignant class alone, and its detections.

    In the published list of 300 boxes other classes may have displaced malignant ones,
    so ours are compared down to its last score only.
    """
    result = Comparison()
    regression, classification = answers
    result.demand(classification.shape == (int(g["n_anchors"]), 1), "another shape of answers")
    if result.problems:
        return result
    sample = g["sample_index"]
    result.limit("regression", regression[sample] - g["sample_reg"], REGRESSION_TOLERANCE)
    result.limit(
        "classification",
        classification[sample, 0] - g["sample_cls"][:, MALIGNANT],
        SCORE_TOLERANCE,
    )
    malignant = g["cand_class"] == MALIGNANT
    result.limit(
        "candidate score",
        classification[g["cand_anchor"][malignant], 0] - g["cand_score"][malignant],
        SCORE_TOLERANCE,
    )
    listed = (g["det_labels"] == MALIGNANT) & (g["det_scores"] > 0)
    wanted = _golden_found(g, listed & g["det_stable"])
    _compare_found(result, wanted, found)
    last = g["det_scores"][g["det_scores"] > 0].min() if len(wanted.scores) else 1.0
    above = found.scores > last + SCORE_TOLERANCE
    ours = Found(found.boxes[above], found.scores[above], found.labels[above])
    hit, _ = _match(ours, _golden_found(g, listed))
    result.demand(bool(hit.all()), f"{int((~hit).sum())} boxes that the published code has not")
    return result
