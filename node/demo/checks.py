"""Do the results belong to the images that were sent? Independent of the code that made them.

Everything here is read back from Part 10 files, the images as sent and the results as
the PACS received them; nothing is taken from the node's tables or its builders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from pydicom import Dataset

from node.demo.marks import differing
from node.demo.received import (
    IDENTITY,
    Exchange,
    ReportedBox,
    content_items,
    read_exchange,
    reported_boxes,
    source_of,
)
from node.dicom.geometry import Box

TOLERANCE_PIXELS: Final = 0.01
"""Graphic Data is float32: at 5000 pixels its step is 0.0005."""

CLOSED_BOX_POINTS: Final = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; ``detail`` says what was found, without identity."""

    name: str
    passed: bool
    detail: str


class _NoReport(Exception):
    """There is nothing to make this check on."""


def check_results(sources: Sequence[Path], results: Sequence[Path]) -> list[Check]:
    """Compare the received results with the images that were sent.

    Parameters
    ----------
    sources, results : sequence of Path
        Part 10 files, of one study.

    Returns
    -------
    list of Check
        Always those of ``LOOKS``, in that order; one that cannot be made has failed.
    """
    exchange = read_exchange(sources, results)
    return [_make(name, problems, counted, exchange) for name, problems, counted in LOOKS]


def _make(
    name: str,
    problems: Callable[[Exchange], list[str]],
    counted: Callable[[Exchange], str],
    exchange: Exchange,
) -> Check:
    try:
        found = problems(exchange)
        summary = "; ".join(found) if found else counted(exchange)
    except _NoReport as error:
        return Check(name, passed=False, detail=str(error))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # A malformed result may lack anything at all: that is a finding, not a crash.
        return Check(name, passed=False, detail=f"malformed: {type(error).__name__}")
    return Check(name, passed=not found, detail=summary)


def _identity(exchange: Exchange) -> list[str]:
    if not exchange.results:
        return ["no result came"]
    return [
        f"{keyword} differs in {uid}"
        for uid, raw in exchange.result_identities.items()
        for keyword in IDENTITY
        if any(image[keyword] != raw[keyword] for image in exchange.image_identities.values())
    ]


def _one_report(exchange: Exchange) -> list[str]:
    kinds = ((exchange.reports, "measurement reports"), (exchange.cad_reports, "CAD SRs"))
    return [f"{len(found)} {name} came" for found, name in kinds if len(found) != 1]


def _known_kinds(exchange: Exchange) -> list[str]:
    results = (*exchange.reports, *exchange.cad_reports, *exchange.overlays)
    known = {item.SOPClassUID for item in results}
    return [
        f"{item.SOPClassUID} came" for item in exchange.results if item.SOPClassUID not in known
    ]


def _uids(exchange: Exchange) -> list[str]:
    kinds = (exchange.images, exchange.reports, exchange.cad_reports, exchange.overlays)
    instances = Counter(str(item.SOPInstanceUID) for kind in kinds for item in kind)
    problems = [f"{uid} is used {count} times" for uid, count in instances.items() if count > 1]
    series = [{str(item.SeriesInstanceUID) for item in kind} for kind in kinds]
    if len(set().union(*series)) != sum(map(len, series)):
        problems.append("one series holds objects of two kinds")
    if max(map(len, series[1:])) > 1:
        problems.append("one kind of result is spread over several series")
    return problems


def _references(exchange: Exchange) -> list[str]:
    sent = {str(image.SOPInstanceUID) for image in exchange.images}
    problems = []
    for report in _all_reports(exchange):
        named = [
            reference
            for item, _ in content_items(report)
            for reference in item.get("ReferencedSOPSequence", [])
        ]
        uids = {str(reference.ReferencedSOPInstanceUID) for reference in named}
        problems += [f"{uid} was never sent" for uid in sorted(uids - sent)]
        problems += [f"{uid} is not in the report" for uid in sorted(sent - uids)]
        problems += [
            f"{image.SOPInstanceUID} is named with another SOP class"
            for reference in named
            if (image := exchange.image(reference.ReferencedSOPInstanceUID)) is not None
            and image.SOPClassUID != reference.ReferencedSOPClassUID
        ]
    return problems


class _Evidence(NamedTuple):
    study: str
    series: str
    sop_class: str
    instance: str


def _evidence(exchange: Exchange) -> list[str]:
    wanted = [
        _Evidence(
            str(image.StudyInstanceUID),
            str(image.SeriesInstanceUID),
            str(image.SOPClassUID),
            str(image.SOPInstanceUID),
        )
        for image in exchange.images
    ]
    problems = []
    for report in _all_reports(exchange):
        listed = Counter(
            _Evidence(
                str(study.StudyInstanceUID),
                str(series.SeriesInstanceUID),
                str(reference.ReferencedSOPClassUID),
                str(reference.ReferencedSOPInstanceUID),
            )
            for study in report.get("CurrentRequestedProcedureEvidenceSequence", [])
            for series in study.ReferencedSeriesSequence
            for reference in series.ReferencedSOPSequence
        )
        problems += [f"{row.instance} is missing" for row in wanted if row not in listed]
        problems += [f"{row.instance} was not sent so" for row in listed if row not in wanted]
        problems += [f"{row.instance} is listed twice" for row, n in listed.items() if n > 1]
    return problems


