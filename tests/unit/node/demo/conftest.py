"""A study's images as sent and its results as received, made by the real builders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from pydicom import Dataset, FileDataset, dcmread

from node.demo.checks import Check, check_results
from node.dicom.cad_report import build_cad_report
from node.dicom.findings import Algorithm, Device, Finding, ImageResult, StudyResult
from node.dicom.geometry import Box
from node.dicom.measurement_report import build_measurement_report
from node.dicom.overlay import build_overlay
from node.dicom.part10 import to_bytes
from tests.factories import (
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    four_view_study,
    save_to_folder,
    stable_uid,
)
from tests.overlays import with_long_side

LCC_BOX = Box(10.25, 200.5, 90.0, 330.75)


@dataclass(frozen=True)
class Exchanged:
    """A study's files as sent and received: the report, the overlays, the CAD SR (number 5)."""

    sources: list[Path]
    results: list[Path]

    def failed(self) -> set[str]:
        """Names of the checks that fail now."""
        return {check.name for check in self.checks() if not check.passed}

    def checks(self) -> list[Check]:
        return check_results(self.sources, self.results)

    def change(self, number: int, tamper: Callable[[FileDataset], object]) -> None:
        """Change the received file ``number``."""
        path = self.results[number]
        dataset = dcmread(path)
        tamper(dataset)
        dataset.save_as(path)


@pytest.fixture
def exchanged(tmp_path: Path) -> Exchanged:
    images = four_view_study(
        patient_name=JAPANESE_NAME, specific_character_set=JAPANESE_CHARACTER_SET
    )
    sources = save_to_folder(images, tmp_path / "sent")
    results = [
        ImageResult(
            header=_header(path),
            findings=(Finding(LCC_BOX, 0.8125, 1),) if number == 1 else (),
            not_analysed="",
        )
        for number, path in enumerate(sources)
    ]
    study = StudyResult(
        images=tuple(results),
        algorithm=Algorithm("reference", "1", "0" * 64, stable_uid("device"), ()),
        device=Device("mgnode", "mgnode", "0.1.0", "0", "MGNODE"),
        completed_at=datetime(2024, 2, 29, 8, 5, 9, tzinfo=UTC),
        namespace=UUID("3c9d2a7e-54c8-4f0b-9d4e-0c7a1f2b3d4e"),
    )
    grey = np.zeros((images[0].Rows, images[0].Columns), np.uint8)
    objects = [
        build_measurement_report(study),
        *(build_overlay(with_long_side(study, 200), result, grey) for result in results),
        build_cad_report(study),
    ]
    folder = tmp_path / "received"
    folder.mkdir()
    written = []
    for number, dataset in enumerate(objects):
        written.append(folder / f"{number:04d}.dcm")
        written[-1].write_bytes(to_bytes(dataset))
    return Exchanged(sources, written)


def _header(path: Path) -> Dataset:
    return dcmread(path, stop_before_pixels=True)
