"""The figures by density, finding, size, source, view and side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from models.cases.case import DENSITIES, KINDS, SIDES, SOURCES, VIEWS
from models.evaluation import bootstrap, decisions
from models.evaluation.bootstrap import Estimate, draw_patients, percentile_interval
from models.evaluation.decisions import Counts
from models.evaluation.froc import partial_area, point_at
from models.evaluation.matching import Lesion, MatchedImage
from models.evaluation.outcomes import Outcomes
from models.evaluation.proportions import Proportion
from models.evaluation.settings import EvaluationSettings

UNKNOWN: Final = ""

SIZES: Final = ("under 5 %", "5 to 10 %", "10 to 20 %", "20 % and over")
"""Longest side of the box, as a part of the longest side of the image: the network sees
every image at one size."""
_SIZE_LIMITS: Final = (0.05, 0.10, 0.20)

_OF_IMAGES: Final[dict[str, tuple[tuple[str, ...], Callable[[MatchedImage], str]]]] = {
    "density": (DENSITIES, lambda image: image.case.density),
    "source": (SOURCES, lambda image: image.case.source),
    "view": (VIEWS, lambda image: image.case.view),
    "side": (SIDES, lambda image: image.case.side),
}
_OF_LESIONS: Final[dict[str, tuple[tuple[str, ...], Callable[[MatchedImage, Lesion], str]]]] = {
    "finding": (KINDS, lambda _, lesion: lesion.finding.kind),
    "size": (SIZES, lambda image, lesion: size_of(image, lesion)),
}


@dataclass(frozen=True, slots=True)
class Group:
    """One part of the cases.

    Parameters
    ----------
    dimension, name : str
        For example ``density`` and ``C``; an empty name is not known.
    images : int or None
        None for a group of cancers: the other images belong to none of those groups.
    lesions : int
        Cancers to be found.
    area : Estimate
        Under the curve; of a group of cancers against the false positives of all images.
    found : Proportion or None
        Cancers at the operating threshold; None when there is no such threshold.
    false_positives : float or None
        Mean per image at the operating threshold; None for a group of cancers.
    counts : Counts or None
        Images at the threshold by Youden; None for a group of cancers.
    """

    dimension: str
    name: str
    images: int | None
    lesions: int
    area: Estimate
    found: Proportion | None
    false_positives: float | None
    counts: Counts | None


def size_of(image: MatchedImage, lesion: Lesion) -> str:
    """Name the size group of a cancer."""
    box = lesion.finding.box
    longest = max(image.detections.rows, image.detections.columns)
    share = max(box.x1 - box.x0, box.y1 - box.y0) / longest
    return SIZES[sum(share >= limit for limit in _SIZE_LIMITS)]


def break_down(
    images: Sequence[MatchedImage],
    settings: EvaluationSettings,
    *,
    operating: float | None,
    youden: float | None,
) -> tuple[Group, ...]:
    """Give every group that has a member, in the order of the tables.

    A dimension of which nothing is known at all is left out.
    """
    groups = [*_image_groups(images, settings, operating=operating, youden=youden)]
    groups.extend(_lesion_groups(images, settings, operating=operating))
    known = {group.dimension for group in groups if group.name != UNKNOWN}
    return tuple(group for group in groups if group.dimension in known)


def _image_groups(
    images: Sequence[MatchedImage],
    settings: EvaluationSettings,
    *,
    operating: float | None,
    youden: float | None,
) -> Iterator[Group]:
    for dimension, (names, name_of) in _OF_IMAGES.items():
        for name in names:
            members = [image for image in images if name_of(image) == name]
            if not members:
                continue
            outcomes = Outcomes.of(members)
            point = None if operating is None else point_at(outcomes, operating)
            yield Group(
                dimension,
                name,
                images=len(members),
                lesions=outcomes.lesions,
                area=area_of(outcomes, settings),
                found=None if operating is None else count_found(members, operating),
                false_positives=None if point is None else point.false_positives,
                counts=None if youden is None else decisions.count_at(members, youden),
            )


def _lesion_groups(
    images: Sequence[MatchedImage], settings: EvaluationSettings, *, operating: float | None
) -> Iterator[Group]:
    for dimension, (names, name_of) in _OF_LESIONS.items():
        for name in names:
            members = [
                replace(
                    image,
                    lesions=tuple(each for each in image.lesions if name_of(image, each) == name),
                )
                for image in images
            ]
            outcomes = Outcomes.of(members)
            if outcomes.lesions:
                yield Group(
                    dimension,
                    name,
                    images=None,
                    lesions=outcomes.lesions,
                    area=area_of(outcomes, settings),
                    found=None if operating is None else count_found(members, operating),
                    false_positives=None,
                    counts=None,
                )


def area_of(outcomes: Outcomes, settings: EvaluationSettings) -> Estimate:
    """Give the partial area with its interval by patient."""
    limit = settings.most_false_positives
    value = partial_area(outcomes, limit=limit)
    times = draw_patients(outcomes.patient_count, settings.replicates, seed=settings.seed)
    drawn = bootstrap.replicate(outcomes, times, points=(), limit=limit)
    return Estimate(value, percentile_interval(drawn.areas, settings.confidence))


def count_found(images: Sequence[MatchedImage], threshold: float) -> Proportion:
    """Count the cancers that are found at a threshold."""
    scores = [lesion.score for image in images for lesion in image.lesions]
    return Proportion(sum(s is not None and s >= threshold for s in scores), len(scores))