def _boxes(exchange: Exchange) -> list[str]:
    problems = []
    for number, reported in enumerate(_reported(exchange), start=1):
        image = exchange.image(reported.sop_instance_uid)
        if image is None:
            problems.append(f"box {number} names no image that was sent")
        elif not _is_inside(reported.box, image):
            problems.append(f"box {number} leaves {image.SOPInstanceUID}")
        elif reported.box.is_empty or reported.points != CLOSED_BOX_POINTS:
            problems.append(f"box {number} is no closed box with an area")
    return problems


def _is_inside(box: Box, image: Dataset) -> bool:
    return bool(
        box.x0 >= -TOLERANCE_PIXELS
        and box.y0 >= -TOLERANCE_PIXELS
        and box.x1 <= image.Columns + TOLERANCE_PIXELS
        and box.y1 <= image.Rows + TOLERANCE_PIXELS
    )


def _overlays(exchange: Exchange) -> list[str]:
    problems = []
    sources = Counter(uid for overlay in exchange.overlays for uid in source_of(overlay))
    for overlay in exchange.overlays:
        name = f"overlay {overlay.SOPInstanceUID}"
        named = source_of(overlay)
        image = exchange.image(named[0]) if len(named) == 1 else None
        if image is None:
            problems.append(f"{name} does not name one image that was sent")
            continue
        problems += [
            f"{name} has another {what}"
            for what, is_same in (
                ("side", overlay.get("ImageLaterality") == image.get("ImageLaterality")),
                ("view", _view(overlay) == _view(image)),
                (
                    "orientation",
                    overlay.get("PatientOrientation") == image.get("PatientOrientation"),
                ),
                ("shape", _has_shape_of(overlay, image)),
            )
            if not is_same
        ]
    problems += [f"{uid} has {count} overlays" for uid, count in sources.items() if count > 1]
    return problems


def _view(image: Dataset) -> list[str]:
    return [str(item.CodeValue) for item in image.get("ViewCodeSequence", [])]


def _has_shape_of(overlay: Dataset, image: Dataset) -> bool:
    scale = max(overlay.Rows, overlay.Columns) / max(image.Rows, image.Columns)
    # Each side was rounded to whole pixels once.
    return bool(
        abs(overlay.Rows - image.Rows * scale) <= 1
        and abs(overlay.Columns - image.Columns * scale) <= 1
    )


def _boxes_are_drawn(exchange: Exchange) -> list[str]:
    drawn = {uid for overlay in exchange.overlays for uid in source_of(overlay)}
    boxed = {box.sop_instance_uid for box in _reported(exchange)}
    return [f"{uid} has a box and no overlay" for uid in sorted(boxed - drawn)]


def _marks(exchange: Exchange) -> list[str]:
    if not exchange.cad_reports:
        raise _NoReport("no CAD SR came")
    boxes = _reported(exchange)
    return [f"boxes and marks of {uid} differ" for uid in differing(boxes, exchange.cad_reports)]


def _all_reports(exchange: Exchange) -> tuple[Dataset, ...]:
    if not exchange.cad_reports:
        raise _NoReport("no CAD SR came")
    return (*_reports(exchange), *exchange.cad_reports)


def _reported(exchange: Exchange) -> list[ReportedBox]:
    return [box for report in _reports(exchange) for box in reported_boxes(report)]


def _reports(exchange: Exchange) -> tuple[Dataset, ...]:
    if not exchange.reports:
        raise _NoReport("no report came")
    return exchange.reports


def _images_counted(exchange: Exchange) -> str:
    return f"{len(exchange.images)} images"


def _overlays_counted(exchange: Exchange) -> str:
    return f"{len(exchange.overlays)} overlays"


def _results_counted(exchange: Exchange) -> str:
    reports = f"{len(exchange.reports)} SR, {len(exchange.cad_reports)} CAD SR"
    return f"{reports}, {len(exchange.overlays)} SC"


def _identity_counted(exchange: Exchange) -> str:
    return f"{len(IDENTITY)} attributes of {len(exchange.results)} results"


def _boxes_counted(exchange: Exchange) -> str:
    return f"{len(_reported(exchange))} boxes"


LOOKS: Final = (
    ("identity is the images', byte for byte", _identity, _identity_counted),
    ("one report of each kind for the study", _one_report, _results_counted),
    ("nothing but reports and overlays came", _known_kinds, _results_counted),
    ("UIDs are new and unique, one series for each kind", _uids, _results_counted),
    ("the reports refer to every image, and to no other", _references, _images_counted),
    ("the reports' evidence lists each image once", _evidence, _images_counted),
    ("every box lies inside its image", _boxes, _boxes_counted),
    ("the CAD SR marks the boxes of the report", _marks, _boxes_counted),
    ("each overlay has one source, its side, view and shape", _overlays, _overlays_counted),
    ("every image with a box has an overlay", _boxes_are_drawn, _overlays_counted),
)
"""Name, what is wrong (nothing: passed), and what was counted when nothing is."""
