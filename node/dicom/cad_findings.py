"""The findings of the Mammography CAD SR (TID 4003, 4006, 4014 and 4021)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from node.dicom import cad_codes, codes
from node.dicom.algorithm_items import identification
from node.dicom.content_items import (
    Relation,
    by_reference,
    code,
    container,
    number,
    point,
    polyline,
    text,
)
from node.dicom.geometry import closed_polyline
from node.dicom.tracking import Tracked, tracked, tracking_items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from highdicom.sr import ContentItem

    from node.dicom.cad_codes import Vocabulary
    from node.dicom.codes import Code
    from node.dicom.findings import Algorithm, ImageResult, StudyResult

_OF: Final = Relation.HAS_PROPERTIES

Place = tuple[int, ...]
"""Where an item stands in the tree: its number on each level, from 1 for the root."""


class Mark(NamedTuple):
    """A box that the report holds, and the first operating point that shows it; 0: all do."""

    found: Tracked
    operating_point: int


def operating_points(study: StudyResult, algorithm: Algorithm) -> tuple[float, ...]:
    """Give the thresholds of the points that a slider can be set to; none in a simple form."""
    return algorithm.candidate_thresholds if study.profile.cad_sr.form == "graded" else ()


def marks(study: StudyResult, images: tuple[ImageResult, ...]) -> Iterator[Mark]:
    """Choose the boxes that the report holds, image by image."""
    for found in tracked(study, images, candidates=True):
        if found.finding in found.image.findings:
            yield Mark(found, 0)
            continue
        points = operating_points(study, study.algorithm_of(found.image))
        for number_from_1, threshold in enumerate(points, start=1):
            # As the detector does: 0.1 in float32 is more than 0.1.
            if np.float32(found.finding.score) >= np.float32(threshold):
                yield Mark(found, number_from_1)
                break


def single_image_finding(
    study: StudyResult, mark: Mark, place: Place, vocabulary: Vocabulary
) -> ContentItem:
    """State one box; ``place`` is where its image stands in the tree."""
    found = mark.found
    percent = found.finding.percent
    required, optional = cad_codes.PRESENTATION_REQUIRED, cad_codes.PRESENTATION_OPTIONAL
    return _impression(
        mark.operating_point,
        optional if mark.operating_point else required,
        vocabulary.finding,
        *tracking_items(found),
        *identification(_OF, study.algorithm_of(found.image)),
        number(_OF, cad_codes.CERTAINTY_OF_FINDING, percent, codes.PERCENT),
        *_likelihood(study, found, vocabulary),
        *_geometry(found, place),
        *_description(found, vocabulary),
    )


def quality_finding(study: StudyResult, image: ImageResult, place: Place) -> ContentItem:
    """Say of an image that it cannot be used (TID 4014)."""
    unusable = code(_OF, cad_codes.QUALITY_ASSESSMENT, cad_codes.UNUSABLE)
    return _impression(
        0,
        cad_codes.NOT_FOR_PRESENTATION,
        cad_codes.IMAGE_QUALITY,
        *identification(_OF, study.algorithm_of(image)),
        by_reference(Relation.INFERRED_FROM, place),
        code(_OF, cad_codes.QUALITY_FINDING, cad_codes.OTHER_FAILURE, unusable),
    )


def _impression(
    operating_point: int, intent: Code, finding: Code, *properties: ContentItem
) -> ContentItem:
    """Wrap a finding in an impression of its own (TID 4003) with the same intent."""
    point_number = (
        [
            number(
                _OF,
                cad_codes.CAD_OPERATING_POINT,
                str(operating_point),
                cad_codes.OPERATING_POINT_NUMBER,
            )
        ]
        if operating_point
        else []
    )
    modifies = Relation.HAS_CONCEPT_MOD
    return container(
        Relation.INFERRED_FROM,
        cad_codes.INDIVIDUAL_IMPRESSION,
        code(modifies, cad_codes.RENDERING_INTENT, intent),
        code(
            Relation.CONTAINS,
            cad_codes.SINGLE_IMAGE_FINDING,
            finding,
            code(modifies, cad_codes.RENDERING_INTENT, intent, *point_number),
            *properties,
        ),
    )


def _likelihood(
    study: StudyResult, found: Tracked, vocabulary: Vocabulary
) -> Iterator[ContentItem]:
    """Call the score a probability where the site says that it is one."""
    wanted = study.profile.cad_sr.probability_of_cancer
    if wanted and vocabulary.finding != cad_codes.SELECTED_REGION:  # TID 4006 forbids it there
        yield number(_OF, codes.PROBABILITY_OF_CANCER, found.finding.percent, codes.PERCENT)


def _geometry(found: Tracked, place: Place) -> Iterator[ContentItem]:
    """Draw the box and its middle (TID 4021)."""
    box, chosen = found.box, Relation.SELECTED_FROM
    yield point(_OF, cad_codes.CENTER, box.center, by_reference(chosen, place))
    yield polyline(_OF, cad_codes.OUTLINE, closed_polyline(box), by_reference(chosen, place))


def _description(found: Tracked, vocabulary: Vocabulary) -> Iterator[ContentItem]:
    """Say what a region is selected for (TID 4013)."""
    if vocabulary.finding == cad_codes.SELECTED_REGION:
        description = f"Possible malignancy, score {found.finding.percent} %"
        yield text(_OF, cad_codes.SELECTED_REGION_DESCRIPTION, description)
