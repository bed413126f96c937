"""The study's Mammography CAD SR (TID 4000): what mammography workstations read as marks.

Items of its image library are referred to by their position in the tree, so the order of
the items that stand before it is part of every reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydicom import Dataset

from node.dicom import cad_codes, codes, outcome
from node.dicom.algorithm_items import identification
from node.dicom.cad_codes import Vocabulary
from node.dicom.cad_detections import summary_of_detections
from node.dicom.cad_findings import marks, quality_finding, single_image_finding
from node.dicom.cad_library import image_library
from node.dicom.content_items import Relation, code, container, text
from node.dicom.image_label import in_viewing_order
from node.dicom.image_library import referable
from node.dicom.result_header import CAD_SR
from node.dicom.sr_document import start_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from highdicom.sr import ContentItem

    from node.dicom.cad_findings import Mark, Place
    from node.dicom.findings import ImageResult, StudyResult

# The root is 1 and its first child the language: the library is 1.2, whatever follows.
_LIBRARY: Final = (1, 2)


def build_cad_report(study: StudyResult) -> Dataset:
    """Build the one Mammography CAD SR of a study, in the form of ``study.profile.cad_sr``.

    It is built in every case: with boxes; without findings; with images that were not
    analysed, which it names with the reason, even when that is all of them.

    Raises
    ------
    IdentityConflict
        The images disagree about patient, study or order.
    """
    images = in_viewing_order(study.images)
    report = start_document(CAD_SR, study, images)
    # TID 4000 names no observer: this and General Equipment say who made it.
    report.AuthorObserverSequence = [_author(report)]
    report.update(_root(study, images))
    return report


def _author(report: Dataset) -> Dataset:
    """Name the equipment of the report as its author (PS3.3 Table 10-1b)."""
    author = Dataset()
    author.ObserverType = "DEV"
    for keyword in ("Manufacturer", "ManufacturerModelName", "DeviceUID", "StationName"):
        setattr(author, keyword, report[keyword].value)
    author.InstitutionName = report.get("InstitutionName")
    author.InstitutionCodeSequence = []
    return author


def _root(study: StudyResult, images: tuple[ImageResult, ...]) -> ContentItem:
    vocabulary = Vocabulary(study.profile.cad_sr)
    listed = referable(images)
    places = {
        image.sop_instance_uid: (*_LIBRARY, number) for number, image in enumerate(listed, start=1)
    }
    return container(
        None,
        cad_codes.MAMMOGRAPHY_CAD_REPORT,
        code(Relation.HAS_CONCEPT_MOD, codes.LANGUAGE, codes.ENGLISH),
        *image_library(listed, vocabulary),
        _summary(study, images, places, vocabulary),
        summary_of_detections(study, listed, places, vocabulary),
        code(Relation.CONTAINS, cad_codes.SUMMARY_OF_ANALYSES, cad_codes.NOT_ATTEMPTED),
        template="4000",
    )


def _summary(
    study: StudyResult,
    images: tuple[ImageResult, ...],
    places: Mapping[str, Place],
    vocabulary: Vocabulary,
) -> ContentItem:
    """State what came of it all (TID 4001), box by box."""
    found: list[Mark] = list(marks(study, images))
    return code(
        Relation.CONTAINS,
        codes.SUMMARY,
        outcome.summary(study, has_findings=bool(found)),
        *_description(study, images),
        *(
            single_image_finding(study, mark, places[mark.found.image.sop_instance_uid], vocabulary)
            for mark in found
        ),
        *(
            quality_finding(study, image, places[image.sop_instance_uid])
            for image in images
            if outcome.is_unusable(image) and image.sop_instance_uid in places
        ),
    )


def _description(study: StudyResult, images: tuple[ImageResult, ...]) -> Iterator[ContentItem]:
    """Say in words which images were not analysed and why, or what to bear in mind (TID 4002)."""
    remarks = outcome.all_remarks(study, images)
    if remarks:
        of = Relation.HAS_PROPERTIES
        words = "\r\n".join([outcome.headline(study), *remarks])
        yield text(of, cad_codes.IMPRESSION_DESCRIPTION, words)
        # TID 4001 asks for it wherever there is a description.
        yield from identification(of, study.algorithm)
