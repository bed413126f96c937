"""Studies as the report step gets them: stored headers and what became of each image."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset, dcmread, dcmwrite

from node.dicom.findings import Algorithm, Device, Finding, ImageResult, StudyResult
from node.dicom.geometry import Box
from node.dicom.part10 import to_bytes

NAMESPACE: Final = UUID("6d2fd4ea-8a0e-4d4f-9f4e-0b4f1f0c7a11")
COMPLETED_AT: Final = datetime(2024, 3, 5, 23, 30, 15, tzinfo=UTC)
DEVICE: Final = Device("Phantom Node Works", "mgnode", "0.1.0", "SN-7", "READER1")
ALGORITHM: Final = Algorithm(
    name="ueda2022",
    version="1.0+0a1b2c3d",
    weights_sha256="0a1b2c3d" * 8,
    device_uid="2.25.61952731",
    parameters=(
        "max_boxes=5",
        "score_threshold=0.3",
        "model=ueda2022",
        f"weights_sha256={'0a1b2c3d' * 8}",
        "model_card=Research, not for diagnosis. For CC and MLO views of digital mammograms.",
    ),
)
LESION: Final = Finding(Box(40.3, 50.7, 90.1, 120.9), 0.54321, 1)
SECOND_LESION: Final = Finding(Box(100.0, 200.25, 140.5, 260.0), 0.31, 2)


def stored(image: Dataset) -> Dataset:
    """Write an image and read its header back, as the report step does."""
    stream = BytesIO()
    dcmwrite(stream, image, enforce_file_format=True)
    stream.seek(0)
    return dcmread(stream, stop_before_pixels=True)


def make_study(
    images: Sequence[Dataset],
    *,
    findings: dict[int, tuple[Finding, ...]] | None = None,
    not_analysed: dict[int, str] | None = None,
    notes: dict[int, tuple[str, ...]] | None = None,
    candidates: dict[int, tuple[Finding, ...]] | None = None,
    **study: Any,
) -> StudyResult:
    """Make a study's result; the dictionaries are keyed by an image's place in ``images``.

    An image with pixels is written and its header read back; a header is taken as it is.
    """
    return StudyResult(
        images=tuple(
            ImageResult(
                header=stored(image) if "PixelData" in image else image,
                findings=(findings or {}).get(place, ()),
                not_analysed=(not_analysed or {}).get(place, ""),
                notes=(notes or {}).get(place, ()),
                candidates=(candidates or {}).get(place, ()),
            )
            for place, image in enumerate(images)
        ),
        **{
            "algorithm": ALGORITHM,
            "device": DEVICE,
            "completed_at": COMPLETED_AT,
            "namespace": NAMESPACE,
            **study,
        },
    )


def grey_of(header: Dataset) -> NDArray[np.uint8]:
    """Draw a picture of the header's size that is nowhere green: a grey ramp."""
    ramp = np.linspace(0, 200, header.Columns).astype(np.uint8)
    return np.tile(ramp, (header.Rows, 1))


def written(dataset: Dataset) -> FileDataset:
    """Write a result and read it back."""
    return dcmread(BytesIO(to_bytes(dataset)))


def raw_value(dataset: Dataset, keyword: str) -> bytes:
    """Give the bytes of an element as they stand in the file it was read from."""
    element = dataset.get_item(keyword)
    assert element is not None, f"{keyword} is absent"
    assert element.is_raw, f"{keyword} is decoded already"
    return element.value or b""
