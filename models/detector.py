"""The detector as the rest of the program sees it: an image in, boxes out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models import runtimes
from models.errors import OutOfMemory
from models.postprocess import Answers, detections
from models.preprocess import Prepared, prepare
from models.runtimes import LoadedNetwork
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
    """The boxes of one image by falling score, and the network's own time.

    Of several images at once each has its share of the time.
    """

    boxes: tuple[Detection, ...]
    network_seconds: float


class Detector:
    """A model with its weights, ready to look at images; not for two threads at once.

    ``computed`` says how, where that is not Keras in float32: it goes into each result.
    """

    def __init__(
        self,
        spec: ModelSpec,
        network: LoadedNetwork,
        weights_sha256: str,
        *,
        computed: dict[str, str] | None = None,
    ) -> None:
        self.spec = spec
        self.weights_sha256 = weights_sha256
        self.network = network
        self.computed = computed or {}
        self._most_at_once: int | None = None

    @classmethod
    def load(
        cls,
        spec: ModelSpec,
        weights: Path,
        *,
        expected_sha256: str | None = None,
        runtime: str = runtimes.KERAS,
        precision: str = "float32",
        xla: bool = False,
    ) -> Self:
        """Read the weights and build the network for the malignant class alone.

        Parameters
        ----------
        weights : Path
            HDF5, in any of the forms that ``models.weights`` reads.
        expected_sha256 : str or None
            Refuse a file with another checksum.
        runtime, precision, xla
            How to compute; see ``models.runtimes.load``.

        Raises
        ------
        CannotCompute
            This machine or runtime cannot compute in that way.
        WeightsError
            The file cannot be used; its text says why.
        """
        found = check_file(weights, spec, expected_sha256=expected_sha256)
        kept = (spec.class_index,)
        network = runtimes.load(runtime, spec, weights, kept=kept, precision=precision, xla=xla)
        usual = {"runtime": runtimes.KERAS, "precision": "float32"}
        chosen = {"runtime": runtime, "precision": precision}
        computed = {key: value for key, value in chosen.items() if value != usual[key]}
        return cls(spec, network, found, computed=computed)

    @property
    def version(self) -> str:
        """Version of the algorithm: changes with the weights and with ``spec.revision``."""
        return self.spec.version(self.weights_sha256)

    @property
    def device(self) -> str:
        """Where the network runs, ``cpu:0`` or ``gpu:0``: for the log of the start."""
        return self.network.device

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
        (found,) = self.detect_many([image], score_threshold=score_threshold, max_boxes=max_boxes)
        return found

    def detect_many(
        self, images: Sequence[NDArray[np.uint8]], *, score_threshold: float, max_boxes: int
    ) -> list[Detections]:
        """Look at several images at once, as a GPU likes it; their order is kept.

        Letterboxed images go to the network together. Where memory runs out, half as many
        do, down to one; later calls begin with the number that went well. Arguments and
        errors are those of ``detect``; one image's trouble is the trouble of all.
        """
        if score_threshold < self.spec.score_floor:
            raise ValueError(f"score_threshold {score_threshold} is below {self.spec.score_floor}")
        prepared = [prepare(image, self.spec) for image in images]
        found = []
        for _, alike in groupby(prepared, key=lambda each: each.pixels.shape):
            group = list(alike)
            answered = self._answers([each.pixels for each in group])
            for (answers, seconds), each in zip(answered, group, strict=True):
                boxes = self._boxes(answers, each, score_threshold=score_threshold)
                found.append(Detections(boxes[:max_boxes], seconds))
        return found

    def _answers(self, pixels: list[NDArray[np.float32]]) -> list[tuple[Answers, float]]:
        """Run the network on images of one size; give the answers and each one's seconds."""
        answered: list[tuple[Answers, float]] = []
        while rest := pixels[len(answered) :]:
            batch = np.stack(rest[: self._most_at_once])
            began = time.perf_counter()
            try:
                answers = self.network.run(batch)
            except OutOfMemory:
                if len(batch) == 1:
                    raise
                self._most_at_once = len(batch) // 2
                continue
            seconds = (time.perf_counter() - began) / len(batch)
            answered += [(each, seconds) for each in answers]
        return answered

    def _boxes(
        self, answers: Answers, prepared: Prepared, *, score_threshold: float
    ) -> tuple[Detection, ...]:
        height, width = prepared.pixels.shape[:2]
        found = detections(
            answers, self.spec, height=height, width=width, classes=self.network.classes
        )
        # float32 as the network's scores are: 0.3 in float64 is less than 0.3 in float32.
        shown = found.scores >= np.float32(score_threshold)
        frame = prepared.frame
        boxes = frame.inside(frame.to_image(found.boxes[shown]))
        return tuple(
            Detection(float(box[0]), float(box[1]), float(box[2]), float(box[3]), float(score))
            for box, score in zip(boxes, found.scores[shown], strict=True)
            # A box in the padding alone has no area in the image.
            if box[0] < box[2] and box[1] < box[3]
        )
