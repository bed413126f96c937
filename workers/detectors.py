"""The detectors of an analysis worker: the node's own, and one more when a study asks for it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import structlog

from config.detecting import DetectorSettings
from config.settings import Settings
from node.errors import NodeError, StopError
from workers.gpu import load_detector

if TYPE_CHECKING:
    # The network worker imports the tasks too and must not load TensorFlow.
    from models.detector import Detector

log = structlog.get_logger(__name__)

MODEL_NOT_USABLE: Final = "MODEL_NOT_USABLE"


class ModelNotUsable(NodeError):
    """A study asks for a model that does not run here; the text says what to do."""

    def __init__(self, model: str, why: str) -> None:
        super().__init__(
            f"the study asks for the model {model}: {why.removeprefix('detector.model: ')}; then "
            "`mgnode retry`, or `mgnode rerun` with another model"
        )


@dataclass(frozen=True, slots=True)
class InUse:
    """A detector and the settings that hold for it."""

    detector: Detector
    settings: DetectorSettings


def _load(settings: Settings) -> Detector:
    return load_detector(settings)


@dataclass
class Detectors:
    """Gives the detector that a study asks for.

    The node's own stays loaded. Of the others one at a time is kept until another is asked
    for: each needs its share of the memory. Not for two threads at once.
    """

    settings: Settings
    own: Detector
    load: Callable[[Settings], Detector] = _load
    _other: InUse | None = field(default=None, init=False)

    def of(self, model: str) -> InUse:
        """Give a detector by its model's name; the empty name is the node's own.

        Another model than the node's looks at its own operating point: the settings of
        threshold, boxes and weights are about the node's.

        Raises
        ------
        ModelNotUsable
            It is not installed, or may not or cannot answer here.
        """
        node = self.settings.detector
        if model in ("", node.model):
            return InUse(self.own, node)
        if self._other is None or self._other.settings.model != model:
            self._other = None
            gc.collect()
            self._other = self._loaded(model)
        return self._other

    def _loaded(self, model: str) -> InUse:
        settings = of_model(self.settings.detector, model)
        try:
            detector = self.load(self.settings.model_copy(update={"detector": settings}))
        except StopError as error:
            raise ModelNotUsable(model, str(error)) from error
        return InUse(detector, settings)


def of_model(node: DetectorSettings, model: str) -> DetectorSettings:
    """Give the settings for another model: how to compute is the node's, the rest its own."""
    shared = {"runtime", "precision", "xla", "batch_size", "candidate_thresholds"}
    return DetectorSettings(model=model, **node.model_dump(include=shared))
