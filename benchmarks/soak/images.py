"""Thousands of different mammograms from a few files: only the identifiers are written anew."""

from __future__ import annotations

import hashlib
import io
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydicom import FileDataset, dcmread
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from node.demo.data_set import data_set_offset
from tests.factories import make_mammogram
from tests.requirements import program

ROWS: Final = 161
COLUMNS: Final = 129
VIEWS: Final = (("CC", "R"), ("CC", "L"), ("MLO", "R"), ("MLO", "L"))

PROPOSALS: Final = {
    str(ExplicitVRLittleEndian): "-xe",
    str(ImplicitVRLittleEndian): "-xi",
    str(ExplicitVRBigEndian): "-xb",
    str(RLELossless): "-xr",
    str(JPEGLosslessSV1): "-xs",
    str(JPEGLSLossless): "-xt",
    str(JPEG2000Lossless): "-xv",
}
"""Transfer syntax -> the option with which storescu proposes it."""

_COMPRESSED: Final = (RLELossless, JPEGLSLossless, JPEG2000Lossless)
# All of one length, that of the identifiers which take their places.
_STUDY: Final = "2.25.100000000000000000000000000000000000001"
_SERIES: Final = "2.25.100000000000000000000000000000000000002"
_INSTANCE: Final = "2.25.100000000000000000000000000000000000003"
_PATIENT: Final = "SOAK-0000000000"


@dataclass(frozen=True)
class Image:
    """One mammogram as a Part 10 file in memory."""

    sop_instance_uid: str
    transfer_syntax_uid: str
    part10: bytes

    @property
    def data_set(self) -> bytes:
        """The bytes after the File Meta Information, as they cross the network."""
        return self.part10[data_set_offset(io.BytesIO(self.part10)) :]


@dataclass(frozen=True)
class Study:
    """Images of one patient, in one transfer syntax or in several."""

    number: int
    study_instance_uid: str
    images: tuple[Image, ...]

    @property
    def is_uniform(self) -> bool:
        """Whether one transfer syntax holds for all of its images."""
        return len({image.transfer_syntax_uid for image in self.images}) == 1


class ImageStock:
    """Gives studies by their number; the same number gives the same bytes.

    Parameters
    ----------
    folder : Path
        For DCMTK's encoder of JPEG Lossless, which no Python package has.
    key : str
        Another key gives other identifiers.
    """

    def __init__(self, folder: Path, *, key: str) -> None:
        self._key = key
        self._templates = {
            (view, syntax): _template(folder, *view, syntax)
            for view in VIEWS
            for syntax in PROPOSALS
        }

    def study(self, number: int, *, views: int = 4) -> Study:
        """Make one; every fourth has a transfer syntax of its own for each view."""
        syntaxes = list(PROPOSALS)
        step = 1 if number % 4 == 3 else 0
        uid = self._uid("study", number)
        images = []
        for index, view in enumerate(VIEWS[:views]):
            syntax = syntaxes[(number + step * index) % len(syntaxes)]
            instance = self._uid("instance", number, index)
            names = {
                _STUDY: uid,
                _SERIES: self._uid("series", number, index),
                _INSTANCE: instance,
                _PATIENT: f"SOAK-{number:010d}",
            }
            part10 = self._templates[view, syntax]
            for placeholder, name in names.items():
                part10 = part10.replace(placeholder.encode(), name.encode())
            images.append(Image(instance, syntax, part10))
        return Study(number, uid, tuple(images))

    def _uid(self, *what: object) -> str:
        digest = hashlib.sha256("/".join(map(str, (self._key, *what))).encode()).digest()
        # 39 digits below 2 to the power of 128, so that all have one length.
        return f"2.25.{10**38 + int.from_bytes(digest[:16]) % (2 * 10**38)}"


def _template(folder: Path, view: str, side: str, syntax: str) -> bytes:
    is_native = syntax not in (*_COMPRESSED, JPEGLosslessSV1)
    image = make_mammogram(
        view=view,
        laterality=side,
        rows=ROWS,
        columns=COLUMNS,
        patient_id=_PATIENT,
        study_instance_uid=_STUDY,
        series_instance_uid=_SERIES,
        sop_instance_uid=_INSTANCE,
        transfer_syntax=syntax if is_native else ExplicitVRLittleEndian,
    )
    if syntax in _COMPRESSED:
        image.compress(syntax, generate_instance_uid=False)
    encoded = _encoded(image)
    return encoded if syntax != JPEGLosslessSV1 else _jpeg_lossless(folder, encoded)


def _encoded(image: FileDataset) -> bytes:
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _jpeg_lossless(folder: Path, plain: bytes) -> bytes:
    source, target = folder / "plain.dcm", folder / "jpeg.dcm"
    source.write_bytes(plain)
    run_dcmtk("dcmcjpeg", "+e1", str(source), str(target))
    # Written anew by pydicom, so that no padding of DCMTK's stays in the file.
    return _encoded(dcmread(target))


def run_dcmtk(name: str, *arguments: str) -> None:
    """Run one of DCMTK's programs, which must succeed."""
    command: Sequence[str] = [str(program(name)), *arguments]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - no shell
