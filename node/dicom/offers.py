"""What a profile can make us send: a row for each kind of object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydicom import uid
from pydicom.uid import UID

from node.dicom.eligibility import OWN_DEVICE
from node.dicom.plain_text import LO_LENGTH, plain

if TYPE_CHECKING:
    from config.profiles import Profile

SOP_CLASSES: Final[dict[str, str]] = {
    "cad_sr": uid.MammographyCADSRStorage,
    "measurement_report": uid.ComprehensiveSRStorage,
    "overlay": uid.SecondaryCaptureImageStorage,
    "summary_overlay": uid.SecondaryCaptureImageStorage,
    "presentation_state": uid.GrayscaleSoftcopyPresentationStateStorage,
    "key_objects": uid.KeyObjectSelectionDocumentStorage,
}
"""SOP class of each kind (``config.profiles.ObjectKind``) as delivered."""

OTHER_REPORT: Final = uid.Comprehensive3DSRStorage

_ONLY_WITH_A_BOX: Final = {
    "overlay": "images with a box",
    "presentation_state": "images with a box, a series for each side",
    "key_objects": "studies with a box",
}


_SPEAK_OF_STUDIES: Final = frozenset({"cad_sr", "measurement_report", "summary_overlay"})


@dataclass(frozen=True, slots=True)
class Offer:
    """One kind of object as a profile wants it; ``made_for`` says of what, in words."""

    kind: str
    sop_class_uid: str
    series_number: int
    series_description: str
    made_for: str


def offers(profile: Profile) -> tuple[Offer, ...]:
    """List the kinds of objects of a profile in its order, each once."""
    return tuple(_offer(profile, kind) for kind in dict.fromkeys(profile.objects))


def _offer(profile: Profile, kind: str) -> Offer:
    options = profile.options(kind)
    sop_class = SOP_CLASSES[kind]
    if kind == "measurement_report" and profile.measurement_report.sop_class == "comprehensive3d":
        sop_class = OTHER_REPORT
    return Offer(
        kind=kind,
        sop_class_uid=str(sop_class),
        series_number=options.series_number,
        series_description=plain(f"{options.series_description} {OWN_DEVICE[1]}", LO_LENGTH),
        made_for=_made_for(profile, kind),
    )


def _made_for(profile: Profile, kind: str) -> str:
    if kind == "overlay" and profile.overlay.images == "all":
        every = "analysed images"
        return every if profile.studies == "all" else f"{every} of studies with a box"
    every = "every study" if profile.studies == "all" else "studies with a box"
    return _ONLY_WITH_A_BOX.get(kind, every)


def is_silent_without_a_box(profile: Profile) -> bool:
    """Whether a study without a box, or one that was not analysed, sends nothing at all."""
    return profile.studies == "with_findings" or _SPEAK_OF_STUDIES.isdisjoint(profile.objects)


def class_name(sop_class_uid: str) -> str:
    """Give the name of a SOP class in few words."""
    return UID(sop_class_uid).name.removesuffix(" Storage").removesuffix(" SOP Class")
