"""A run that is killed, again and again, ends with the weights of one that never was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.training import checkpoint
from models.weights import sha256_of

# Four processes, each of which loads TensorFlow and makes its graphs.
pytestmark = [pytest.mark.tensorflow, pytest.mark.timeout(900)]

PROGRAM = Path(__file__).with_name("killed_run.py")
ROOT = Path(__file__).parents[4]

# A step after a checkpoint, and after an epoch.
PLACES = ["1.3", "2.validated"]


def run(folder: Path, *place: str) -> int:
    command = [sys.executable, str(PROGRAM), str(folder), *place]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, env=environment, check=False).returncode


def test_a_run_killed_at_two_places_ends_with_the_same_bits(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run(whole) == 0
    for place in PLACES:
        assert run(killed, place) == -signal.SIGKILL, place
    assert run(killed) == 0

    first = checkpoint.read(whole / "run" / "checkpoint.npz")
    second = checkpoint.read(killed / "run" / "checkpoint.npz")
    different = [
        name
        for name, tensor in first.tensors.items()
        if not np.array_equal(tensor, second.tensors[name])
    ]
    assert different == []
    for one, other in zip(first.optimizer, second.optimizer, strict=True):
        np.testing.assert_array_equal(one, other)
    best = [sha256_of(folder / "run" / "best.h5") for folder in (whole, killed)]
    assert best[0] == best[1]
    figures = [
        [{name: row[name] for name in row if name != "seconds"} for row in run.progress.rows]
        for run in (first, second)
    ]
    assert figures[0] == figures[1]
