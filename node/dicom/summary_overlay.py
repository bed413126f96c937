"""The study's summary: one Secondary Capture with its views, boxes, scores and reasons."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from node.dicom import codes, outcome
from node.dicom.capture import DISCLAIMER, LOSSY, add_capture, add_pixels
from node.dicom.content_items import reference
from node.dicom.drawing import Mark, draw_at
from node.dicom.findings import ImageResult, StudyResult
from node.dicom.hanging import hang, turn_of
from node.dicom.header import laterality, short, text
from node.dicom.identity import check_same_identity, most_complete
from node.dicom.image_label import in_viewing_order
from node.dicom.plain_text import ST_LENGTH, plain
from node.dicom.reasons import Note
from node.dicom.references import by_study, object_reference
from node.dicom.result_header import SUMMARY_OVERLAY, start_result
from node.dicom.result_uids import report_uid
from node.dicom.summary_page import Cell, draw_page
from node.dicom.summary_words import caption, notes
from node.dicom.verbatim import copy_elements

if TYPE_CHECKING:
    from PIL import Image

ReadGrey = Callable[[ImageResult], NDArray[np.uint8]]
"""Gives an image windowed, (rows, columns), bright = dense."""

_SIDES: Final = ("R", "L")


def build_summary_overlay(study: StudyResult, read: ReadGrey) -> Dataset:
    """Build the summary of a study, in every case: also when nothing was found or analysed.

    Parameters
    ----------
    read : Callable
        Gives the picture of an analysed image (``node.dicom.pixels.to_grey``). It is called
        once for each, and the picture reduced before the next: one is in memory at a time.

    Raises
    ------
    IdentityConflict
        The images disagree about patient, study or order.
    ValueError
        ``read`` gave a picture of another size than the image's.
    """
    images = in_viewing_order(study.images)
    headers = [image.header for image in images]
    check_same_identity(headers)
    source = most_complete(headers)
    summary = start_result(
        SUMMARY_OVERLAY,
        study,
        source,
        algorithm=study.algorithm,
        sop_instance_uid=report_uid(SUMMARY_OVERLAY.name, study),
        instance_number=1,
    )
    options = study.profile.summary_overlay
    summary.Modality = options.modality
    add_capture(summary, study, source)
    _add_anatomy(summary, headers)
    _add_derivation(summary, study, [image for image in images if not image.not_analysed])
    page = draw_page(
        [(_cell(pair[0], read), _cell(pair[1], read)) for pair in hang(images)],
        title=DISCLAIMER,
        headline=outcome.headline(study),
        notes=notes(study, source),
        long_side=options.long_side,
    )
    add_pixels(summary, page)
    return summary


def _cell(image: ImageResult | None, read: ReadGrey) -> Cell | None:
    if image is None:
        return None
    if image.not_analysed:
        return Cell(caption(image), words=(outcome.sentence(image.not_analysed),))
    size = short(image.header, "Rows") or 0, short(image.header, "Columns") or 0
    return Cell(caption(image), size, draw=partial(_draw, image, read, size))


def _draw(
    image: ImageResult, read: ReadGrey, size: tuple[int, int], drawn: tuple[int, int], letter: int
) -> Image.Image:
    grey = read(image)
    if grey.shape != size:
        raise ValueError(f"instance {image.sop_instance_uid} has not {grey.shape} pixels")
    rows, columns = size
    turn = turn_of(image.header)
    grey = np.ascontiguousarray(
        grey[:: -1 if turn.down else 1, :: -1 if turn.across else 1],
    )
    marks = [
        Mark(turn.box(found.box, rows=rows, columns=columns), f"{found.rank}: {found.percent} %")
        for found in image.findings
    ]
    return draw_at(grey, marks, (), drawn, letter)


def _add_anatomy(summary: Dataset, headers: list[Dataset]) -> None:
    """Say which breasts the page shows; it has no direction of its own."""
    summary.PatientOrientation = None
    summary.BodyPartExamined = "BREAST"
    summary.AnatomicRegionSequence = [codes.BREAST.item()]
    sides = {laterality(header) for header in headers}
    known = [side for side in _SIDES if side in sides]
    if known and sides <= set(_SIDES):
        summary.ImageLaterality = "B" if len(known) > 1 else known[0]
    else:
        summary.Laterality = None  # type 2C of a paired body part: unknown is empty


def _add_derivation(summary: Dataset, study: StudyResult, shown: list[ImageResult]) -> None:
    """Tell what was made of which images, and by what (PS3.3 C.7.6.1, C.12.2)."""
    algorithms = dict.fromkeys(map(study.algorithm_of, shown)) or [study.algorithm]
    made_by = ". ".join(
        "; ".join((f"{algorithm.name} {algorithm.version}", *algorithm.parameters))
        for algorithm in algorithms
    )
    done = "Windowed images with detector boxes and scores, reduced and hung on one page"
    summary.DerivationDescription = plain(f"{done}. {made_by}", ST_LENGTH)
    summary.BurnedInAnnotation = "NO"
    headers = [image.header for image in shown]
    if any(text(header, "BurnedInAnnotation").strip() == "YES" for header in headers):
        summary.BurnedInAnnotation = "YES"
    _add_lossy(summary, shown)
    if not shown:
        return
    sources = []
    for header in headers:
        source = reference(*object_reference(header)[:2])
        source.PurposeOfReferenceCodeSequence = [codes.SOURCE_IMAGE.item()]
        source.SpatialLocationsPreserved = "NO"
        sources.append(source)
    summary.SourceImageSequence = sources
    (referenced,) = by_study(study.study_instance_uid, map(object_reference, headers))
    summary.ReferencedSeriesSequence = [
        _instances(series) for series in referenced.ReferencedSeriesSequence
    ]


def _instances(series: Dataset) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = series.SeriesInstanceUID
    item.ReferencedInstanceSequence = series.ReferencedSOPSequence
    return item


def _add_lossy(summary: Dataset, shown: list[ImageResult]) -> None:
    """One picture that lost something makes the page lossy; the first such says how."""
    for image in shown:
        if text(image.header, "LossyImageCompression") == "01":
            copy_elements(image.header, summary, LOSSY)
            return
    if any(Note.LOSSY in image.notes for image in shown):
        summary.LossyImageCompression = "01"
    elif shown and all(text(i.header, "LossyImageCompression") == "00" for i in shown):
        summary.LossyImageCompression = "00"
