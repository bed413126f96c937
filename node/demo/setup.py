"""The demo's folder and the settings of the node that it starts there."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Final

from config.detecting import DetectorSettings
from config.profiles import STANDARD, OverlayOptions, Profile
from config.receiving import ScpSettings
from config.sending import Destination
from config.settings import (
    DispatchSettings,
    LogSettings,
    ResultSettings,
    Settings,
    StorageSettings,
)
from node.errors import StopError

MARKER: Final = ".mgnode-demo"
"""Stands in a folder that the demo made and may empty."""

DESTINATION: Final = "demo-pacs"
FREE_SPACE_GIB: Final = 0.5
LOOPBACK: Final = "127.0.0.1"


def fresh_folder(folder: Path) -> None:
    """Make ``folder``, or empty it when an earlier demo made it.

    Raises
    ------
    StopError
        If it holds anything that no demo put there.
    """
    if folder.exists():
        if not folder.is_dir() or (any(folder.iterdir()) and not (folder / MARKER).is_file()):
            raise StopError(f"{folder} was not made by a demo and is left as it is: name another")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()


def demo_settings(root: Path, detector: DetectorSettings, pacs: Destination) -> Settings:
    """Make a node below ``root``, on a free port of loopback, that returns to ``pacs``.

    Every image gets an overlay, also one without a box: each of the four shows what the
    node makes.
    """
    return Settings(
        storage=StorageSettings(root=root, free_space_gib=FREE_SPACE_GIB),
        scp=ScpSettings(host=LOOPBACK, port=_free_port()),
        destinations={DESTINATION: pacs},
        dispatch=DispatchSettings(poll_seconds=0.1),
        detector=detector,
        profiles={STANDARD: Profile(overlay=OverlayOptions(images="all"))},
        results=ResultSettings(institution_name="mgnode demo"),
        log=LogSettings(level="warning"),
    )


def describe_weights(detector: DetectorSettings) -> str:
    """Say in plain words which numbers the network runs on."""
    if detector.model == "reference":
        return "Reference weights: these boxes mean nothing: the network runs on random numbers."
    if detector.model == "demonstration":
        return "Demonstration model: trained on synthetic images, no clinical value."
    weights = detector.weights.name if detector.weights is not None else "no file"
    return f"Weights of the model {detector.model} ({weights}). Not for diagnosis."


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port
