"""Training runs as `mgnode train` makes them: what to start from, on what, and the card."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.cases.case import Case
from models.cases.folds import Fold, folds
from models.registry.cards import variant
from models.registry.errors import NotInstalled
from models.registry.folder import find
from models.spec import SPECS, ModelSpec
from models.training.errors import UnreadableImage
from models.training.initial import given_tensors
from models.training.recipe import Recipe
from node.errors import RejectedInstance, StopError
from workers.image_files import read_image

if TYPE_CHECKING:
    from models.training.run import Outcome

NOTHING = "none"
"""Instead of weights to start from: all numbers are drawn."""


@dataclass(frozen=True, slots=True)
class Start:
    """The network to train and the numbers that it starts with.

    Parameters
    ----------
    spec : ModelSpec
        With the one class that is trained, and the new model's name.
    words : str
        Where the numbers come from, for the card.
    """

    spec: ModelSpec
    tensors: Mapping[str, NDArray[np.float32]]
    words: str


def start_from(root: Path, given: str, *, network: str | None, name: str) -> Start:
    """Find what a run starts from.

    Parameters
    ----------
    root : Path
        The registry.
    given : str
        A model's name, an HDF5 file, or ``NOTHING``.
    network : str or None
        The model whose architecture is trained; None is that of ``given``, else ueda2022.

    Raises
    ------
    StopError
        There is no such model or file.
    WeightsError
        The file does not hold the network's backbone.
    """
    source = _registered(root, given) if given != NOTHING and not Path(given).is_file() else None
    if network is not None:
        wanted = SPECS[network] if network in SPECS else _registered(root, network)[0]
    else:
        wanted = SPECS["ueda2022"] if source is None else source[0]
    spec = replace(
        variant(wanted, name),
        weights_source="`mgnode train` made it",
        is_demonstration=False,
        is_reference=False,
        # Of many classes only the malignant one is trained, and only it is ever shown.
        classes=1,
        class_index=0,
    )
    if given == NOTHING:
        return Start(spec, {}, "random numbers")
    if source is None:
        found = given_tensors(Path(given), spec, class_index=wanted.class_index)
        words = f"{Path(given).name} ({', '.join(found.parts)})"
    else:
        model, weights = source
        found = given_tensors(weights, spec, class_index=model.class_index)
        words = f"the model {model.name} ({', '.join(found.parts)})"
    return Start(spec, found.tensors, words)


def _registered(root: Path, name: str) -> tuple[ModelSpec, Path]:
    try:
        model = find(root, name)
    except NotInstalled as error:
        raise StopError(f"{name} is no file here, and {error}") from error
    return model.spec, model.weights


def split(
    cases: tuple[Case, ...], validation: tuple[Case, ...] | None, *, count: int, seed: int
) -> tuple[Fold, ...]:
    """Give the turns: one with cases to validate with, else one for each fold."""
    if validation is not None:
        return (Fold(cases, validation),)
    try:
        return folds(cases, count=count, seed=seed)
    except ValueError as error:
        raise StopError(f"--folds: {error}") from error


def read(path: Path) -> NDArray[np.uint8]:
    """Read an image as training takes it.

    Raises
    ------
    UnreadableImage
        It is none that the detector may look at.
    """
    try:
        return read_image(path)
    except RejectedInstance as error:
        raise UnreadableImage(f"{error.reason} {error.detail}".strip()) from error


def about(manifest: Path, start: Start) -> dict[str, Any]:
    """Tell what run.json holds beside the recipe and the cases."""
    return {
        "manifest": str(manifest),
        "manifest_sha256": hashlib.sha256(manifest.read_bytes()).hexdigest(),
        "started_from": start.words,
        "versions": {name: version(name) for name in ("mgnode", "keras", "numpy")},
    }


def trained_spec(spec: ModelSpec, outcome: Outcome) -> ModelSpec:
    """Give the model its operating threshold: that of the validation of its best epoch."""
    threshold = math.ceil(outcome.best["threshold"] * 1000) / 1000
    return replace(spec, score_threshold=min(1.0, max(threshold, spec.score_floor)))


def card(
    fold: Fold, recipe: Recipe, outcome: Outcome, facts: Mapping[str, Any]
) -> dict[str, object]:
    """Write the card of a trained model."""
    best = outcome.best
    sensitivity = "no lesion to find"
    if not math.isnan(best["sensitivity"]):
        sensitivity = (
            f"{best['sensitivity']:.2f} at {best['false_positives']:.2f} false boxes an image"
        )
    return {
        "intended_use": "Research. Not for diagnosis.",
        "training_data": (
            f"{_counted(fold.training)}; manifest {Path(facts['manifest']).name}, SHA-256 "
            f"{facts['manifest_sha256'][:12]}. Started from {facts['started_from']}."
        ),
        "figures": {
            "of": f"the {_counted(fold.validation)} by which the best epoch was chosen",
            "best epoch": f"{outcome.best_epoch} of {len(outcome.rows)}",
            "validation loss": f"{best['validation_loss']:.4f}",
            f"sensitivity (IoU {recipe.watch_iou:g})": sensitivity,
        },
        "limits": (
            "Judged only on the cases by which its best epoch was chosen; `mgnode evaluate` "
            "measures it on others. Scores are not calibrated."
        ),
        "recipe": recipe.values(),
        "versions": facts["versions"],
    }


def _counted(cases: tuple[Case, ...]) -> str:
    malignant = sum(case.is_malignant for case in cases)
    patients = len({case.patient for case in cases})
    return f"{len(cases)} images ({malignant} malignant) of {patients} patients"
