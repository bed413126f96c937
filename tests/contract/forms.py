"""Every form of our results, written to files with the images they were made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import FileDataset
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    ComprehensiveSRStorage,
    DigitalMammographyXRayImageStorageForProcessing,
)

from node.dicom.findings import ImageResult, StudyResult
from node.dicom.measurement_report import build_measurement_report
from node.dicom.overlay import build_overlay
from node.dicom.part10 import to_bytes
from node.dicom.pixels import to_grey
from tests.factories import (
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    four_view_study,
    make_mammogram,
    save_to_folder,
)
from tests.overlays import with_long_side
from tests.results import LESION, SECOND_LESION, make_study

FOUND = {0: (LESION, SECOND_LESION), 3: (LESION,)}
LONG_SIDES = (0, 200)
Recipe = tuple[list[FileDataset], dict[str, Any]]
"""The images of a study, and what ``make_study`` says of them."""

BAD = Path(__file__).parent / "bad"


@dataclass(frozen=True)
class Form:
    """One study's files: the images as received, our report and our overlays."""

    name: str
    study: StudyResult
    images: tuple[Path, ...]
    report: Path
    overlays: tuple[Path, ...]

    @property
    def overlay_pictures(self) -> list[tuple[ImageResult, int, Path]]:
        """Each overlay with its image and its longest side, 0 for full size."""
        analysed = [image for image in self.study.images if not image.not_analysed]
        sizes = [(image, long_side) for image in analysed for long_side in LONG_SIDES]
        return [(*size, path) for size, path in zip(sizes, self.overlays, strict=True)]

    @property
    def outputs(self) -> tuple[Path, ...]:
        return (self.report, *self.overlays)


def four_views(**attributes: Any) -> Recipe:
    """Four views with boxes in the first and the last."""
    return four_view_study(**attributes), {"findings": FOUND}


def partly_analysed() -> Recipe:
    """A study with an unreadable image, a raw twin, tomosynthesis and remarks."""
    raw = make_mammogram(
        sop_instance_uid="1.2.71",
        series_instance_uid="1.2.69",
        SOPClassUID=DigitalMammographyXRayImageStorageForProcessing,
        PresentationIntentType="FOR PROCESSING",
    )
    tomosynthesis = make_mammogram(
        sop_instance_uid="1.2.72",
        series_instance_uid="1.2.70",
        SOPClassUID=BreastTomosynthesisImageStorage,
    )
    return [*four_view_study(), raw, tomosynthesis], {
        "findings": FOUND,
        "not_analysed": {2: "UNREADABLE_PIXELS", 4: "FOR_PROCESSING", 5: "TOMOSYNTHESIS"},
        "notes": {1: ("IMPLANT", "LOSSY")},
    }


def superseding() -> Recipe:
    """A report that replaces another, in a time zone."""
    images, study = four_views(TimezoneOffsetFromUTC="+0900")
    predecessor = (str(ComprehensiveSRStorage), "1.2.81", "1.2.80")
    return images, {**study, "predecessors": (predecessor,)}


def type_2_missing() -> Recipe:
    """A source without what is of type 2 in a result."""
    return four_views(
        **dict.fromkeys(("AccessionNumber", "StudyID", "PatientBirthDate", "PatientSex")),
        **dict.fromkeys(("StudyTime", "ReferringPhysicianName", "PatientOrientation")),
    )


def sides_of_series() -> Recipe:
    """Sources that say the side of their series, and one that says none."""
    images, study = four_views()
    for image in images:
        image.Laterality = image.ImageLaterality
        del image.ImageLaterality
    images[1].Laterality = None
    return images, study


FORMS: dict[str, Callable[[], Recipe]] = {
    "findings": four_views,
    "without_findings": lambda: (four_view_study(), {}),
    "none_analysed": lambda: (
        four_view_study(),
        {"not_analysed": dict.fromkeys(range(4), "UNREADABLE_PIXELS")},
    ),
    "partly_analysed": partly_analysed,
    "superseding": superseding,
    "utf8": lambda: four_views(patient_name=JAPANESE_NAME, specific_character_set="ISO_IR 192"),
    "japanese": lambda: four_views(
        patient_name=JAPANESE_NAME, specific_character_set=JAPANESE_CHARACTER_SET
    ),
    "korean": lambda: four_views(
        patient_name="Hong^Gildong=洪^吉洞=홍^길동",
        specific_character_set=["", "ISO 2022 IR 149"],
    ),
    "no_character_set": lambda: four_views(specific_character_set=None),
    "monochrome1": lambda: four_views(photometric="MONOCHROME1"),
    "no_side_no_view": lambda: (
        [make_mammogram(ImageLaterality=None, ViewCodeSequence=None)],
        {"findings": {0: (LESION,)}},
    ),
    "type_2_missing": type_2_missing,
    "sides_of_series": sides_of_series,
}


def write_form(name: str, folder: Path) -> Form:
    """Write a form's images, its report, and its overlays at full and at reduced size."""
    images, parts = FORMS[name]()
    study = make_study(images, **parts)
    paths = save_to_folder(images, folder / "images")
    report = folder / "report.dcm"
    report.write_bytes(to_bytes(build_measurement_report(study)))
    overlays = []
    for place, (source, image) in enumerate(zip(images, study.images, strict=True)):
        for long_side in LONG_SIDES:
            if image.not_analysed:
                continue
            path = folder / f"overlay_{place}_{long_side}.dcm"
            overlay = build_overlay(with_long_side(study, long_side), image, to_grey(source))
            path.write_bytes(to_bytes(overlay))
            overlays.append(path)
    return Form(name, study, tuple(paths), report, tuple(overlays))
