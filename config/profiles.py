"""What one kind of destination gets: which objects, in which form, for which studies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from config.fields import PlainText, SeriesNumber
from config.group import Group

ObjectKind = Literal[
    "cad_sr",
    "measurement_report",
    "overlay",
    "summary_overlay",
    "presentation_state",
    "key_objects",
]
"""The objects we return; each has a group of options of the same name in ``Profile``."""

_Value = TypeVar("_Value", str, int)


_DESCRIPTION = "Series Description; the product's name follows."


class SeriesOptions(Group):
    """What the objects of one kind say of their series."""

    series_number: SeriesNumber = 1
    series_description: PlainText = Field("", max_length=48)


class CadSrOptions(SeriesOptions):
    """Mammography CAD SR (TID 4000)."""

    form: Literal["simple", "graded"] = Field(
        "simple",
        description=(
            "simple: the boxes at or above the threshold. graded: also those that the network saw "
            "below it, for workstations with a slider (detector.candidate_thresholds)."
        ),
    )
    finding_code: Literal["lesion", "density", "selected_region"] = Field(
        "lesion",
        description=(
            "The code of a finding whose type nobody decided: (52988006, SCT, Lesion); "
            "(129793001, SCT, Mammography breast density), drawn as a mass; or "
            "(111099, DCM, Selected region)."
        ),
    )
    probability_of_cancer: bool = Field(
        False,
        description=(
            "Send the score as Probability of cancer too: only where it is accepted as one."
        ),
    )
    codes: Literal["SCT", "SRT"] = Field(
        "SCT", description="SRT: SNOMED-RT codes, for workstations of before 2018."
    )
    series_number: SeriesNumber = Field(9001, description="Series Number.")
    series_description: PlainText = Field("AI CAD report", max_length=48, description=_DESCRIPTION)


class MeasurementReportOptions(SeriesOptions):
    """Measurement report (TID 1500)."""

    sop_class: Literal["comprehensive", "comprehensive3d"] = Field(
        "comprehensive",
        description="comprehensive: what viewers draw. comprehensive3d: what IHE AIR names.",
    )
    series_number: SeriesNumber = Field(9002, description="Series Number.")
    series_description: PlainText = Field(
        "AI measurement report",
        max_length=48,
        description=_DESCRIPTION,
    )


class OverlayOptions(SeriesOptions):
    """Secondary Capture of an image with its boxes."""

    images: Literal["with_findings", "all"] = Field(
        "with_findings", description="Which analysed images get one."
    )
    long_side: int = Field(
        2048, ge=0, le=16384, description="Longest side in pixels; 0: full size."
    )
    modality: Literal["OT", "MG"] = Field(
        "OT", description="MG: for viewers that hang nothing else; other CAD may take it too."
    )
    series_number: SeriesNumber = Field(9003, description="Series Number.")
    series_description: PlainText = Field("AI overlay", max_length=48, description=_DESCRIPTION)


class SummaryOverlayOptions(SeriesOptions):
    """One Secondary Capture for the study: its views with boxes, scores and model."""

    long_side: int = Field(2048, ge=512, le=16384, description="Longest side in pixels.")
    modality: Literal["OT", "MG"] = Field("OT", description="As for the overlay.")
    series_number: SeriesNumber = Field(9006, description="Series Number.")
    series_description: PlainText = Field("AI summary", max_length=48, description=_DESCRIPTION)


class PresentationStateOptions(SeriesOptions):
    """Grayscale Softcopy Presentation State with the boxes as graphics."""

    series_number: SeriesNumber = Field(9004, description="Series Number.")
    series_description: PlainText = Field(
        "AI presentation state",
        max_length=48,
        description=_DESCRIPTION,
    )


class KeyObjectsOptions(SeriesOptions):
    """Key Object Selection of the images with a box."""

    series_number: SeriesNumber = Field(9005, description="Series Number.")
    series_description: PlainText = Field("AI key images", max_length=48, description=_DESCRIPTION)


class Profile(Group):
    """What a destination's viewers can show."""

    objects: tuple[ObjectKind, ...] = Field(
        ("cad_sr", "measurement_report", "overlay"),
        description=(
            "Objects to send: cad_sr, measurement_report, overlay, summary_overlay, "
            "presentation_state, key_objects."
        ),
        examples=[["measurement_report", "presentation_state"]],
    )
    studies: Literal["all", "with_findings"] = Field(
        "all",
        description=(
            "with_findings: nothing for a study without a box; no result may then mean no box "
            "or not analysed."
        ),
    )
    manufacturer: PlainText = Field(
        "", max_length=64, description="Manufacturer shown in results; empty: mgnode's own."
    )
    character_set: Literal["source", "ISO_IR 192"] = Field(
        "source",
        description=(
            "ISO_IR 192: convert what is copied to UTF-8; an object that cannot be stays as it is."
        ),
    )
    transfer_syntaxes: tuple[Literal["RLE", "JPEG-LS"], ...] = Field(
        (),
        description=(
            "Compression of overlays, the preferred first, without loss and where the peer "
            "accepts it; else they go uncompressed."
        ),
        examples=[["JPEG-LS", "RLE"]],
    )
    cad_sr: CadSrOptions = CadSrOptions()
    measurement_report: MeasurementReportOptions = MeasurementReportOptions()
    overlay: OverlayOptions = OverlayOptions()
    summary_overlay: SummaryOverlayOptions = SummaryOverlayOptions()
    presentation_state: PresentationStateOptions = PresentationStateOptions()
    key_objects: KeyObjectsOptions = KeyObjectsOptions()

    @field_validator("objects")
    @classmethod
    def _at_least_one(cls, value: tuple[ObjectKind, ...]) -> tuple[ObjectKind, ...]:
        if not value:
            raise ValueError("names no object: who gets nothing needs no destination")
        return value

    @field_validator("objects", "transfer_syntaxes")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = _twice(value)
        if twice:
            raise ValueError(f"names {', '.join(twice)} twice")
        return value

    @model_validator(mode="after")
    def _a_series_number_for_each_kind(self) -> Self:
        numbers = [self.options(kind).series_number for kind in self.objects]
        for number in _twice(numbers):
            kinds = [kind for kind in self.objects if self.options(kind).series_number == number]
            raise ValueError(f"series number {number} is that of {' and '.join(kinds)}")
        return self

    def options(self, kind: str) -> SeriesOptions:
        """Give the options of one kind of object (``ObjectKind``)."""
        options = getattr(self, kind)
        if not isinstance(options, SeriesOptions):
            raise TypeError(f"no kind of object is named {kind}")
        return options


def _twice(values: Sequence[_Value]) -> list[_Value]:
    return [value for value, times in Counter(values).items() if times > 1]


STANDARD = "standard"
"""Name of the profile of a destination that names none."""
