"""The random weights are the same everywhere, and never half written."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from models import reference_weights
from models.reference_weights import tensor, write_reference_weights

# sha256 of tensors as the script that made the golden files gave them.
CHECKSUMS = {
    (
        "conv1/kernel:0",
        (7, 7, 3, 64),
    ): "d3239f5f9f3d3910758bc11e46ba107f4c8ac3a96601f6bc5cbc045cc0cbb48e",
    (
        "bn_conv1/moving_variance:0",
        (64,),
    ): "4981b4c4aa3c65304201dee154979216404c7ff52bdf9c4b8f6f65c4c6d96d70",
    (
        "bn4b35_branch2c/gamma:0",
        (1024,),
    ): "ac34baaee592c84cba48a8dec6e25f6bbc08babb0b08a3f0cdc7a8087fa383a6",
    (
        "P7/kernel:0",
        (3, 3, 256, 256),
    ): "dcf006fa88015e6de6c61bd0162415663996ab7ad3a39fb905861123af315501",
    (
        "pyramid_classification/bias:0",
        (180,),
    ): "22e3c2e220cf95ff7464bec39446541c825469c661434bbec96af5c652a63f57",
}


@pytest.mark.parametrize(("name", "shape"), sorted(CHECKSUMS))
def test_a_tensor_is_bit_for_bit_that_of_the_golden_files(
    name: str, shape: tuple[int, ...]
) -> None:
    found = tensor(name, shape)

    assert found.dtype == np.dtype("<f4")
    assert hashlib.sha256(found.tobytes()).hexdigest() == CHECKSUMS[name, shape]


def test_the_malignant_channels_have_a_bias_of_their_own() -> None:
    bias = tensor("pyramid_classification/bias:0", (180,)).reshape(9, 20)

    assert bias.mean(axis=0).argmin() == 11


def test_an_unknown_form_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="snapshot, inference, weights, snapshot_opt"):
        write_reference_weights(tmp_path / "w.h5", "checkpoint")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.tensorflow
def test_a_file_that_cannot_be_finished_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(name: str, shape: tuple[int, ...]) -> np.ndarray:
        raise OSError(28, f"no space left for {name} of {shape}")

    monkeypatch.setattr(reference_weights, "tensor", full_disk)

    with pytest.raises(OSError, match="no space left"):
        write_reference_weights(tmp_path / "w.h5")

    assert list(tmp_path.iterdir()) == []
