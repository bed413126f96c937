"""What stands for the network in the self-test: boxes it was told to give, or trouble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from models.detector import Detection, Detections, Detector
from models.spec import SPECS

BOX: Final = Detection(x0=20.5, y0=30.25, x1=40.0, y1=60.75, score=0.8125)


@dataclass
class ScriptedDetector:
    """Gives one box for each picture; ``trouble`` names what happens instead."""

    trouble: type[Exception] | None = None
    looks: int = 0
    spec: Any = SPECS["reference"]
    version: str = "scripted"
    weights_sha256: str = "5c" * 32
    device: str = "cpu:0"
    computed: dict[str, str] = field(default_factory=dict)

    def detect_many(
        self, images: Sequence[NDArray[np.uint8]], *, score_threshold: float, max_boxes: int
    ) -> list[Detections]:
        """Answer as the detector does, or fail as it may."""
        self.looks += len(images)
        if self.trouble is not None:
            raise self.trouble
        kept = [box for box in (BOX,) if box.score >= score_threshold][:max_boxes]
        return [Detections(tuple(kept), network_seconds=0.0) for _ in images]

    @property
    def detector(self) -> Detector:
        """Itself, as the worker's code knows it."""
        return cast(Detector, self)
