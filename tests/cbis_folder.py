"""A small CBIS-DDSM folder with real DICOM files, and with the faults of the real one."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from tests.factories import stable_uid

ROWS, COLUMNS = 331, 257
MASS_COLUMNS = [
    "patient_id",
    "breast_density",
    "left or right breast",
    "image view",
    "abnormality id",
    "abnormality type",
    "mass shape",
    "mass margins",
    "assessment",
    "pathology",
    "subtlety",
    "image file path",
    "cropped image file path",
    "ROI mask file path",
]
CALC_COLUMNS = [
    {"breast_density": "breast density", "mass shape": "calc type"}.get(name, name)
    for name in MASS_COLUMNS
]


class CbisFolder:
    """Adds films and findings to a folder; ``write_tables`` comes last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[str, list[list[str]]] = {}

    def film(self, name: str, *, rows: int = ROWS, columns: int = COLUMNS) -> Path:
        """Write a film as the NBIA retriever names it."""
        grey = np.linspace(0, 60_000, rows * columns).reshape(rows, columns).astype(np.uint16)
        return self.file(name, "1.000000-full mammogram images-63992/1-1.dcm", grey)

    def finding(
        self,
        film: str,
        number: int,
        box: tuple[int, int, int, int] | None,
        *,
        swapped: bool = False,
        shape: tuple[int, int] = (ROWS, COLUMNS),
    ) -> None:
        """Write the mask and the cropped picture, the latter first when they are exchanged."""
        mask = np.zeros(shape, np.uint8)
        if box is not None:
            x0, y0, x1, y1 = box
            # Diamond-like: the extent is that of the middle, not of the first row.
            mask[(y0 + y1) // 2, x0:x1] = 255
            mask[y0:y1, (x0 + x1) // 2] = 255
        cropped = np.linspace(0, 60_000, 40 * 30).reshape(40, 30).astype(np.uint16)
        first, second = (cropped, mask) if swapped else (mask, cropped)
        self.file(f"{film}_{number}", "1.000000-ROI mask images-18515/1-1.dcm", first)
        self.file(f"{film}_{number}", "1.000000-ROI mask images-18515/1-2.dcm", second)

    def row(
        self,
        film: str,
        number: int,
        pathology: str,
        *,
        density: str = "2",
        shape: str = "IRREGULAR",
    ) -> None:
        """Add a row to the table that the film's name says."""
        kind, _, rest = film.partition("-")
        part, patient, side, view = rest.split("_", 1)[0], *_parts(film)
        is_mass = kind == "Mass"
        table = f"{kind.lower()}_case_description_{'train' if part == 'Training' else 'test'}_set"
        uids = f"{stable_uid(film)}/{stable_uid(film, 'series')}"
        self.rows.setdefault(table, []).append(
            [
                patient,
                density,
                side,
                view,
                str(number),
                "mass" if is_mass else "calcification",
                shape if is_mass else "PLEOMORPHIC",
                "SPICULATED",
                "4",
                pathology,
                "3",
                f"{film}/{uids}/000000.dcm",
                f"{film}_{number}/{uids}/000001.dcm",
                f"{film}_{number}/{uids}/000000.dcm\n",
            ]
        )

    def write_tables(self) -> Path:
        for table, rows in self.rows.items():
            with (self.folder / f"{table}.csv").open("w", newline="") as stream:
                writer = csv.writer(stream)
                writer.writerow(MASS_COLUMNS if table.startswith("mass") else CALC_COLUMNS)
                writer.writerows(rows)
        (self.folder / "metadata.csv").write_text("Series UID,Collection\n1.2,CBIS-DDSM\n")
        return self.folder

    def file(self, name: str, below: str, pixels: NDArray[np.generic]) -> Path:
        path = self.folder / "CBIS-DDSM" / name / "07-20-2016-DDSM-NA-96009" / below
        path.parent.mkdir(parents=True, exist_ok=True)
        write_dicom(path, name, pixels)
        return path


def write_dicom(path: Path, patient_id: str, pixels: NDArray[np.generic]) -> None:
    """Write a Secondary Capture as the collection has them, MONOCHROME2 of 8 or 16 bits."""
    uid = stable_uid(patient_id, path.name, hashlib.sha256(pixels.tobytes()).hexdigest())
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image = FileDataset(None, {}, preamble=b"\0" * 128, file_meta=meta)
    image.SOPClassUID = SecondaryCaptureImageStorage
    image.SOPInstanceUID = uid
    image.StudyInstanceUID = stable_uid(patient_id, "study")
    image.SeriesInstanceUID = stable_uid(patient_id, "series")
    image.Modality = "MG"
    image.ConversionType = "WSD"
    image.BodyPartExamined = "BREAST"
    image.PatientID = patient_id
    image.PatientName = patient_id
    image.Rows, image.Columns = pixels.shape
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.BitsAllocated = image.BitsStored = 8 * pixels.dtype.itemsize
    image.HighBit = image.BitsStored - 1
    image.PixelRepresentation = 0
    data = pixels.tobytes()
    image.PixelData = data + b"\0" * (len(data) % 2)
    image["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    image.save_as(path, enforce_file_format=True)


def _parts(film: str) -> tuple[str, str, str]:
    """Give patient, side and view of a name like Mass-Training_P_00001_LEFT_CC."""
    _, p, number, side, view = film.split("_")
    return f"{p}_{number}", side, view
