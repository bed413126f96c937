"""The study's Key Object Selection: which images have a box (TID 2010).

A Key Object Selection cannot say that it supersedes another, nor which images were not
looked at: that is the reports' to say. It is made again where its images with a box change,
or where its file was lost, and a late image without a box makes no second one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from node.dicom import codes
from node.dicom.content_items import Relation, code, container, image, text
from node.dicom.identity import check_same_identity, most_complete
from node.dicom.image_label import in_viewing_order, label
from node.dicom.image_library import referable
from node.dicom.observer import device_observer
from node.dicom.plain_text import plain
from node.dicom.references import by_study, object_reference, requests
from node.dicom.result_header import KEY_OBJECTS, start_result
from node.dicom.result_uids import report_uid

if TYPE_CHECKING:
    from highdicom.sr import ContentItem
    from pydicom import Dataset

    from node.dicom.findings import ImageResult, StudyResult


def key_images(study: StudyResult) -> tuple[ImageResult, ...]:
    """Give the images with a box, in viewing order."""
    found = tuple(image for image in study.analysed if image.findings)
    return in_viewing_order(referable(found))


def key_objects_uid(study: StudyResult) -> str:
    """Derive the UID of the selection of a study that has key images."""
    said = replace(study, images=key_images(study), refused=(), beside=(), separation=None)
    return report_uid(KEY_OBJECTS.name, said)


def build_key_objects(study: StudyResult) -> Dataset:
    """Build the selection of a study's images with a box.

    Raises
    ------
    IdentityConflict
        The images disagree about patient, study or order.
    ValueError
        No image has a box: a selection of nothing is none.
    """
    images = key_images(study)
    if not images:
        raise ValueError(f"study {study.study_instance_uid} has no image with a box")
    headers = [result.header for result in images]
    check_same_identity(headers)
    source = most_complete(headers)
    selection = start_result(
        KEY_OBJECTS,
        study,
        source,
        algorithm=study.algorithm,
        sop_instance_uid=key_objects_uid(study),
        instance_number=1,
    )
    del selection.ContentQualification  # in no module of this IOD
    selection.ReferencedPerformedProcedureStepSequence = []
    evidence = [object_reference(header) for header in headers]
    selection.CurrentRequestedProcedureEvidenceSequence = by_study(
        study.study_instance_uid, evidence
    )
    orders = requests(source, headers)
    if orders:
        selection.ReferencedRequestSequence = orders
    selection.update(_root(study, images))
    return selection


def _root(study: StudyResult, images: tuple[ImageResult, ...]) -> ContentItem:
    return container(
        None,
        codes.OF_INTEREST,
        code(Relation.HAS_CONCEPT_MOD, codes.LANGUAGE, codes.ENGLISH),
        *device_observer(study),
        text(Relation.CONTAINS, codes.KEY_OBJECT_DESCRIPTION, _description(study, images)),
        # TID 2010 gives an image no name: it forbids a purpose of reference.
        *(
            image(Relation.CONTAINS, None, *object_reference(result.header)[:2])
            for result in images
        ),
        template="2010",
    )


def _description(study: StudyResult, images: tuple[ImageResult, ...]) -> str:
    """Say why these images, on one line."""
    counted = [f"{label(result.header)}: {len(result.findings)}" for result in images]
    looked = dict.fromkeys(
        f"{algorithm.name} {algorithm.version}" for algorithm in map(study.algorithm_of, images)
    )
    return plain(
        f"Images with regions at or above the reporting threshold ({', '.join(counted)}) by "
        f"{', '.join(looked)}. AI result - not for diagnosis. Of several selections of one "
        "series the newest holds."
    )
