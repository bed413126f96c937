"""The objects of a study's results: which there are, and how each is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import structlog
from pydicom import Dataset

from node.dicom.cad_report import build_cad_report
from node.dicom.findings import ImageResult, StudyResult
from node.dicom.key_objects import build_key_objects, key_images, key_objects_uid
from node.dicom.measurement_report import build_measurement_report
from node.dicom.overlay import build_overlay
from node.dicom.presentation_state import build_presentation_state, is_presentable
from node.dicom.result_header import (
    CAD_SR,
    KEY_OBJECTS,
    MEASUREMENT_REPORT,
    OVERLAY,
    PRESENTATION_STATE,
    SUMMARY_OVERLAY,
)
from node.dicom.result_uids import image_result_uid, report_uid
from node.dicom.summary_overlay import ReadGrey, build_summary_overlay
from node.dicom.utf8 import UTF_8, in_utf8

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PlannedObject:
    """One object that is due; its UID is known before anything is built.

    ``image`` is the one that it is made from, None when it is the study.
    """

    sop_instance_uid: str
    image: ImageResult | None
    build: Callable[[], Dataset]


def planned_objects(kind: str, study: StudyResult, read: ReadGrey) -> Iterator[PlannedObject]:
    """List the objects of one kind (``config.profiles.ObjectKind``), in the study's form."""
    for planned in _PLANNERS[kind](study, read):
        if study.profile.character_set == UTF_8:
            planned = replace(planned, build=partial(_build_in_utf8, planned))
        yield planned


def _build_in_utf8(planned: PlannedObject) -> Dataset:
    """Build an object and convert it; one whose texts nobody can read keeps their bytes."""
    dataset = planned.build()
    converted = in_utf8(dataset)
    if converted is None:
        log.warning("character_set_kept", sop_instance_uid=planned.sop_instance_uid)
        return dataset
    return converted


def _cad_sr(study: StudyResult, _read: ReadGrey) -> Iterator[PlannedObject]:
    yield PlannedObject(report_uid(CAD_SR.name, study), None, partial(build_cad_report, study))


def _measurement_report(study: StudyResult, _read: ReadGrey) -> Iterator[PlannedObject]:
    uid = report_uid(MEASUREMENT_REPORT.name, study)
    yield PlannedObject(uid, None, lambda: build_measurement_report(study))


def _overlays(study: StudyResult, read: ReadGrey) -> Iterator[PlannedObject]:
    for image in study.analysed:
        if image.findings or study.profile.overlay.images == "all":
            uid = image_result_uid(OVERLAY.name, study, image)
            yield PlannedObject(uid, image, _overlay(study, image, read))


def _overlay(study: StudyResult, image: ImageResult, read: ReadGrey) -> Callable[[], Dataset]:
    return lambda: build_overlay(study, image, read(image))


def _summary_overlay(study: StudyResult, read: ReadGrey) -> Iterator[PlannedObject]:
    uid = report_uid(SUMMARY_OVERLAY.name, study)
    yield PlannedObject(uid, None, partial(build_summary_overlay, study, read))


def _presentation_states(study: StudyResult, _read: ReadGrey) -> Iterator[PlannedObject]:
    for image in filter(is_presentable, study.images):
        uid = image_result_uid(PRESENTATION_STATE.name, study, image)
        yield PlannedObject(uid, image, partial(build_presentation_state, study, image))


def _key_objects(study: StudyResult, _read: ReadGrey) -> Iterator[PlannedObject]:
    if key_images(study):
        yield PlannedObject(key_objects_uid(study), None, partial(build_key_objects, study))


_PLANNERS: Final[Mapping[str, Callable[[StudyResult, ReadGrey], Iterator[PlannedObject]]]] = {
    CAD_SR.name: _cad_sr,
    MEASUREMENT_REPORT.name: _measurement_report,
    OVERLAY.name: _overlays,
    SUMMARY_OVERLAY.name: _summary_overlay,
    PRESENTATION_STATE.name: _presentation_states,
    KEY_OBJECTS.name: _key_objects,
}
