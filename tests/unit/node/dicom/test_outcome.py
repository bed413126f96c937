"""What a report says was analysed, and what was not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from node.dicom import codes
from node.dicom.codes import Code
from node.dicom.outcome import PENDING_AT_TIME_LIMIT, headline, is_complete, remarks, summary
from node.dicom.reasons import Note, Reason
from tests.factories import four_view_study
from tests.results import ALGORITHM, LESION, make_study, stored

LIMIT = "PENDING_AT_TIME_LIMIT. The time limit of the study passed first."
FAULTY = (
    Reason.PHOTOMETRIC,
    Reason.IMAGE_SIZE,
    Reason.BIT_DEPTH,
    Reason.MISSING_IDENTITY,
    Reason.UNREADABLE_PIXELS,
    Reason.DECODER_CRASHED,
    Reason.DECODER_MEMORY,
    Reason.DECODER_TIME,
    Reason.UNREADABLE_HEADER,
)


@pytest.mark.parametrize(
    ("not_analysed", "found", "expected"),
    [
        ({}, False, codes.ALL_WITHOUT_FINDINGS),
        ({}, True, codes.ALL_WITH_FINDINGS),
        ({3: "UNREADABLE_PIXELS"}, False, codes.SOME_WITHOUT_FINDINGS),
        ({3: "UNREADABLE_PIXELS"}, True, codes.SOME_WITH_FINDINGS),
        ({3: "MemoryError"}, False, codes.SOME_WITHOUT_FINDINGS),
        ({3: PENDING_AT_TIME_LIMIT}, False, codes.SOME_WITHOUT_FINDINGS),
        ({3: "MAGNIFICATION"}, False, codes.ALL_WITHOUT_FINDINGS),
        ({3: "FOR_PROCESSING"}, True, codes.ALL_WITH_FINDINGS),
        (dict.fromkeys(range(4), "UNREADABLE_PIXELS"), False, codes.NONE_WITHOUT_FINDINGS),
        (dict.fromkeys(range(4), "FOR_PROCESSING"), False, codes.NONE_WITHOUT_FINDINGS),
    ],
)
def test_the_summary_code_is_that_of_cid_6047(
    not_analysed: dict[int, str], found: bool, expected: Code
) -> None:
    study = make_study(
        four_view_study(), findings={0: (LESION,)} if found else {}, not_analysed=not_analysed
    )

    assert summary(study) == expected


@pytest.mark.parametrize("reason", Reason)
def test_only_faulty_data_counts_as_a_failure_of_the_algorithm(reason: Reason) -> None:
    study = make_study(four_view_study(), not_analysed={0: str(reason)})

    failed = summary(study) == codes.SOME_WITHOUT_FINDINGS

    assert failed == (reason in FAULTY)


@pytest.mark.parametrize(
    ("found", "not_analysed", "expected"),
    [
        (0, {}, "No region at or above the reporting threshold in 4 of 4 images."),
        (
            0,
            {1: "TOMOSYNTHESIS"},
            "No region at or above the reporting threshold in 3 of 4 images.",
        ),
        (1, {}, "1 region at or above the reporting threshold; 4 of 4 images analysed."),
        (2, {3: "X"}, "2 regions at or above the reporting threshold; 3 of 4 images analysed."),
        (
            0,
            dict.fromkeys(range(4), "X"),
            "No image was analysed: 0 of 4. This is not a result without findings.",
        ),
    ],
)
def test_the_headline_counts_regions_and_images(
    found: int, not_analysed: dict[int, str], expected: str
) -> None:
    study = make_study(
        four_view_study(), findings={0: (LESION,) * found}, not_analysed=not_analysed
    )

    assert headline(study) == expected


def test_each_image_that_was_not_analysed_is_named_with_its_reason() -> None:
    study = make_study(
        four_view_study(),
        not_analysed={0: "FOR_PROCESSING", 1: "MemoryError", 2: PENDING_AT_TIME_LIMIT},
        notes={3: ("IMPLANT",)},
    )
    uids = [image.sop_instance_uid for image in study.images]

    assert remarks(study.images) == [
        f"Not analysed: R CC image {uids[0]}: FOR_PROCESSING. {Reason.FOR_PROCESSING.text}",
        f"Not analysed: L CC image {uids[1]}: MemoryError",
        f"Not analysed: R MLO image {uids[2]}: {LIMIT}",
        f"Note on L MLO image {uids[3]}: IMPLANT. {Note.IMPLANT.text}",
    ]


def test_an_image_that_another_model_saw_names_it_with_its_threshold() -> None:
    study = make_study(four_view_study()[:1])
    other = replace(ALGORITHM, version="0.9", parameters=("score_threshold=0.5", "max_boxes=5"))
    (image,) = study.images

    (said,) = remarks((replace(image, algorithm=other),))

    model, name = f"{ALGORITHM.name} 0.9", f"R CC image {image.sop_instance_uid}"
    assert said == f"Analysed by {model} (score_threshold=0.5, max_boxes=5): {name}"


def test_what_could_not_be_copied_from_an_image_is_named_without_its_value() -> None:
    header = stored(four_view_study()[0])
    for keyword in ("OtherPatientIDsSequence", "RequestAttributesSequence"):
        header[keyword] = RawDataElement(Tag(keyword), "LO", 6, b"SECRET", 0, False, True)

    (said,) = remarks(make_study([header]).images)

    assert said.startswith("Not copied from R CC image ")
    assert said.endswith(", malformed: OtherPatientIDsSequence, RequestAttributesSequence")


def test_a_study_is_complete_unless_its_time_limit_cut_it_short() -> None:
    images = four_view_study()

    assert is_complete(make_study(images, not_analysed={0: "UNREADABLE_PIXELS"}))
    assert not is_complete(make_study(images, not_analysed={0: PENDING_AT_TIME_LIMIT}))
