"""Which model and which weights a process runs, by its settings and the registry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from config.detecting import DetectorSettings
from config.settings import Settings
from models.registry.errors import NotInstalled, RegistryError
from models.registry.folder import BUNDLED, find
from models.registry.published import MODEL as PUBLISHED
from models.spec import SPECS, ModelSpec
from node.errors import StopError
from node.store.paths import Layout

REFERENCE_FILE: Final = "reference.h5"


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """What the settings name; the file must have the checksum when there is one."""

    spec: ModelSpec
    weights: Path
    sha256: str | None


def chosen_model(settings: Settings) -> ChosenModel:
    """Find the weights that the settings name, or those of the registry.

    Raises
    ------
    StopError
        They are not here; the text says which command gets them.
    """
    wanted = settings.detector
    root = Layout(settings.storage.root).models
    try:
        if wanted.weights is None:
            model = find(root, wanted.model)
            return ChosenModel(model.spec, model.weights, wanted.weights_sha256 or model.sha256)
        spec = SPECS[wanted.model] if wanted.model in SPECS else find(root, wanted.model).spec
    except RegistryError as error:
        raise StopError(f"detector.model: {error}") from error
    if not wanted.weights.is_file():
        raise StopError(f"detector.weights: there is no file {wanted.weights}")
    return ChosenModel(spec, wanted.weights, wanted.weights_sha256)


def title_of(settings: Settings, name: str) -> str:
    """Give the title of a model that has not run; its name when nobody knows it here."""
    try:
        return find(Layout(settings.storage.root).models, name).spec.title
    except RegistryError:
        return SPECS[name].title if name in SPECS else name


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


def demonstration_detector(settings: Settings) -> DetectorSettings:
    """Give the detector with the bundled demonstration weights at their own operating point."""
    way = settings.detector.model_dump(include={"runtime", "precision", "xla", "batch_size"})
    return DetectorSettings(model=BUNDLED, **way)


def demo_detector(settings: Settings) -> DetectorSettings:
    """Give the published weights when they are here, else the bundled demonstration model.

    The demo's node has a registry of its own, which is empty, so the file is named.

    Raises
    ------
    StopError
        Neither is here; the text says what to do.
    """
    wanted = settings.detector
    if wanted.model != PUBLISHED:
        # Its file and its threshold are another model's.
        wanted = DetectorSettings(model=PUBLISHED)
    try:
        published = chosen_model(settings.model_copy(update={"detector": wanted}))
    except StopError:
        return _bundled_detector(settings)
    return wanted.model_copy(
        update={"weights": published.weights.absolute(), "weights_sha256": published.sha256}
    )


def _bundled_detector(settings: Settings) -> DetectorSettings:
    try:
        find(Layout(settings.storage.root).models, BUNDLED)
    except NotInstalled as error:
        raise StopError(
            f"{error}: install mgnode again, or `mgnode model fetch {PUBLISHED}` for the "
            "published ones, or ask for random numbers with --reference"
        ) from error
    return demonstration_detector(settings)
