"""The study's report: a Comprehensive SR after TID 1500.

The form is the one that viewers read: OHIF and Stone look for exactly these titles,
templates and purposes of reference, cornerstone for the region below the first number.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pydicom.uid import Comprehensive3DSRStorage, ComprehensiveSRStorage

from node.dicom import codes, outcome
from node.dicom.algorithm_items import identification, name_and_version
from node.dicom.content_items import (
    Relation,
    code,
    container,
    image,
    number,
    polyline,
    text,
)
from node.dicom.geometry import closed_polyline
from node.dicom.header import laterality
from node.dicom.image_label import in_viewing_order
from node.dicom.image_library import image_library
from node.dicom.observer import device_observer
from node.dicom.plain_text import plain
from node.dicom.references import object_reference
from node.dicom.result_header import MEASUREMENT_REPORT
from node.dicom.sr_document import start_document
from node.dicom.tracking import tracked, tracking_items

if TYPE_CHECKING:
    from highdicom.sr import ContentItem
    from pydicom import Dataset

    from node.dicom.findings import ImageResult, StudyResult
    from node.dicom.tracking import Tracked

_SOP_CLASSES: Final = {
    "comprehensive": ComprehensiveSRStorage,
    "comprehensive3d": Comprehensive3DSRStorage,
}


def build_measurement_report(study: StudyResult) -> Dataset:
    """Build the one measurement report of a study.

    It is built in every case: with boxes; without findings; with images that were not
    analysed, which it names with the reason, even when that is all of them.

    Raises
    ------
    IdentityConflict
        The images disagree about patient, study or order.
    """
    images = in_viewing_order(study.images)
    sop_class = _SOP_CLASSES[study.profile.measurement_report.sop_class]
    report = start_document(replace(MEASUREMENT_REPORT, sop_class_uid=sop_class), study, images)
    report.update(_root(study, images))
    return report


def _root(study: StudyResult, images: tuple[ImageResult, ...]) -> ContentItem:
    groups = [_measurement_group(study, found) for found in tracked(study, images)]
    remarks = outcome.all_remarks(study, images)
    children = [
        code(Relation.HAS_CONCEPT_MOD, codes.LANGUAGE, codes.ENGLISH),
        *device_observer(study),
        code(Relation.HAS_CONCEPT_MOD, codes.PROCEDURE_REPORTED, codes.MAMMOGRAPHY),
        *image_library(images),
    ]
    if groups:
        children.append(container(Relation.CONTAINS, codes.IMAGING_MEASUREMENTS, *groups))
    if remarks or not groups:
        children.append(_evaluations(study, remarks))
    return container(None, codes.IMAGING_MEASUREMENT_REPORT, *children, template="1500")


def _measurement_group(study: StudyResult, found: Tracked) -> ContentItem:
    """State one box (TID 1410)."""
    points = closed_polyline(found.box)
    source = object_reference(found.image.header)[:2]
    contains, modifies = Relation.CONTAINS, Relation.HAS_CONCEPT_MOD
    side = laterality(found.image.header)
    # An image may show both breasts; a box lies in one, and nobody says in which.
    known = [code(modifies, codes.LATERALITY, codes.SIDES[side])] if side in ("L", "R") else []
    return container(
        contains,
        codes.MEASUREMENT_GROUP,
        *tracking_items(found),
        code(contains, codes.FINDING_CATEGORY, codes.ABNORMAL_STRUCTURE),
        code(contains, codes.FINDING, codes.LESION),
        code(modifies, codes.FINDING_SITE, codes.BREAST, *known),
        *identification(modifies, study.algorithm_of(found.image)),
        code(modifies, codes.ALGORITHM_FAMILY, codes.ARTIFICIAL_INTELLIGENCE),
        number(
            contains,
            codes.PROBABILITY_OF_CANCER,
            found.finding.percent,
            codes.PERCENT,
            # cornerstone looks for the region below the group's first number.
            polyline(
                Relation.INFERRED_FROM,
                codes.SOURCE,
                points,
                image(Relation.SELECTED_FROM, codes.ORIGINAL_SOURCE, *source),
            ),
        ),
        polyline(
            contains,
            codes.IMAGE_REGION,
            points,
            image(Relation.SELECTED_FROM, codes.ORIGINAL_SOURCE, *source),
        ),
        text(contains, codes.COMMENT, f"Malignancy score {found.finding.percent} %"),
        template="1410",
    )


def _evaluations(study: StudyResult, remarks: list[str]) -> ContentItem:
    """Say what was analysed, what was not and why.

    A group without a region would say it too, but OHIF cannot load one.
    """
    algorithm = study.algorithm
    comments = [outcome.headline(study), *remarks]
    if algorithm.parameters:
        comments.append(plain(f"Algorithm parameters: {', '.join(algorithm.parameters)}"))
    return container(
        Relation.CONTAINS,
        codes.QUALITATIVE_EVALUATIONS,
        *name_and_version(Relation.HAS_CONCEPT_MOD, algorithm),
        code(Relation.CONTAINS, codes.SUMMARY, outcome.summary(study)),
        *(text(Relation.CONTAINS, codes.COMMENT, comment) for comment in comments),
    )
