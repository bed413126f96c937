"""The files that tell about a run: log.csv, run.json and TensorBoard's events."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.cases.case import Case
from models.durable_file import replace_durably
from models.training.errors import AnotherRun
from models.training.recipe import Recipe

COLUMNS: Final = (
    *("epoch", "rate", "loss", "focal", "smooth_l1"),
    *("validation_loss", "validation_focal", "validation_smooth_l1"),
    *("sensitivity", "threshold", "false_positives", "seconds"),
)

FREE: Final = frozenset({"workers", "checkpoint_steps"})
"""Settings that a run may change when it goes on: the result is the same."""


def write_log(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write one line for each epoch; the file is always whole."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    replace_durably(path, lambda file: file.write(text.getvalue().encode()))


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write values for people and programs to read."""
    text = json.dumps(values, indent=2, default=str, ensure_ascii=False) + "\n"
    replace_durably(path, lambda file: file.write(text.encode()))


def cases_sha256(cases: Sequence[Case]) -> str:
    """Checksum of what is known of some cases; not of their pixels, and not of their folder."""
    lines = [
        [case.image_id, case.patient, [[*map(float, box)] for box in case.boxes]] for case in cases
    ]
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def tensors_sha256(tensors: Mapping[str, NDArray[np.float32]]) -> str:
    """Checksum of named numbers; of none too."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].shape} ".encode())
        digest.update(np.ascontiguousarray(tensors[name], "<f4").tobytes())
    return digest.hexdigest()


def check_same(path: Path, values: Mapping[str, Any]) -> None:
    """Refuse to go on with a run that is another one.

    Parameters
    ----------
    path : Path
        The run.json of the run so far.
    values : mapping
        What the run of now would write there.

    Raises
    ------
    AnotherRun
        Its recipe, network or data differ; the text says in what.
    """
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        # What this version has beyond that one was published then as now.
        recipe = Recipe().values() | before["recipe"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AnotherRun(f"{path} cannot be read: {error}") from error
    now = json.loads(json.dumps(values, default=str))
    different = [
        f"{name} is {now['recipe'].get(name)}, was {recipe.get(name)}"
        for name in sorted({*recipe, *now["recipe"]} - FREE)
        if recipe.get(name) != now["recipe"].get(name)
    ]
    different += [
        f"the {name} differs"
        for name in ("network", "training_sha256", "validation_sha256", "initial_sha256")
        if before.get(name) != now[name]
    ]
    if different:
        raise AnotherRun(
            f"{path.parent} holds another run: {'; '.join(different)}. Give another folder, or "
            "remove this one"
        )
