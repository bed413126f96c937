"""The detector as the rest of the program sees it: an image in, boxes out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models import backend
from models.network import Network
from models.postprocess import detections
from models.preprocess import prepare
from models.spec import ModelSpec
from models.weights import check_file


@dataclass(frozen=True, slots=True)
class Detection:
    """One box in pixels of the given image, and its score from 0 to 1.

    Edge coordinates, clipped: (0, 0) is the outer corner of the first pixel and
    (columns, rows) that of the last one, so a box around one pixel is 1.0 wide. Never
    empty.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    score: float


@dataclass(frozen=True, slots=True)
class Detections:
    """The boxes of one image by falling score, and the network's own time."""

    boxes: tuple[Detection, ...]
    network_seconds: float


class Detector:
    """A model with its weights, ready to look at images; not for two threads at once."""

    def __init__(self, spec: ModelSpec, network: Network, weights_sha256: str) -> None:
        self.spec = spec
        self.weights_sha256 = weights_sha256
        self._network = network

    @classmethod
    def load(cls, spec: ModelSpec, weights: Path, *, expected_sha256: str | None = None) -> Self:
        """Read the weights and build the network for the malignant class alone.

        Parameters
        ----------
        weights : Path
            HDF5, in any of the forms that ``models.weights`` reads.
        expected_sha256 : str or None
            Refuse a file with another checksum.

        Raises
        ------
        WeightsError
            The file cannot be used; its text says why.
        """
        found = check_file(weights, spec, expected_sha256=expected_sha256)
        network = Network.load(spec, weights, kept=(spec.class_index,))
        return cls(spec, network, found)

    @property
    def version(self) -> str:
        """Version of the algorithm: changes with the weights and with ``spec.revision``."""
        return self.spec.version(self.weights_sha256)

    @property
    def device(self) -> str:
        """Where the network runs, ``cpu:0`` or ``gpu:0``: for the log of the start."""
        return backend.device()

    def warm_up(self) -> None:
        """Run once on a black image, so that the first real one is not slow.

        Raises
        ------
        NotFinite
            The network cannot answer even that.
        """
        black = np.zeros((self.spec.side, self.spec.side), np.uint8)
        self.detect(black, score_threshold=1.0, max_boxes=1)

    def detect(
        self, image: NDArray[np.uint8], *, score_threshold: float, max_boxes: int
    ) -> Detections:
        """Find the malignant-looking regions of one image.

        Parameters
        ----------
        image : ndarray of uint8, (rows, columns) or (rows, columns, 3)
            Bright means dense.
        score_threshold : float
            Boxes at or above it are returned; not below the published filter's floor,
            ``spec.score_floor``.
        max_boxes : int
            At most so many, the best ones.

        Raises
        ------
        OutOfMemory
            There was not enough memory now.
        NotFinite
            The network answered NaN or infinity.
        """
        if score_threshold < self.spec.score_floor:
            raise ValueError(f"score_threshold {score_threshold} is below {self.spec.score_floor}")
        pixels, frame = prepare(image, self.spec)
        began = time.perf_counter()
        answers = self._network(pixels)
        network_seconds = time.perf_counter() - began
        height, width = pixels.shape[:2]
        found = detections(
            answers, self.spec, height=height, width=width, classes=self._network.classes
        )
        # float32 as the network's scores are: 0.3 in float64 is less than 0.3 in float32.
        shown = found.scores >= np.float32(score_threshold)
        boxes = frame.inside(frame.to_image(found.boxes[shown]))
        kept = [
            Detection(float(box[0]), float(box[1]), float(box[2]), float(box[3]), float(score))
            for box, score in zip(boxes, found.scores[shown], strict=True)
            # A box in the padding alone has no area in the image.
            if box[0] < box[2] and box[1] < box[3]
        ]
        return Detections(tuple(kept[:max_boxes]), network_seconds)
