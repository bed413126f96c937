"""What the registry knows of one model: ``model.json`` beside its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from models.registry.cards import Card
from models.registry.errors import DamagedRecord
from models.registry.spec_values import from_values, to_values
from models.spec import ModelSpec

RECORD: Final = "model.json"
WEIGHTS: Final = "weights.h5"
PICTURE: Final = "test-picture"

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Registered:
    """One model that is here.

    Parameters
    ----------
    form : str
        One of ``models.registry.form.Form``.
    source : str
        The URL or file that the weights came from.
    registered_at : datetime or None
        None when it came with mgnode.
    answers : dict
        Of ``models.registry.probe``, from the day of the registration; empty when bundled.
    """

    spec: ModelSpec
    weights: Path
    sha256: str
    size: int
    form: str
    source: str
    registered_at: datetime | None
    card: Card
    answers: dict[str, Any]
    is_bundled: bool = False

    @property
    def name(self) -> str:
        """Its name in the settings."""
        return self.spec.name

    @property
    def version(self) -> str:
        """Its version in every result; changes with the weights."""
        return self.spec.version(self.sha256)

    @property
    def test_picture(self) -> Path:
        """Where the published test picture lies when it was downloaded with the weights."""
        return self.weights.with_name(PICTURE)


def to_json(model: Registered) -> bytes:
    """Write a record."""
    values = {
        "format": FORMAT,
        "spec": to_values(model.spec),
        "weights": {
            "file": model.weights.name,
            "size": model.size,
            "sha256": model.sha256,
            "form": model.form,
            "source": model.source,
        },
        "registered_at": model.registered_at and model.registered_at.isoformat(),
        "card": dict(model.card),
        "answers": model.answers,
    }
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()


def read_record(folder: Path) -> Registered:
    """Read the record of a model's folder.

    Raises
    ------
    DamagedRecord
        It is not there, or is not what this version of mgnode writes.
    """
    path = folder / RECORD
    try:
        return _model(json.loads(path.read_bytes()), folder)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DamagedRecord(
            f"{path} cannot be used ({type(error).__name__}: {error}); "
            f"`mgnode model remove {folder.name}` and install the model again"
        ) from error


def _model(values: dict[str, Any], folder: Path) -> Registered:
    if values["format"] != FORMAT:
        raise ValueError(f"format {values['format']} is not {FORMAT}")
    spec = from_values(values["spec"])
    if spec.name != folder.name:
        raise ValueError(f"it is of a model called {spec.name}")
    weights = values["weights"]
    return Registered(
        spec=spec,
        weights=folder / Path(weights["file"]).name,
        sha256=weights["sha256"],
        size=weights["size"],
        form=weights["form"],
        source=weights["source"],
        registered_at=datetime.fromisoformat(values["registered_at"]),
        card=values["card"],
        answers=values["answers"],
    )
