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

from config.profiles import Profile
from node.dicom.findings import StudyResult
from tests.cad_forms import CAD_FORMS
from tests.contract.written import (
    OVERLAY_OF_ALL,
    StudyFiles,
    everything,
    marks_of,
    write_images,
    write_results,
)
from tests.factories import (
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    four_view_study,
    make_mammogram,
)
from tests.results import LESION, SECOND_LESION, make_study

FOUND = {0: (LESION, SECOND_LESION), 3: (LESION,)}
Recipe = tuple[list[FileDataset], dict[str, Any]]
"""The images of a study, and what ``make_study`` says of them."""


@dataclass(frozen=True)
class Form(StudyFiles):
    """A study whose result was written down here, in one form."""

    study: StudyResult


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


def in_the_form(recipe: Recipe | None = None, **options: Any) -> Recipe:
    """Write a study's results, four views' with boxes, with other options of the profile."""
    images, parts = recipe or four_views()
    return images, {**parts, "profile": everything(**options)}


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
    "reduced": lambda: in_the_form(overlay={**OVERLAY_OF_ALL, "long_side": 200}),
    "as_mammograms": lambda: in_the_form(
        overlay={**OVERLAY_OF_ALL, "modality": "MG"}, summary_overlay={"modality": "MG"}
    ),
    "comprehensive3d": lambda: in_the_form(measurement_report={"sop_class": "comprehensive3d"}),
    "converted_to_utf8": lambda: in_the_form(
        four_views(patient_name=JAPANESE_NAME, specific_character_set=JAPANESE_CHARACTER_SET),
        character_set="ISO_IR 192",
    ),
}


def only_cad(recipe: Recipe) -> Recipe:
    """Write the CAD SR alone, with the options that the recipe gives it."""
    images, parts = recipe
    profile = parts.get("profile", Profile())
    return images, {**parts, "profile": profile.model_copy(update={"objects": ("cad_sr",)})}


def _cad_form(name: str) -> Callable[[], Recipe]:
    return lambda: only_cad(CAD_FORMS[name]())


PARTIAL_FORMS: dict[str, Callable[[], Recipe]] = {
    f"cad_{name}": _cad_form(name) for name in CAD_FORMS
}
"""Forms of one kind of object only."""


def write_form(name: str, folder: Path) -> Form:
    """Write a form's images and every object that its profile asks for."""
    images, parts = {**FORMS, **PARTIAL_FORMS}[name]()
    study = make_study(images, **{"profile": everything(), **parts})
    return Form(
        name=name,
        images=write_images(images, folder),
        results=write_results(images, study, folder),
        marks=marks_of(study),
        study=study,
    )
