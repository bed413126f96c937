"""Whose a presentation state is, and under which UIDs: as every result's, byte for byte."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from config.profiles import PresentationStateOptions, Profile
from node.dicom.part10 import to_bytes
from node.dicom.presentation_state import build_presentation_state
from tests.factories import (
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    four_view_study,
    make_mammogram,
)
from tests.presentation_forms import state_of, state_of_one
from tests.results import (
    ALGORITHM,
    COMPLETED_AT,
    LESION,
    SECOND_LESION,
    make_study,
    raw_value,
    stored,
)


@pytest.mark.parametrize(
    "source",
    [
        {"patient_name": JAPANESE_NAME, "specific_character_set": JAPANESE_CHARACTER_SET},
        {"patient_name": JAPANESE_NAME, "specific_character_set": "ISO_IR 192"},
        {"specific_character_set": None},
    ],
)
def test_the_name_is_that_of_the_image_to_the_byte(source: dict[str, Any]) -> None:
    image = stored(make_mammogram(**source))

    state = state_of(make_study([image], findings={0: (LESION,)}))

    assert raw_value(state, "PatientName") == raw_value(image, "PatientName")
    assert state.get("SpecificCharacterSet") == image.get("SpecificCharacterSet")


def test_what_the_source_lacks_of_type_2_is_there_and_empty() -> None:
    lacking = ("AccessionNumber", "StudyID", "PatientBirthDate", "PatientSex", "StudyTime")

    state = state_of_one(**dict.fromkeys(lacking))

    assert all(keyword in state and not state[keyword].value for keyword in lacking)


def test_dates_are_those_of_the_report() -> None:
    state = state_of_one()

    assert (state.PresentationCreationDate, state.PresentationCreationTime) == (
        f"{COMPLETED_AT:%Y%m%d}",
        f"{COMPLETED_AT:%H%M%S}",
    )
    assert "ContentDate" not in state  # in no module of the IOD


def test_the_same_image_gives_the_same_bytes() -> None:
    def build() -> bytes:
        study = make_study(four_view_study(), findings={1: (LESION, SECOND_LESION)})
        return to_bytes(build_presentation_state(study, study.images[1]))

    assert build() == build()


def test_another_moment_is_no_other_object() -> None:
    study = make_study([make_mammogram()], findings={0: (LESION,)})
    later = replace(study, completed_at=COMPLETED_AT + timedelta(hours=3))

    assert state_of(study).SOPInstanceUID == state_of(later).SOPInstanceUID


@pytest.mark.parametrize(
    "other",
    [
        {"algorithm": replace(ALGORITHM, version="2.0")},
        {"profile": Profile(presentation_state=PresentationStateOptions(series_number=1))},
    ],
)
def test_another_model_or_form_is_another_object_of_another_series(other: dict[str, Any]) -> None:
    study = make_study([make_mammogram()], findings={0: (LESION,)})

    first, second = state_of(study), state_of(replace(study, **other))

    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.SeriesInstanceUID != second.SeriesInstanceUID
