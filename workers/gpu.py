"""The detector of an analysis worker: found, checked, loaded and warmed up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from config.settings import Settings
from models.errors import CannotCompute, ModelError
from models.registry.folder import is_bundled
from node.errors import StopError
from workers.weights import chosen_model

if TYPE_CHECKING:
    from models.detector import Detector

log = structlog.get_logger(__name__)

NEVER_FOR_REAL: Final = (
    "detector.model: these are the weights of the demonstration model, which has no clinical "
    "value and never answers for a real one: `mgnode demo` and `mgnode detect --demonstration` "
    "use it, and nothing else. `mgnode model fetch ueda2022` gets the published weights"
)

ON_A_GPU: Final = 8
"""Images at once where nothing is set: a GPU is nearly full, and the first waits little."""


def load_detector(settings: Settings, *, demonstration: bool = False) -> Detector:
    """Load the configured model and run the network once.

    Parameters
    ----------
    demonstration : bool
        Whether the demonstration model may answer: for the demo and for a person who asks
        for it by name, never for a node between modality and PACS.

    Raises
    ------
    StopError
        The model is not here, its file is not the right one, it may not answer, or
        TensorFlow is not installed; the text says what to do.
    """
    chosen = chosen_model(settings)
    if chosen.spec.is_demonstration and not demonstration:
        raise StopError(NEVER_FOR_REAL)
    try:
        # Here and not at the top: the node's own processes run without TensorFlow.
        from models.detector import Detector

        detector = Detector.load(
            chosen.spec,
            chosen.weights,
            expected_sha256=chosen.sha256,
            runtime=settings.detector.runtime,
            precision=settings.detector.precision,
            xla=settings.detector.xla,
        )
        detector.warm_up()
    except ModuleNotFoundError as error:
        raise StopError(
            f"the detector needs the package {error.name}: install mgnode[cpu] or mgnode[gpu], or "
            "mgnode[openvino] and set detector.runtime to openvino"
        ) from error
    except CannotCompute as error:
        raise StopError(f"detector.runtime, detector.precision, detector.xla: {error}") from error
    except ModelError as error:
        raise StopError(f"{_setting(settings)}: {error}") from error
    if is_bundled(detector.weights_sha256) and not demonstration:
        raise StopError(NEVER_FOR_REAL)
    log.info(
        "detector_ready",
        model=detector.spec.name,
        version=detector.version,
        device=detector.device,
        runtime=settings.detector.runtime,
    )
    return detector


def batch_size(settings: Settings, detector: Detector) -> int:
    """Give the most images that one task analyses at once."""
    if settings.detector.batch_size:
        return settings.detector.batch_size
    return 1 if detector.device.startswith("cpu") else ON_A_GPU


def _setting(settings: Settings) -> str:
    """Name the setting by which the file was chosen."""
    return "detector.model" if settings.detector.weights is None else "detector.weights"
