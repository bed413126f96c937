"""The hardest images as the page shows them: in words, and as small pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.cases.case import Box, Case
from models.evaluation import pictures
from models.evaluation.detections import ScoredBox
from models.evaluation.evaluation import OPERATING, Evaluation
from models.evaluation.hardest import (
    DifficultCancer,
    WorstFalsePositive,
    difficult_cancers,
    worst_false_positives,
)
from models.evaluation.matching import MatchedImage, iou_table
from models.evaluation.pictures import Picture
from models.evaluation.wording import group_name, number, score

ReadImage = Callable[[Path], NDArray[np.uint8] | None]
"""Gives uint8 (rows, columns) or (rows, columns, 3); None when there is no image to show."""

_MOST_BOXES: Final = 12
"""Drawn in one picture; more would hide it."""


@dataclass(frozen=True, slots=True)
class HardImage:
    """One item of a gallery.

    ``whole`` and ``detail`` are None when the image is not at hand. ``subject`` is what
    the item is about: a cancer, or the box when ``is_false_positive``.
    """

    name: str
    about: str
    verdict: str
    whole: Picture | None
    detail: Picture | None
    subject: tuple[float, ...]
    is_false_positive: bool
    cancers: tuple[Box, ...]
    boxes: tuple[ScoredBox, ...]

    @property
    def alternative(self) -> str:
        """Say what the pictures show to those who do not see them."""
        cancers = f"{len(self.cancers)} marked cancer{'' if len(self.cancers) == 1 else 's'}"
        boxes = f"{len(self.boxes)} box{'' if len(self.boxes) == 1 else 'es'} of the detector"
        return f"Mammogram {self.name} ({self.about}) with {cancers} and {boxes}. {self.verdict}"


def hardest_cancers(found: Evaluation, read: ReadImage, *, at_most: int) -> list[HardImage]:
    """Show the cancers that were missed or found at the lowest scores."""
    every = difficult_cancers(found.images, at_most=at_most)
    return [_of_cancer(each, read, _shown_from(found)) for each in every]


def worst_boxes(found: Evaluation, read: ReadImage, *, at_most: int) -> list[HardImage]:
    """Show the false positives of the highest scores."""
    every = worst_false_positives(found.images, at_most=at_most)
    return [_of_false_positive(each, read, _shown_from(found)) for each in every]


def _of_cancer(hard: DifficultCancer, read: ReadImage, shown_from: float) -> HardImage:
    box = hard.lesion.finding.box
    kind = hard.lesion.finding.kind or "cancer"
    hit = hard.lesion.hit
    if hit is None:
        best = hard.image.top_score
        rest = "no box at all" if best is None else f"best box elsewhere {number(best)}"
        verdict = f"{kind.capitalize()}, never found; {rest}."
    else:
        overlap = float(iou_table([hit], [box])[0, 0])
        verdict = (
            f"{kind.capitalize()}, found at a score of {score(hit.score)}, IoU {number(overlap)}."
        )
    return _item(hard.image, box, verdict, read, shown_from, is_false_positive=False)


def _of_false_positive(hard: WorstFalsePositive, read: ReadImage, shown_from: float) -> HardImage:
    box = hard.found.box
    where = "on a benign finding" if hard.found.is_on_benign else "on nothing that is marked"
    image = "a malignant image" if hard.image.case.is_malignant else "an image without a cancer"
    verdict = f"Score {score(box.score)}, {where}, in {image}."
    return _item(hard.image, box, verdict, read, shown_from, is_false_positive=True)


def _item(
    image: MatchedImage,
    subject: Sequence[float],
    verdict: str,
    read: ReadImage,
    shown_from: float,
    *,
    is_false_positive: bool,
) -> HardImage:
    pixels = read(image.case.image)
    shown = sorted(
        (box for box in image.detections.boxes if box.score >= shown_from),
        key=lambda box: (-box.score, box),
    )
    return HardImage(
        name=image.case.image_id,
        about=_about(image.case),
        verdict=verdict,
        whole=None if pixels is None else pictures.whole(pixels),
        detail=None if pixels is None else pictures.detail(pixels, subject),
        subject=tuple(subject[:4]),
        is_false_positive=is_false_positive,
        cancers=image.case.boxes,
        boxes=tuple(shown[:_MOST_BOXES]),
    )


def _about(case: Case) -> str:
    side = group_name("side", case.side) if case.side else ""
    density = f"density {case.density}" if case.density else ""
    parts = (f"{side} {case.view}".strip(), density, case.source)
    return ", ".join(part for part in parts if part) or "nothing known of the image"


def _shown_from(found: Evaluation) -> float:
    """Give the threshold from which boxes are drawn: the operating one, if there is one."""
    judged = found.judgement(OPERATING)
    return judged.threshold if judged is not None else 0.5
