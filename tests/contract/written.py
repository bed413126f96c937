"""Studies on disk for the validators: images as received, results as they would be sent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from pydicom import FileDataset, dcmread

from config.profiles import ObjectKind, Profile
from node.dicom.findings import ImageResult, StudyResult
from node.dicom.geometry import Box
from node.dicom.part10 import to_bytes
from node.dicom.pixels import to_grey
from tests.factories import save_to_folder
from workers.objects import planned_objects

KINDS: Final[tuple[str, ...]] = get_args(ObjectKind)
"""Every kind of object there is: a new one is checked without a word here."""
DOCUMENTS: Final = ("cad_sr", "measurement_report", "key_objects")
"""Kinds that have a content tree."""

OVERLAY_OF_ALL: Final = {"images": "all"}

BAD: Final = Path(__file__).parent / "bad"


class Mark(NamedTuple):
    """One box that every viewer has to show, in stored pixels of its image."""

    sop_instance_uid: str
    box: Box
    percent: str


class ResultFile(NamedTuple):
    """One result.

    ``source`` is the image it was made from, "" when that is the study. ``marks`` are all on
    the images of its patient that were there when it was made.
    """

    kind: str
    path: Path
    source: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class StudyFiles:
    """One study's files, and the boxes that are in them."""

    name: str
    images: tuple[Path, ...]
    results: tuple[ResultFile, ...]
    marks: tuple[Mark, ...]

    @property
    def outputs(self) -> tuple[Path, ...]:
        return tuple(result.path for result in self.results)

    def of_kind(self, *kinds: str) -> tuple[ResultFile, ...]:
        return tuple(result for result in self.results if result.kind in kinds)

    def by_patient(self) -> list[tuple[tuple[Path, ...], tuple[Path, ...]]]:
        """Give the images and the results of each patient in turn: usually of one."""
        read = partial(dcmread, stop_before_pixels=True, specific_tags=["PatientID"])
        owners = {path: read(path).PatientID for path in (*self.images, *self.outputs)}
        return [
            (
                tuple(path for path in self.images if owners[path] == patient),
                tuple(path for path in self.outputs if owners[path] == patient),
            )
            for patient in sorted(set(owners.values()))
        ]


def everything(**options: Any) -> Profile:
    """Ask for every kind of object, and an overlay of each image."""
    return Profile.model_validate({"objects": KINDS, "overlay": OVERLAY_OF_ALL, **options})


def marks_of(study: StudyResult) -> tuple[Mark, ...]:
    return tuple(
        Mark(image.sop_instance_uid, found.box, found.percent)
        for image in study.analysed
        for found in image.findings
    )


def write_results(
    images: list[FileDataset], study: StudyResult, folder: Path
) -> tuple[ResultFile, ...]:
    """Build every object that the study's profile asks for, as the worker does."""
    sources = {str(image.SOPInstanceUID): image for image in images}

    def read(image: ImageResult) -> NDArray[np.uint8]:
        return to_grey(sources[image.sop_instance_uid])

    results = []
    for kind in study.profile.objects:
        for place, planned in enumerate(planned_objects(kind, study, read)):
            path = folder / f"{kind}_{place}.dcm"
            path.write_bytes(to_bytes(planned.build()))
            source = "" if planned.image is None else planned.image.sop_instance_uid
            results.append(ResultFile(kind, path, source, marks_of(study)))
    return tuple(results)


def write_images(images: list[FileDataset], folder: Path) -> tuple[Path, ...]:
    return tuple(save_to_folder(images, folder / "images"))
