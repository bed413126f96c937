"""Synthetic studies of every sort, each through the whole node: received, analysed, reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset, dcmread
from pydicom.uid import (
    BreastTomosynthesisImageStorage,
    DigitalMammographyXRayImageStorageForProcessing,
    JPEGLSLossless,
    SecondaryCaptureImageStorage,
)
from sqlalchemy import select

from models.detector import Detection, Detections
from node.db.session import Database
from node.db.tables import Instance
from node.db.upgrade import upgrade
from node.dicom.geometry import Box
from tests.contract.written import (
    Mark,
    ResultFile,
    StudyFiles,
    everything,
    write_images,
)
from tests.factories import (
    BITS_STORED,
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    coded,
    make_mammogram,
    phantom,
    stable_uid,
    with_frame,
)
from tests.working_node import ScriptedDetector, WorkingNode, working_node

ROWS, COLUMNS = 997, 773
WHITE: Final = 2**BITS_STORED - 1
VIEWS: Final = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))

# Depth from the chest wall and height as parts of the picture, half axes in pixels.
Lesion = tuple[float, float, int, int]
ONE: Final[Lesion] = (0.40, 0.35, 38, 27)
LOW: Final[Lesion] = (0.25, 0.66, 21, 33)
SMALL: Final[Lesion] = (0.55, 0.52, 9, 9)


@dataclass(frozen=True)
class Study:
    """Images in the order in which they come; ``late`` ones come when all is reported."""

    images: list[FileDataset]
    late: list[FileDataset] = field(default_factory=list)


def breast(side: str, *lesions: Lesion) -> NDArray[np.uint16]:
    """Draw a breast with white lesions; nothing else in it is white."""
    pixels = np.minimum(phantom(rows=ROWS, columns=COLUMNS, laterality=side), WHITE - 100)
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    for depth, height, half_width, half_height in lesions:
        column = depth if side == "L" else 1.0 - depth
        distance = ((x - column * COLUMNS) / half_width) ** 2
        distance += ((y - height * ROWS) / half_height) ** 2
        pixels[distance <= 1.0] = WHITE
    return pixels.astype(np.uint16)


def view(side: str, name: str, *lesions: Lesion, **attributes: Any) -> FileDataset:
    """Make one image; MONOCHROME1 ones have their pixels inverted."""
    pixels = breast(side, *lesions)
    if attributes.get("photometric") == "MONOCHROME1":
        pixels = WHITE - pixels
    return make_mammogram(view=name, laterality=side, pixels=pixels, **attributes)


def four_views(*lesions: Lesion, **attributes: Any) -> list[FileDataset]:
    """Make the usual views, with the lesions in both of the left breast."""
    return [
        view(side, name, *(lesions if side == "L" else ()), InstanceNumber=number, **attributes)
        for number, (side, name) in enumerate(VIEWS, start=1)
    ]


def with_voi_lut() -> Study:
    curve = np.round(WHITE * np.linspace(0, 1, WHITE + 1) ** 1.5).astype(np.uint16)
    images = four_views(ONE, WindowCenter=None, WindowWidth=None)
    for image in images:
        item = Dataset()
        item.add_new("LUTDescriptor", "US", [len(curve), 0, BITS_STORED])
        item.LUTExplanation = "NORMAL"
        item.add_new("LUTData", "US", curve.tolist())
        image.VOILUTSequence = [item]
    return Study(images)


def with_implants() -> Study:
    images = four_views(ONE, BreastImplantPresent="YES")
    displaced = coded("399209000", "SCT", "Implant Displaced")
    images[-1].ViewCodeSequence[0].ViewModifierCodeSequence = [displaced]
    return Study(images)


def with_magnification() -> Study:
    magnified = view("L", "ML", ONE, EstimatedRadiographicMagnificationFactor="1.8")
    modifier = coded("399163009", "SCT", "Magnification")
    magnified.ViewCodeSequence[0].ViewModifierCodeSequence = [modifier]
    return Study([*four_views(ONE), magnified])


def raw_only() -> Study:
    raw = {
        "SOPClassUID": DigitalMammographyXRayImageStorageForProcessing,
        "PresentationIntentType": "FOR PROCESSING",
    }
    return Study(four_views(ONE, **raw))


def of_two_patients() -> Study:
    study = stable_uid("two patients")
    names = ("Example^Anna", "MG-0001"), ("Example^Berta", "MG-0002")
    return Study(
        [
            view(
                side,
                "CC",
                *(ONE if side == "L" else LOW,),
                patient_name=name,
                patient_id=patient,
                study_instance_uid=study,
                series_instance_uid=stable_uid("series", patient, side),
            )
            for name, patient in names
            for side in ("R", "L")
        ]
    )


def with_tomosynthesis() -> Study:
    tomosynthesis = view(
        "L", "CC", SOPClassUID=BreastTomosynthesisImageStorage, series_instance_uid="1.2.70"
    )
    return Study([*four_views(ONE), tomosynthesis])


def films() -> Study:
    film = {
        "SOPClassUID": SecondaryCaptureImageStorage,
        "ConversionType": "DF",
        "PresentationIntentType": None,
    }
    return Study(four_views(ONE, **film))


def one_corrupt() -> Study:
    *whole, last = four_views(ONE)
    corrupt = with_frame(JPEGLSLossless, b"\xff\xd8 no picture", laterality="L", view="MLO")
    corrupt.InstanceNumber = last.InstanceNumber
    return Study([*whole, corrupt])


STUDIES: Final[dict[str, Callable[[], Study]]] = {
    "study with findings": lambda: Study(four_views(ONE)),
    "study without findings": lambda: Study(four_views()),
    "study MONOCHROME1": lambda: Study(four_views(ONE, photometric="MONOCHROME1")),
    "study two windows": lambda: Study(
        four_views(
            ONE,
            WindowCenter=["2048", "1200"],
            WindowWidth=["4096", "900"],
            WindowCenterWidthExplanation=["NORMAL", "HARDER"],
        )
    ),
    "study VOI LUT": with_voi_lut,
    "study Japanese": lambda: Study(
        four_views(ONE, patient_name=JAPANESE_NAME, specific_character_set=JAPANESE_CHARACTER_SET)
    ),
    "study Korean": lambda: Study(
        four_views(
            ONE,
            patient_name="Hong^Gildong=洪^吉洞=홍^길동",
            specific_character_set=["", "ISO 2022 IR 149"],
        )
    ),
    "study type 2 missing": lambda: Study(
        four_views(
            ONE,
            **dict.fromkeys(("AccessionNumber", "StudyID", "PatientBirthDate", "PatientSex")),
            **dict.fromkeys(("StudyTime", "ReferringPhysicianName", "PatientOrientation")),
        )
    ),
    "study implant": with_implants,
    "study magnification": with_magnification,
    "study For Processing only": raw_only,
    "study mixed patients": of_two_patients,
    "study late image": lambda: Study(four_views(ONE)[:3], four_views(ONE)[3:]),
    "study tomosynthesis": with_tomosynthesis,
    "study film": films,
    "study one image corrupt": one_corrupt,
    "study bilateral multiple": lambda: Study(
        [view(side, name, ONE, LOW, SMALL) for side, name in VIEWS]
    ),
    "study six views": lambda: Study(
        [*four_views(ONE), view("R", "XCCL", LOW), view("L", "XCCL", ONE)]
    ),
}


class LesionFinder(ScriptedDetector):
    """Finds what is white in the picture that it is given, and nothing else."""

    def detect_many(
        self, images: Sequence[NDArray[np.uint8]], *, score_threshold: float, max_boxes: int
    ) -> list[Detections]:
        found = []
        for image in images:
            _, _, areas, _ = cv2.connectedComponentsWithStats((image >= 253).astype(np.uint8))
            boxes = [
                Detection(x, y, x + width, y + height, score=0.35 + min(area, 5000) / 10_000)
                for x, y, width, height, area in areas[1:].astype(float).tolist()
            ]
            kept = sorted((b for b in boxes if b.score >= score_threshold), key=lambda b: -b.score)
            found.append(Detections(tuple(kept[:max_boxes]), network_seconds=0.0))
        return found


def lesions_of(image: FileDataset) -> list[Box]:
    """Give the boxes around what ``breast`` painted white, in stored pixels."""
    pixels = image.pixel_array
    white = pixels == (0 if image.PhotometricInterpretation == "MONOCHROME1" else WHITE)
    _, _, areas, _ = cv2.connectedComponentsWithStats(white.astype(np.uint8))
    return [Box(x, y, x + width, y + height) for x, y, width, height, _ in areas[1:].tolist()]


def write_study(name: str, folder: Path) -> StudyFiles:
    """Take a study's images through a node of its own; give them and all that it made."""
    study = STUDIES[name]()
    url = f"sqlite:///{folder / 'node.db'}"
    upgrade(url)
    database = Database(url)
    node = working_node(
        folder / "storage",
        database,
        profiles={"standard": everything().model_dump()},
        results={"identity_conflict": "separate"},
    )
    node.detector = LesionFinder()
    results: list[ResultFile] = []
    for images in (study.images, study.late):
        if images:
            node.report(node.complete(images))
            results = [*_new_results(node, {result.path for result in results}), *results]
    marks = tuple(mark for _, mark in _marks(node))
    database.dispose()
    return StudyFiles(name, write_images(study.images + study.late, folder), tuple(results), marks)


def _marks(node: WorkingNode) -> list[tuple[str, Mark]]:
    """List what was found, each with the Patient ID of its image."""
    with node.database.read() as session:
        images = list(session.scalars(select(Instance)))
    return [
        (
            str(dcmread(node.layout.absolute(image.path), stop_before_pixels=True).PatientID),
            Mark(
                image.sop_instance_uid,
                Box(row.x0, row.y0, row.x1, row.y1),
                f"{100 * row.score:.1f}",
            ),
        )
        for image in images
        for row in node.boxes(image.id)
    ]


def _new_results(node: WorkingNode, known: set[Path]) -> list[ResultFile]:
    """List what the last report made, beside it the marks on its patient's images."""
    marks = _marks(node)
    found = []
    for row in node.results():
        path = node.layout.absolute(row.path)
        if path in known:
            continue
        patient = str(node.result(row).PatientID)
        due = tuple(mark for owner, mark in marks if owner == patient)
        made_from = row.source_instance_id
        source = node.instance(made_from).sop_instance_uid if made_from else ""
        found.append(ResultFile(row.kind, path, source, due))
    return found
