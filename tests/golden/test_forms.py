"""The four forms of the weights file that a user may hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models import layout, reference_weights
from models.spec import SPECS
from models.weights import open_weights

pytestmark = pytest.mark.tensorflow

SPEC = SPECS["reference"]

# shared/detector.md, section 3: what the script of the reference writes.
SIZES = {
    "snapshot": 287_553_272,
    "inference": 287_563_576,
    "weights": 287_284_192,
    "snapshot_opt": None,
}


@pytest.mark.parametrize("kind", reference_weights.KINDS)
def test_every_form_gives_the_same_811_tensors(kind: str, weights: Path, tmp_path: Path) -> None:
    path = weights
    if kind != "snapshot":
        path = tmp_path / f"{kind}.h5"
        reference_weights.write_reference_weights(path, kind)
    assert SIZES[kind] is None or path.stat().st_size == SIZES[kind]

    with open_weights(path, SPEC) as file, open_weights(weights, SPEC) as snapshot:
        names = sorted(file.unread)
        assert len(names) == 811
        assert names == sorted(layout.tensors(SPEC))
        for name in names:
            np.testing.assert_array_equal(file.read(name), snapshot.read(name))
        assert not file.unread

    if kind != "snapshot":
        path.unlink()  # up to 858 MB that the next three tests need not keep
