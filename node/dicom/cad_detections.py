"""What the algorithm was run on, and how that went (TID 4015 and 4017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.dicom import cad_codes
from node.dicom.algorithm_items import identification
from node.dicom.cad_findings import operating_points
from node.dicom.content_items import Relation, by_reference, code, container, number
from node.dicom.outcome import has_failed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from highdicom.sr import ContentItem

    from node.dicom.cad_codes import Vocabulary
    from node.dicom.cad_findings import Place
    from node.dicom.codes import Code
    from node.dicom.findings import Algorithm, ImageResult, StudyResult


def summary_of_detections(
    study: StudyResult,
    images: tuple[ImageResult, ...],
    places: Mapping[str, Place],
    vocabulary: Vocabulary,
) -> ContentItem:
    """Name the images that were looked at and those on which that failed.

    An image that a rule leaves out is in neither list: algorithms that were not
    attempted are not listed.

    Parameters
    ----------
    images : tuple of ImageResult
        The ones in the image library, in its order.
    places : mapping
        Where each of them stands in the tree, by SOP Instance UID.
    """
    seen = [image for image in images if not image.not_analysed]
    failed = [image for image in images if has_failed(image)]
    lists = ((cad_codes.SUCCESSFUL_DETECTIONS, seen), (cad_codes.FAILED_DETECTIONS, failed))
    return code(
        Relation.CONTAINS,
        cad_codes.SUMMARY_OF_DETECTIONS,
        _status(seen, failed),
        *(
            container(Relation.INFERRED_FROM, name, *_detections(study, listed, places, vocabulary))
            for name, listed in lists
            if listed
        ),
    )


def _status(seen: Sequence[ImageResult], failed: Sequence[ImageResult]) -> Code:
    """Choose from CID 6042."""
    if seen:
        return cad_codes.PARTIALLY_SUCCEEDED if failed else cad_codes.SUCCEEDED
    return cad_codes.FAILED if failed else cad_codes.NOT_ATTEMPTED


def _detections(
    study: StudyResult,
    images: Sequence[ImageResult],
    places: Mapping[str, Place],
    vocabulary: Vocabulary,
) -> Iterator[ContentItem]:
    """Give one Detection Performed for each algorithm; weights may change in between."""
    by_algorithm: dict[Algorithm, list[ImageResult]] = {}
    for image in images:
        by_algorithm.setdefault(study.algorithm_of(image), []).append(image)
    for algorithm, looked_at in by_algorithm.items():
        yield code(
            Relation.CONTAINS,
            cad_codes.DETECTION_PERFORMED,
            vocabulary.finding,
            *identification(Relation.HAS_PROPERTIES, algorithm),
            *(
                by_reference(Relation.HAS_PROPERTIES, places[image.sop_instance_uid])
                for image in looked_at
            ),
            *_maximum(study, algorithm),
        )


def _maximum(study: StudyResult, algorithm: Algorithm) -> Iterator[ContentItem]:
    count = len(operating_points(study, algorithm))
    if count:
        yield number(
            Relation.HAS_PROPERTIES,
            cad_codes.MAXIMUM_CAD_OPERATING_POINT,
            str(count),
            cad_codes.ARBITRARY_UNIT,
        )
