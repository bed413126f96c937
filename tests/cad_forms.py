"""Every form of the Mammography CAD SR: the images of a study and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from pydicom import FileDataset
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalMammographyXRayImageStorageForProcessing,
    MammographyCADSRStorage,
)

from config.profiles import CadSrOptions, Profile
from node.dicom.findings import Finding, RefusedImage, StudyResult
from node.dicom.geometry import Box
from tests.factories import (
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    coded,
    four_view_study,
    make_mammogram,
)
from tests.results import ALGORITHM, LESION, SECOND_LESION, make_study

Recipe = tuple[list[FileDataset], dict[str, Any]]
"""The images of a study, and what ``make_study`` says of them."""

FOUND: Final = {0: (LESION, SECOND_LESION), 3: (LESION,)}
GRADED_ALGORITHM: Final = replace(ALGORITHM, candidate_thresholds=(0.2, 0.1))
# Points 1, 1 and 2 of the thresholds above; the last is below both of them.
CANDIDATES: Final = tuple(
    Finding(Box(10.0 * rank, 20.5, 10.0 * rank + 30.0, 61.25), score, rank)
    for rank, score in enumerate((0.25, 0.2, 0.15, 0.05), start=3)
)


def with_options(**options: Any) -> Profile:
    """Give the standard profile with other options of the CAD SR."""
    return Profile(cad_sr=CadSrOptions(**options))


def findings(**options: Any) -> Recipe:
    """Give four views with boxes in the first and the last."""
    return four_view_study(), {"findings": FOUND, "profile": with_options(**options)}


def graded(found: dict[int, tuple[Finding, ...]], **options: Any) -> Recipe:
    """Give a study with boxes below the threshold too."""
    return four_view_study(), {
        "findings": found,
        "candidates": {1: CANDIDATES, 3: CANDIDATES[:1]},
        "algorithm": GRADED_ALGORITHM,
        "profile": with_options(form="graded", **options),
    }


def failed(found: dict[int, tuple[Finding, ...]], reasons: dict[int, str]) -> Recipe:
    """Give a study of which some images have no result."""
    return four_view_study(), {"findings": found, "not_analysed": reasons}


def never_due() -> Recipe:
    """Give a study with a raw twin, which a rule leaves out."""
    raw = make_mammogram(
        sop_instance_uid="1.2.71",
        series_instance_uid="1.2.69",
        SOPClassUID=DigitalMammographyXRayImageStorageForProcessing,
        PresentationIntentType="FOR PROCESSING",
    )
    return [*four_view_study(), raw], {
        "findings": FOUND,
        "not_analysed": {4: "FOR_PROCESSING"},
        "notes": {1: ("IMPLANT", "LOSSY")},
    }


def old_codes() -> Recipe:
    """Give a source in SNOMED-RT, with a view modifier, for a workstation of its age."""
    images, study = findings(codes="SRT", finding_code="density", probability_of_cancer=True)
    view = coded("R-10242", "SNM3", "cranio-caudal")
    view.ViewModifierCodeSequence = [coded("R-102D3", "SNM3", "Rolled Lateral")]
    images[0].ViewCodeSequence = [view]
    return images, study


def refused() -> Recipe:
    """Give a study of which one image could not be received."""
    image = RefusedImage(
        "1.2.99", str(DigitalMammographyXRayImageStorageForPresentation), "DAMAGED"
    )
    return four_view_study(), {"findings": FOUND, "refused": (image,)}


def superseding() -> Recipe:
    """Give a report that replaces another, in a time zone."""
    predecessor = (str(MammographyCADSRStorage), "1.2.81", "1.2.80")
    images = four_view_study(TimezoneOffsetFromUTC="+0900")
    return images, {"findings": FOUND, "predecessors": (predecessor,)}


def sparse() -> Recipe:
    """Give an image that says next to nothing of itself."""
    absent = (
        *("ImageLaterality", "ViewCodeSequence", "PatientOrientation", "StudyDate", "StudyTime"),
        *("ContentDate", "ContentTime", "ImagerPixelSpacing", "PositionerPrimaryAngle"),
        *("AccessionNumber", "StudyID", "PatientBirthDate", "PatientSex"),
    )
    return [make_mammogram(**dict.fromkeys(absent))], {"findings": {0: (LESION,)}}


def named(name: str, character_set: str | list[str] | None) -> Recipe:
    """Give a patient's name in a character set."""
    images = four_view_study(patient_name=name, specific_character_set=character_set)
    return images, {"findings": FOUND}


UNREADABLE: Final = "UNREADABLE_PIXELS"

CAD_FORMS: Final[dict[str, Callable[[], Recipe]]] = {
    "findings": findings,
    "without_findings": lambda: (four_view_study(), {}),
    "some_failed": lambda: failed({0: (LESION,)}, {2: UNREADABLE, 3: "ANALYSIS_FAILED"}),
    "some_failed_without_findings": lambda: failed({}, {2: UNREADABLE}),
    "all_failed": lambda: failed({}, dict.fromkeys(range(4), UNREADABLE)),
    "pending": lambda: failed(FOUND, {1: "PENDING_AT_TIME_LIMIT"}),
    "never_due": never_due,
    "refused": refused,
    "nothing_due": lambda: failed({}, dict.fromkeys(range(4), "MAGNIFICATION")),
    "density": lambda: findings(finding_code="density"),
    "selected_region": lambda: findings(finding_code="selected_region"),
    "probability": lambda: findings(finding_code="density", probability_of_cancer=True),
    "graded": lambda: graded(FOUND, finding_code="density"),
    "graded_candidates_only": lambda: graded({}, finding_code="density"),
    "old_codes": old_codes,
    "superseding": superseding,
    "sparse": sparse,
    "utf8": lambda: named(JAPANESE_NAME, "ISO_IR 192"),
    "japanese": lambda: named(JAPANESE_NAME, JAPANESE_CHARACTER_SET),
    "no_character_set": lambda: named("Example^Anna", None),
}


def cad_study(name: str) -> StudyResult:
    """Make the study's result of which ``build_cad_report`` makes the form of that name."""
    images, study = CAD_FORMS[name]()
    return make_study(images, **study)
