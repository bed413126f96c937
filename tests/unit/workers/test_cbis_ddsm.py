"""A CBIS-DDSM folder with the faults of the real one becomes cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.cases.case import Box, Case, CaseFinding
from node.errors import StopError
from tests.cbis_folder import COLUMNS, ROWS, CbisFolder, write_dicom
from workers.cbis_ddsm import Collection, Import
from workers.image_files import read_image

FILM = "Mass-Training_P_00001_LEFT_CC"
TWIN = "Calc-Test_P_00001_LEFT_CC"


@pytest.fixture
def made(tmp_path: Path) -> CbisFolder:
    return CbisFolder(tmp_path)


def imported(made: CbisFolder, *, gap: float = 0.0) -> Import:
    collection = Collection(made.write_tables())
    result = Import(left_out=list(collection.problems))
    for film in sorted(collection.films):
        collection.case(film, result, gap=gap)
    return result


def only(made: CbisFolder) -> Case:
    result = imported(made)
    assert result.left_out == []
    (case,) = result.cases
    return case


def test_a_film_with_a_cancer_becomes_a_case(made: CbisFolder) -> None:
    path = made.film(FILM)
    made.finding(FILM, 1, (40, 60, 81, 99))
    made.row(FILM, 1, "MALIGNANT", density="3")

    assert only(made) == Case(
        image=path,
        image_id=path.as_posix(),
        patient="P_00001",
        side="L",
        view="CC",
        density="C",
        source="film",
        findings=(CaseFinding("mass", "malignant", Box(40, 60, 81, 99)),),
    )


def test_the_film_is_one_that_the_detector_reads(made: CbisFolder) -> None:
    made.film(FILM)
    made.finding(FILM, 1, (40, 60, 81, 99))
    made.row(FILM, 1, "BENIGN")

    assert read_image(only(made).image).shape == (ROWS, COLUMNS)


def test_a_mask_is_known_by_what_it_is_and_not_by_its_name(made: CbisFolder) -> None:
    made.film(FILM)
    made.finding(FILM, 1, (40, 60, 81, 99), swapped=True)
    made.row(FILM, 1, "MALIGNANT")

    assert only(made).boxes == ((40, 60, 81, 99),)


def test_a_cropped_picture_of_the_films_shape_is_not_taken_for_the_mask(
    made: CbisFolder,
) -> None:
    made.film(FILM)
    made.finding(FILM, 1, (40, 60, 81, 99))
    grey = np.linspace(0, 255, ROWS * COLUMNS).reshape(ROWS, COLUMNS).astype(np.uint8)
    made.file(f"{FILM}_1", "1.000000-ROI mask images-18515/1-0.dcm", grey)
    made.row(FILM, 1, "MALIGNANT")

    assert only(made).boxes == ((40, 60, 81, 99),)


def test_the_same_film_in_both_tables_is_one_case(made: CbisFolder) -> None:
    """Its mass and its calcifications overlap: one cancer. Training or test is all the same."""
    path = made.film(TWIN)
    made.film(FILM)
    made.finding(FILM, 1, (40, 60, 81, 99))
    made.finding(TWIN, 1, (70, 90, 101, 121))
    made.row(FILM, 1, "MALIGNANT")
    made.row(TWIN, 1, "MALIGNANT")

    case = only(made)

    assert case.image == path
    assert case.findings == (CaseFinding("mass", "malignant", Box(40, 60, 101, 121)),)


def test_cancers_apart_are_several_unless_they_are_told_to_be_one(made: CbisFolder) -> None:
    made.film(FILM)
    made.finding(FILM, 1, (40, 60, 81, 99))
    made.finding(FILM, 2, (90, 60, 121, 99))
    made.row(FILM, 1, "MALIGNANT")
    made.row(FILM, 2, "MALIGNANT")

    assert only(made).boxes == ((40, 60, 81, 99), (90, 60, 121, 99))
    assert imported(made, gap=9).cases[0].boxes == ((40, 60, 121, 99),)


def test_benign_findings_are_kept_and_make_no_malignant_image(made: CbisFolder) -> None:
    made.film(FILM)
    made.finding(FILM, 1, (40, 60, 81, 99))
    made.finding(FILM, 2, (50, 70, 91, 109))
    made.row(FILM, 1, "BENIGN_WITHOUT_CALLBACK")
    made.row(FILM, 2, "BENIGN")

    case = only(made)

    assert not case.is_malignant
    assert [finding.box for finding in case.findings] == [(40, 60, 81, 99), (50, 70, 91, 109)]


def test_a_mask_of_another_size_and_the_same_shape_is_scaled(made: CbisFolder) -> None:
    made.film(FILM)
    made.finding(FILM, 1, (80, 120, 162, 198), shape=(2 * ROWS, 2 * COLUMNS))
    made.row(FILM, 1, "MALIGNANT")

    assert only(made).boxes == ((40, 60, 81, 99),)


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("shape", "no file has the shape of the film, 257 x 331"),
        ("empty", "its mask is empty"),
        ("missing", "there is no mask"),
        ("cut", "1-1.dcm cannot be read"),
    ],
)
@pytest.mark.parametrize("pathology", ["MALIGNANT", "BENIGN"])
def test_a_film_is_left_out_for_the_lost_mask_of_a_cancer_alone(
    made: CbisFolder, broken: str, expected: str, pathology: str
) -> None:
    """An unmarked cancer would make a right answer wrong; an unmarked cyst harms nobody."""
    made.film(FILM)
    made.finding(FILM, 1, (40, 60, 81, 99))
    made.row(FILM, 1, "BENIGN")
    made.row(FILM, 2, pathology)
    if broken == "shape":
        made.finding(FILM, 2, (4, 6, 8, 9), shape=(ROWS, ROWS))
    elif broken != "missing":
        made.finding(FILM, 2, None if broken == "empty" else (4, 6, 8, 9))
    if broken == "cut":
        (mask,) = made.folder.rglob(f"{FILM}_2/*/*/1-1.dcm")
        mask.write_bytes(mask.read_bytes()[:-99])

    result = imported(made)

    told = f"P_00001 L CC: {FILM}_2: {expected}"
    if pathology == "MALIGNANT":
        assert (result.cases, result.left_out) == ([], [told])
    else:
        assert [len(case.findings) for case in result.cases] == [1]
        assert result.notes == [f"{told}; its benign box is left out"]


def test_a_film_that_was_not_downloaded_is_left_out(made: CbisFolder) -> None:
    made.row(FILM, 1, "BENIGN")

    assert imported(made).left_out == [f"P_00001 L CC: there is no film in {FILM}"]


def test_a_row_that_cannot_be_used_is_told_with_its_table_and_line(made: CbisFolder) -> None:
    made.film(FILM)
    made.finding(FILM, 1, (40, 60, 81, 99))
    made.row(FILM, 1, "BENIGN")
    made.row(FILM, 2, "PERHAPS")

    result = imported(made)

    # The line on which the row ends: each row's last path ends in a line break of its own.
    assert result.left_out == ["mass_case_description_train_set.csv line 5: pathology is 'PERHAPS'"]
    assert len(result.cases) == 1


def test_files_in_folders_of_other_names_are_known_by_their_patient_id(tmp_path: Path) -> None:
    """As other ways of downloading lay them out: by UID."""
    made = CbisFolder(tmp_path)
    made.film(FILM)
    made.finding(FILM, 1, (40, 60, 81, 99))
    made.row(FILM, 1, "MALIGNANT")
    for number, path in enumerate(sorted(tmp_path.rglob("*.dcm"))):
        path.rename(tmp_path / f"1.2.{number}.dcm")

    assert only(made).boxes == ((40, 60, 81, 99),)


def test_what_is_no_dicom_file_does_not_stop_the_others(made: CbisFolder) -> None:
    made.film(FILM)
    made.finding(FILM, 1, (40, 60, 81, 99))
    made.row(FILM, 1, "MALIGNANT")
    (made.folder / "notes.dcm").write_text("no image")
    write_dicom(made.folder / "other.dcm", "", np.zeros((9, 9), np.uint8))

    assert only(made).boxes == ((40, 60, 81, 99),)


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("Series UID,Collection\n")

    with pytest.raises(StopError, match="there is no table of CBIS-DDSM"):
        Collection(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StopError, match="there is no folder"):
        Collection(tmp_path / "none")
