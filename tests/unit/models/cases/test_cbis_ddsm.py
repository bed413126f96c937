"""The published rule, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from models.cases.case import Box, CaseFinding
from models.cases.cbis_ddsm import (
    Abnormality,
    Film,
    extent,
    fits,
    is_table,
    is_two_valued,
    merge_cancers,
    one_density,
    read_row,
)

ROW = {
    "patient_id": "P_00001",
    "breast_density": "3",
    "left or right breast": "LEFT",
    "image view": "CC",
    "abnormality id": "1",
    "abnormality type": "mass",
    "mass shape": "IRREGULAR-ARCHITECTURAL_DISTORTION",
    "mass margins": "SPICULATED",
    "assessment": "4",
    "pathology": "MALIGNANT",
    "subtlety": "4",
    "image file path": "Mass-Training_P_00001_LEFT_CC/1.3.6/1.3.7/000000.dcm",
    "cropped image file path": "Mass-Training_P_00001_LEFT_CC_1/1.3.8/1.3.9/000000.dcm",
    "ROI mask file path": "Mass-Training_P_00001_LEFT_CC_1/1.3.8/1.3.9/000001.dcm\n",
}


def malignant(*edges: float, kind: str = "mass") -> CaseFinding:
    return CaseFinding(kind, "malignant", Box(*edges))


def test_a_row_names_its_film_and_its_folders() -> None:
    assert read_row(ROW) == (
        Abnormality(
            film=Film("P_00001", "L", "CC"),
            density="C",
            kind="mass",
            pathology="malignant",
            folder="Mass-Training_P_00001_LEFT_CC",
            mask_folder="Mass-Training_P_00001_LEFT_CC_1",
        ),
        [],
    )


def test_the_tables_of_calcifications_spell_the_density_otherwise() -> None:
    row = {name.replace("breast_density", "breast density"): text for name, text in ROW.items()}

    abnormality, _ = read_row(row)

    assert is_table(row)
    assert abnormality is not None
    assert abnormality.density == "C"


@pytest.mark.parametrize(("density", "expected"), [("1", "A"), ("4", "D"), ("0", ""), ("", "")])
def test_densities_are_letters_and_0_is_not_known(density: str, expected: str) -> None:
    abnormality, _ = read_row({**ROW, "breast_density": density})

    assert abnormality is not None
    assert abnormality.density == expected


@pytest.mark.parametrize(
    ("kind", "shape", "expected"),
    [
        ("mass", "OVAL", "mass"),
        ("mass", "", "mass"),
        ("mass", "ARCHITECTURAL_DISTORTION", "distortion"),
        ("mass", "IRREGULAR-ARCHITECTURAL_DISTORTION", "mass"),
        ("mass", "FOCAL_ASYMMETRIC_DENSITY", "asymmetry"),
        ("mass", "ASYMMETRIC_BREAST_TISSUE", "asymmetry"),
        ("calcification", "", "calcification"),
    ],
)
def test_a_mass_that_is_only_a_distortion_or_an_asymmetry_is_called_so(
    kind: str, shape: str, expected: str
) -> None:
    abnormality, _ = read_row({**ROW, "abnormality type": kind, "mass shape": shape})

    assert abnormality is not None
    assert abnormality.kind == expected


@pytest.mark.parametrize("pathology", ["BENIGN", "BENIGN_WITHOUT_CALLBACK"])
def test_both_kinds_of_benign_findings_are_benign(pathology: str) -> None:
    abnormality, _ = read_row({**ROW, "pathology": pathology})

    assert abnormality is not None
    assert abnormality.pathology == "benign"


def test_all_that_is_wrong_with_a_row_is_told() -> None:
    wrong = {
        **ROW,
        "patient_id": "",
        "left or right breast": "BOTH",
        "image view": "ML",
        "abnormality type": "cyst",
        "pathology": "UNPROVEN",
        "image file path": "../../etc/passwd",
    }

    assert read_row(wrong) == (
        None,
        [
            "left or right breast is 'BOTH'",
            "image view is 'ML'",
            "abnormality type is 'cyst'",
            "pathology is 'UNPROVEN'",
            "image file path is '../../etc/passwd'",
            "patient id is empty",
        ],
    )


def test_another_table_of_the_download_is_no_table_of_findings() -> None:
    assert not is_table(["Series UID", "Collection", "File Location"])


def test_a_density_on_which_the_rows_disagree_is_not_known() -> None:
    rows = [read_row({**ROW, "breast_density": density})[0] for density in ("2", "0", "2", "3")]

    assert one_density(row for row in rows[:3] if row) == "B"
    assert one_density(row for row in rows if row) == ""


def test_the_box_is_the_longest_extent_of_all_that_is_set() -> None:
    mask = np.zeros((41, 29), np.uint8)
    mask[10:20, 5] = 255
    mask[17, 3:9] = 255
    mask[30, 7] = 255

    assert extent(mask, rows=41, columns=29) == Box(3, 10, 9, 31)


def test_one_pixel_is_one_pixel_wide() -> None:
    mask = np.zeros((41, 29), np.uint8)
    mask[40, 28] = 1

    assert extent(mask, rows=41, columns=29) == Box(28, 40, 29, 41)


def test_a_mask_at_another_scale_is_scaled_along_each_axis() -> None:
    """Twice as wide and three times as high as the film: no mask is, but axes would show."""
    mask = np.zeros((123, 58), np.uint8)
    mask[30:60, 10:20] = 255

    assert extent(mask, rows=41, columns=29) == Box(5, 10, 10, 20)


def test_an_empty_mask_has_no_box() -> None:
    assert extent(np.zeros((41, 29), np.uint8), rows=41, columns=29) is None


@pytest.mark.parametrize(
    ("mask", "expected"),
    [((4386, 1789), True), ((4386, 1800), True), ((4386, 1850), False), ((1789, 4386), False)],
)
def test_a_mask_fits_a_film_of_nearly_the_same_shape(
    mask: tuple[int, int], *, expected: bool
) -> None:
    """One resampled to 5041 x 2056 fits, one 3 % too wide or lying on its side does not."""
    assert fits(mask, (5041, 2056)) is expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0, 255], True), ([0, 1, 1], True), ([0, 0], True), ([0, 1, 2], False), ([1, 2], False)],
)
def test_a_mask_has_two_values_and_a_picture_more(values: list[int], *, expected: bool) -> None:
    assert is_two_valued(np.array([values], np.uint16)) is expected


def test_findings_that_overlap_are_one_cancer_of_the_kind_of_the_largest() -> None:
    mass = malignant(10, 10, 30, 40)
    calcifications = malignant(25, 5, 35, 20, kind="calcification")

    assert merge_cancers([calcifications, mass]) == (malignant(10, 5, 35, 40),)


def test_findings_that_touch_are_one_cancer_and_those_apart_are_two() -> None:
    left, touching, apart = (
        malignant(0, 0, 10, 10),
        malignant(10, 0, 20, 10),
        malignant(21, 0, 30, 10),
    )

    assert merge_cancers([left, touching, apart]) == (malignant(0, 0, 20, 10), apart)
    assert merge_cancers([left, touching, apart], gap=1) == (malignant(0, 0, 30, 10),)


def test_boxes_that_meet_only_when_merged_are_one_cancer() -> None:
    """The third lies in the hull of the first two, in neither of them."""
    around = [malignant(0, 0, 10, 30), malignant(5, 25, 40, 35), malignant(20, 0, 30, 5)]

    assert merge_cancers(around) == (malignant(0, 0, 40, 35),)


def test_boxes_beside_each_other_in_one_axis_only_stay_apart() -> None:
    findings = (malignant(0, 0, 10, 10), malignant(5, 20, 15, 30))

    assert merge_cancers(findings) == findings


def test_benign_findings_stay_as_they_are_but_for_repetitions() -> None:
    cyst = CaseFinding("mass", "benign", Box(0, 0, 20, 20))
    other = CaseFinding("mass", "benign", Box(10, 10, 30, 30))
    cancer = malignant(5, 5, 15, 15)

    assert merge_cancers([cyst, cancer, other, cyst, cancer]) == (cancer, cyst, other)
