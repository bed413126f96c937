"""Which weights a command without a server uses, and the reference weights for trials."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rich.console import Console

from config.settings import DetectorSettings, Settings
from node.store.paths import Layout

PUBLISHED_FILE: Final = "resnet152_pascal.h5"
REFERENCE_FILE: Final = "reference.h5"


def reference_detector(settings: Settings, console: Console) -> DetectorSettings:
    """Give the detector with reproducible random weights, which are made at first use."""
    layout = Layout(settings.storage.root)
    layout.create()
    path = layout.models / REFERENCE_FILE
    if not path.is_file():
        from models.reference_weights import write_reference_weights

        with console.status("Making the reference weights (287 MB, once)"):
            write_reference_weights(path)
    return settings.detector.model_copy(
        update={"model": "reference", "weights": path.absolute(), "weights_sha256": None}
    )


def demo_detector(settings: Settings, console: Console) -> DetectorSettings:
    """Give the published weights when they are installed, else the reference weights."""
    published = published_weights(settings)
    if published is None:
        return reference_detector(settings, console)
    return settings.detector.model_copy(update={"weights": published})


def published_weights(settings: Settings) -> Path | None:
    """Give the file of the published weights: the configured one, or that below storage.root."""
    installed = Layout(settings.storage.root).models / PUBLISHED_FILE
    for path in (settings.detector.weights, installed):
        if path is not None and path.is_file():
            return path.absolute()
    return None
