"""The detector of an analysis worker: found, checked, loaded and warmed up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from config.settings import Settings
from models.errors import ModelError
from models.spec import SPECS
from node.errors import StopError

if TYPE_CHECKING:
    from models.detector import Detector

log = structlog.get_logger(__name__)


def load_detector(settings: Settings) -> Detector:
    """Load the configured weights and run the network once.

    Raises
    ------
    StopError
        No weights are configured, the file is missing or not the right one, or
        TensorFlow is not installed; the text says what to do.
    """
    path = settings.detector.weights
    if path is None:
        raise StopError(
            "detector.weights is not set: the node never answers without its model. Download "
            "resnet152_pascal.h5 (release v0.1-mammography of the repository "
            "detection-mammography/keras-retinanet-trained-algorithm) and set detector.weights "
            "to the file, or MGNODE_DETECTOR__WEIGHTS"
        )
    if not path.is_file():
        raise StopError(f"detector.weights: there is no file {path}")
    try:
        # Here and not at the top: the node's own processes run without TensorFlow.
        from models.detector import Detector

        detector = Detector.load(
            SPECS[settings.detector.model],
            path,
            expected_sha256=settings.detector.weights_sha256,
        )
        detector.warm_up()
    except ModuleNotFoundError as error:
        raise StopError(
            f"the detector needs the package {error.name}: install mgnode[cpu] or mgnode[gpu]"
        ) from error
    except ModelError as error:
        raise StopError(f"detector.weights: {error}") from error
    log.info(
        "detector_ready",
        model=detector.spec.name,
        version=detector.version,
        device=detector.device,
    )
    return detector
