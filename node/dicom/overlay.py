"""One image's overlay: a Secondary Capture with the boxes and scores drawn on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydicom import Dataset

from node.dicom import codes
from node.dicom.capture import DISCLAIMER, LOSSY, add_capture, add_pixels
from node.dicom.content_items import reference
from node.dicom.drawing import Mark, draw
from node.dicom.header import laterality, numbers, short
from node.dicom.image_label import viewing_place
from node.dicom.plain_text import ST_LENGTH, plain
from node.dicom.reasons import Note
from node.dicom.references import object_reference
from node.dicom.result_header import OVERLAY, start_result
from node.dicom.result_uids import image_result_uid
from node.dicom.verbatim import copy_elements, stored_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from node.dicom.findings import Algorithm, ImageResult, StudyResult

_ANATOMY: Final = ("PatientOrientation", "AnatomicRegionSequence", "ViewCodeSequence")


def build_overlay(study: StudyResult, image: ImageResult, grey: NDArray[np.uint8]) -> Dataset:
    """Build the overlay of one analysed image.

    Parameters
    ----------
    grey : NDArray[np.uint8]
        (rows, columns) of the stored image, windowed, bright = dense
        (``node.dicom.pixels.to_grey``).

    Raises
    ------
    ValueError
        ``grey`` is not the picture of ``image``, or ``image`` was not analysed.
    """
    header = image.header
    if grey.shape != (short(header, "Rows"), short(header, "Columns")):
        raise ValueError(f"instance {image.sop_instance_uid} has not {grey.shape} pixels")
    if image.not_analysed:
        raise ValueError(f"instance {image.sop_instance_uid} was not analysed")
    overlay = start_result(
        OVERLAY,
        study,
        header,
        algorithm=study.algorithm_of(image),
        sop_instance_uid=image_result_uid(OVERLAY.name, study, image),
        instance_number=viewing_place(study.images, image),
    )
    picture = draw(
        grey, _marks(image), footer=_footer(study, image), long_side=study.profile.overlay.long_side
    )
    overlay.Modality = study.profile.overlay.modality
    add_capture(overlay, study, header)
    _add_anatomy(overlay, header)
    algorithm = study.algorithm_of(image)
    _add_derivation(overlay, header, image, algorithm, is_reduced=picture.shape[:2] != grey.shape)
    _add_spacing(overlay, header, grey, picture)
    add_pixels(overlay, picture)
    return overlay


def _marks(image: ImageResult) -> list[Mark]:
    return [Mark(found.box, f"{found.rank}: {found.percent} %") for found in image.findings]


def _footer(study: StudyResult, image: ImageResult) -> list[str]:
    algorithm = study.algorithm_of(image)
    name = f"{algorithm.name} {algorithm.version}"
    found = [] if image.findings else ["no region at or above the reporting threshold"]
    return [DISCLAIMER, *found, name]


def _add_anatomy(overlay: Dataset, header: Dataset) -> None:
    """Say which breast, which view and which way up, as far as the source does."""
    overlay.PatientOrientation = None
    copy_elements(header, overlay, _ANATOMY)
    # Of the image even where the source says it of its series: ours holds both sides.
    side = laterality(header)
    if side:
        overlay.ImageLaterality = side
    else:
        overlay.Laterality = None  # type 2C of a paired body part: unknown is empty
    # Of the series too, so the same in all: the detector looks at nothing else.
    overlay.BodyPartExamined = "BREAST"
    for view in overlay.get("ViewCodeSequence") or ():
        # Type 2 in a mammogram, type 3 here, where an empty one is an error.
        if "ViewModifierCodeSequence" in view and not view.ViewModifierCodeSequence:
            del view.ViewModifierCodeSequence
    for keyword in ("AnatomicRegionSequence", "ViewCodeSequence"):
        if keyword in overlay and not overlay[keyword].value:
            delattr(overlay, keyword)


def _add_derivation(
    overlay: Dataset,
    header: Dataset,
    image: ImageResult,
    algorithm: Algorithm,
    *,
    is_reduced: bool,
) -> None:
    """Add the General Image attributes that tell what was done to which image, and by what."""
    done = "Detector boxes and scores drawn on the windowed image"
    if is_reduced:
        done += ", reduced in size"
    made_by = "; ".join((f"{algorithm.name} {algorithm.version}", *algorithm.parameters))
    overlay.DerivationDescription = plain(f"{done}. {made_by}", ST_LENGTH)
    source = reference(*object_reference(header)[:2])
    source.PurposeOfReferenceCodeSequence = [codes.SOURCE_IMAGE.item()]
    source.SpatialLocationsPreserved = "NO" if is_reduced else "YES"
    overlay.SourceImageSequence = [source]
    series = Dataset()
    series.SeriesInstanceUID = object_reference(header)[2]
    series.ReferencedInstanceSequence = [reference(*object_reference(header)[:2])]
    overlay.ReferencedSeriesSequence = [series]
    overlay.BurnedInAnnotation = "NO"
    if stored_bytes(header, "BurnedInAnnotation"):
        copy_elements(header, overlay, ["BurnedInAnnotation"])
    copy_elements(header, overlay, LOSSY)
    if Note.LOSSY in image.notes:
        overlay.LossyImageCompression = "01"


def _add_spacing(
    overlay: Dataset, header: Dataset, grey: NDArray[np.uint8], picture: NDArray[np.uint8]
) -> None:
    """Scale Pixel Spacing with the picture; spacing at the detector never becomes one."""
    spacing = numbers(header, "PixelSpacing")
    if len(spacing) != 2 or min(spacing) <= 0:
        return
    overlay.PixelSpacing = [
        f"{distance * before / after:.8g}"
        for distance, before, after in zip(spacing, grey.shape, picture.shape[:2], strict=True)
    ]
    copy_elements(
        header,
        overlay,
        ["PixelSpacingCalibrationType", "PixelSpacingCalibrationDescription"],
    )
