"""The images of a run at the network's scale, each decoded once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.cases.case import Case
from models.letterbox import Frame, letterbox
from models.preprocess import prepare
from models.spec import ModelSpec, Resize
from models.training.errors import TrainingError, UnreadableImage, UnreadableImages

Read = Callable[[Path], NDArray[np.uint8]]
"""Gives (rows, columns) or (rows, columns, 3), or raises ``UnreadableImage``."""

FORMAT: Final = "1"
"""Part of a stored picture's name: changes when the same file would give other pixels."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One image in the network's input.

    Parameters
    ----------
    pixels : ndarray of uint8, (side, side) or (side, side, 3)
        Letterboxed, black around it.
    frame : Frame
    boxes : ndarray of float64, (lesions, 4)
        The malignant ones, in pixels of the input, edge coordinates.
    """

    pixels: NDArray[np.uint8]
    frame: Frame
    boxes: NDArray[np.float64]


class PictureStore:
    """Letterboxed pictures in a folder, one file for each image.

    Parameters
    ----------
    folder : Path
        Of the pictures; may be shared by runs. The system keeps in memory what fits.
    """

    def __init__(self, folder: Path, spec: ModelSpec, read: Read) -> None:
        if spec.resize != Resize.LETTERBOX:
            raise TrainingError(f"training needs letterboxed input, {spec.name} has {spec.resize}")
        self._folder = folder
        self._spec = spec
        self._read = read

    def fill(self, cases: Sequence[Case], *, workers: int) -> Iterator[Case]:
        """Decode what is not stored yet, and give each case when it is done.

        Raises
        ------
        UnreadableImages
            After the last: every image that cannot be read, and every box outside its image.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        problems: list[str] = []
        with ThreadPoolExecutor(workers) as pool:
            for case, problem in zip(cases, pool.map(self._problem, cases), strict=True):
                if problem:
                    problems.append(problem)
                yield case
        if problems:
            raise UnreadableImages(problems)

    def load(self, case: Case) -> Picture:
        """Give a picture that ``fill`` has stored."""
        with np.load(self._path(case.image)) as stored:
            pixels, (rows, columns) = stored["pixels"], stored["size"].tolist()
        frame = letterbox(rows, columns, self._spec.side)
        return Picture(pixels, frame, input_boxes(case, frame))

    def _problem(self, case: Case) -> str:
        """Store a picture; give what is wrong with it, or nothing."""
        try:
            rows, columns = self._stored(case.image)
        except UnreadableImage as error:
            return f"{case.image}: {error}"
        return next(case.outside(rows=rows, columns=columns), "")

    def _stored(self, image: Path) -> tuple[int, int]:
        try:
            path = self._path(image)
            if not path.exists():
                self._store(path, self._read(image))
            with np.load(path) as stored:
                rows, columns = stored["size"].tolist()
        except OSError as error:
            raise UnreadableImage(error.strerror or type(error).__name__) from error
        return rows, columns

    def _store(self, path: Path, image: NDArray[np.uint8]) -> None:
        grey = image.ndim == 3 and bool((image == image[:, :, :1]).all())
        pixels = prepare(image[:, :, 0] if grey else image, self._spec).pixels
        pixels = np.rint(pixels + np.asarray(self._spec.channel_means, np.float32))
        if image.ndim == 2 or grey:
            pixels = pixels[:, :, 0]
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")
        with partial.open("wb") as file:
            np.savez(file, pixels=pixels.astype(np.uint8), size=np.array(image.shape[:2]))
        partial.replace(path)

    def _path(self, image: Path) -> Path:
        """Name the stored picture by the file's place, size and time: another file is another."""
        about = image.stat()
        key = f"{FORMAT} {self._spec.side} {image.resolve()} {about.st_size} {about.st_mtime_ns}"
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.npz"


def input_boxes(case: Case, frame: Frame) -> NDArray[np.float64]:
    """Map the malignant boxes of a case into the network's input, (lesions, 4)."""
    boxes: NDArray[np.float64] = np.array(case.boxes, np.float64).reshape(-1, 4)
    x, y = frame.width / frame.columns, frame.height / frame.rows
    offset = np.array([frame.left, frame.top, frame.left, frame.top], np.float64)
    return np.asarray(boxes * np.array([x, y, x, y]) + offset)
