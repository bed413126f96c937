"""One image's Grayscale Softcopy Presentation State: the boxes as graphics over its pixels.

One object for each image, in a series for each side: Laterality (0020,0060) is of the
series, and required of a paired organ where the IOD has no Image Laterality (PS3.3
C.7.3.1), so the two breasts cannot share one. An object for several images would be
possible, but Presentation LUT Shape is of the whole object, and a late image would change
what was sent of the others.

What a presentation state does not say is the identity, whatever the image says (PS3.4
N.2): it repeats the image's Modality LUT, window or VOI LUT, polarity and shutter, and
activates its overlays. It is built on pydicom alone: highdicom shows MONOCHROME1 inverted,
and names no side.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
from pydicom import Dataset
from pydicom.valuerep import format_number_as_ds

from node.dicom import uids
from node.dicom.capture import DISCLAIMER
from node.dicom.content_items import reference
from node.dicom.graphic_annotation import OVERLAY_LAYER, annotation, layer, layer_of_overlays
from node.dicom.header import laterality, number, numbers, short, text
from node.dicom.image_label import in_viewing_order, viewing_place
from node.dicom.plain_text import LO_LENGTH, plain
from node.dicom.references import object_reference
from node.dicom.result_header import PRESENTATION_STATE, start_result
from node.dicom.result_uids import image_result_uid
from node.dicom.tracking import tracked
from node.dicom.verbatim import copy_elements, stored_bytes
from node.dicom.voi import LookupTable, modality_table, modality_values, voi_table, window_of

if TYPE_CHECKING:
    from node.dicom.findings import ImageResult, StudyResult

CONTENT_LABEL: Final = "AI_FINDINGS"

# Of result_header, and in no module of this IOD.
_NOT_IN_THE_IOD: Final = ("ContentDate", "ContentTime", "ContentQualification")
# Display Shutter module, PS3.3 C.7.6.11, without the bitmap and the colours.
_SHUTTER: Final = (
    "ShutterShape",
    "ShutterLeftVerticalEdge",
    "ShutterRightVerticalEdge",
    "ShutterUpperHorizontalEdge",
    "ShutterLowerHorizontalEdge",
    "CenterOfCircularShutter",
    "RadiusOfCircularShutter",
    "VerticesOfThePolygonalShutter",
    "ShutterPresentationValue",
)
_SPACINGS: Final = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_FINEST_RATIO: Final = 1000
# (60xx,0010) and (60xx,1001) of the sixteen groups.
_OVERLAY_GROUPS: Final = range(0x6000, 0x6020, 2)
_OVERLAY_ROWS: Final = 0x0010
_OVERLAY_ACTIVATION_LAYER: Final = 0x1001
# Bits of a lookup table's entries.
_NARROW: Final = 8
_WIDE: Final = 16
_WHITE: Final = 0xFFFF


def is_presentable(image: ImageResult) -> bool:
    """Whether an image can get a presentation state: looked at, with a box, and grey."""
    is_found = bool(image.findings) and not image.not_analysed
    return is_found and short(image.header, "SamplesPerPixel") == 1


def build_presentation_state(study: StudyResult, image: ImageResult) -> Dataset:
    """Build the presentation state of one image.

    Raises
    ------
    ValueError
        ``image`` has no box, or colours.
    """
    if not is_presentable(image):
        raise ValueError(f"instance {image.sop_instance_uid} has nothing to present in grey")
    header = image.header
    state = start_result(
        PRESENTATION_STATE,
        study,
        header,
        algorithm=study.algorithm_of(image),
        sop_instance_uid=image_result_uid(PRESENTATION_STATE.name, study, image),
        instance_number=viewing_place(study.images, image),
    )
    _add_series_of_side(state, study, header)
    _add_identification(state)
    _add_graphics(state, study, image)
    _add_overlays(state, header)
    _add_displayed_area(state, header)
    _add_shutter(state, header)
    _add_modality_lut(state, header)
    _add_voi(state, header)
    state.PresentationLUTShape = (
        "INVERSE" if text(header, "PhotometricInterpretation") == "MONOCHROME1" else "IDENTITY"
    )
    return state


def _add_series_of_side(state: Dataset, study: StudyResult, header: Dataset) -> None:
    """Give each side its series; the images of no one side share a third."""
    side = laterality(header)
    known = side if side in ("L", "R") else ""
    state.Laterality = known or None  # type 2C: empty when nobody knows
    state.SeriesInstanceUID = uids.derive(study.namespace, state.SeriesInstanceUID, known)
    if known:
        state.SeriesDescription = plain(f"{known} {state.SeriesDescription}", LO_LENGTH)


def _add_identification(state: Dataset) -> None:
    """Add the Presentation State Identification module (PS3.3 C.11.10)."""
    state.PresentationCreationDate = state.ContentDate
    state.PresentationCreationTime = state.ContentTime
    state.ContentLabel = CONTENT_LABEL
    state.ContentDescription = DISCLAIMER
    state.ContentCreatorName = None
    for keyword in _NOT_IN_THE_IOD:
        delattr(state, keyword)


def _add_graphics(state: Dataset, study: StudyResult, image: ImageResult) -> None:
    """Name the image (C.11.11), and draw its boxes (C.10.5) on a layer (C.10.7)."""
    sop_class_uid, sop_instance_uid, series_instance_uid = object_reference(image.header)
    series = Dataset()
    series.SeriesInstanceUID = series_instance_uid
    series.ReferencedImageSequence = [reference(sop_class_uid, sop_instance_uid)]
    state.ReferencedSeriesSequence = [series]
    found = [
        one
        for one in tracked(study, in_viewing_order(study.images))
        if one.image.sop_instance_uid == sop_instance_uid
    ]
    rows, columns = _size(image.header)
    drawn = annotation(
        found, reference(sop_class_uid, sop_instance_uid), rows=rows, columns=columns
    )
    state.GraphicAnnotationSequence = [drawn]
    state.GraphicLayerSequence = [layer()]


def _add_overlays(state: Dataset, header: Dataset) -> None:
    """Activate the overlays of the image (C.11.7), which else would be hidden."""
    groups = [group for group in _OVERLAY_GROUPS if (group, _OVERLAY_ROWS) in header]
    for group in groups:
        state.add_new((group, _OVERLAY_ACTIVATION_LAYER), "CS", OVERLAY_LAYER)
    if groups:
        state.GraphicLayerSequence.append(layer_of_overlays())


def _size(header: Dataset) -> tuple[int, int]:
    return short(header, "Rows") or 0, short(header, "Columns") or 0


def _add_displayed_area(state: Dataset, header: Dataset) -> None:
    r"""Show the whole image, from 1\1 to Columns\Rows (C.10.4).

    The shape of a pixel is said as a ratio: Presentation Pixel Spacing would be taken for
    the size of tissue, which the spacing at the detector is not.
    """
    rows, columns = _size(header)
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner = [1, 1]
    area.DisplayedAreaBottomRightHandCorner = [columns, rows]
    area.PresentationSizeMode = "SCALE TO FIT"
    area.PresentationPixelAspectRatio = _aspect_ratio(header)
    state.DisplayedAreaSelectionSequence = [area]


def _aspect_ratio(header: Dataset) -> list[int]:
    for keyword in (*_SPACINGS, "PixelAspectRatio"):
        sizes = numbers(header, keyword)
        if len(sizes) == 2 and min(sizes) > 0:
            ratio = Fraction(sizes[0] / sizes[1]).limit_denominator(_FINEST_RATIO)
            if ratio > 0:
                return [ratio.numerator, ratio.denominator]
    return [1, 1]


def _add_shutter(state: Dataset, header: Dataset) -> None:
    if not stored_bytes(header, "ShutterShape"):
        return
    state.ShutterPresentationValue = 0
    copy_elements(header, state, _SHUTTER)


def _add_modality_lut(state: Dataset, header: Dataset) -> None:
    """Repeat the Modality LUT (C.11.1), of which none is the identity."""
    table = modality_table(header, signed=_is_signed(header))
    if table is not None:
        item = _table_item(table, signed=_is_signed(header))
        item.ModalityLUTType = "US"
        copy_elements(header.ModalityLUTSequence[0], item, ["ModalityLUTType"])
        state.ModalityLUTSequence = [item]
        return
    slope, intercept = number(header, "RescaleSlope"), number(header, "RescaleIntercept")
    if slope is None and intercept is None:
        return
    state.RescaleSlope = format_number_as_ds(1.0 if slope is None else slope)
    state.RescaleIntercept = format_number_as_ds(intercept or 0.0)
    state.RescaleType = "US"
    if stored_bytes(header, "RescaleType"):
        copy_elements(header, state, ["RescaleType"])


def _add_voi(state: Dataset, header: Dataset) -> None:
    """Repeat the window or VOI LUT that the detector's picture was made with (C.11.8).

    An image without either is shown over its whole range.
    """
    window = window_of(header)
    voi = Dataset()
    if window is not None:
        voi.WindowCenter = format_number_as_ds(window.center)
        voi.WindowWidth = format_number_as_ds(window.width)
        if window.function != "LINEAR":
            voi.VOILUTFunction = window.function
    else:
        signed = _has_negative_values(header)
        table = voi_table(header, signed=signed)
        if table is None:
            return
        voi.VOILUTSequence = [_table_item(_stretched(table), signed=signed)]
    state.SoftcopyVOILUTSequence = [voi]


def _is_signed(header: Dataset) -> bool:
    return short(header, "PixelRepresentation") == 1


def _has_negative_values(header: Dataset) -> bool:
    """Whether a stored value can be negative after the Modality LUT."""
    half = 1 << ((short(header, "BitsStored") or 1) - 1)
    ends = [-half, half - 1] if _is_signed(header) else [0, 2 * half - 1]
    values = modality_values(header, np.array(ends, np.float64), signed=_is_signed(header))
    return bool((values < 0).any())


def _stretched(table: LookupTable) -> LookupTable:
    """Give a VOI LUT of 9 to 15 bits 16.

    Those are legal here (C.11.2.1.1) and rare: dciodvfy and older viewers know 8 and 16.
    """
    if table.bits == _NARROW:
        return table
    data = np.rint(table.data * (_WHITE / (2**table.bits - 1)))
    return LookupTable(table.first, _WIDE, np.clip(data, 0, _WHITE))


def _table_item(table: LookupTable, *, signed: bool) -> Dataset:
    entries = len(table.data) & 0xFFFF
    if signed:
        entries -= (entries & 0x8000) << 1
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if signed else "US", [entries, table.first, table.bits])
    item.add_new("LUTData", "OW", table.data.astype("<u2").tobytes())
    return item
