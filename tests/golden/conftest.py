"""The reference networks, each built once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models import runtimes
from models.detector import Detector
from models.network import Network
from models.runtimes import LoadedNetwork
from models.spec import SPECS, ModelSpec, Resize
from tests.golden import inputs
from tests.weights_files import reference_weights_file


@pytest.fixture(scope="session")
def spec() -> ModelSpec:
    """Give the reference model as the published program resizes."""
    return replace(SPECS["reference"], resize=Resize.PUBLISHED_SCRIPT)


@pytest.fixture(scope="session")
def weights() -> Path:
    """Give the snapshot form of the reference weights."""
    return reference_weights_file()


@pytest.fixture(scope="session")
def whole(spec: ModelSpec, weights: Path) -> Network:
    """Give the network as published: 20 classes, batch normalisation as layers."""
    return Network.load(spec, weights, kept=None, folded=False)


@pytest.fixture(scope="session")
def node_network(spec: ModelSpec, weights: Path) -> Network:
    """Give the network as the node runs it: folded, the malignant class alone."""
    return Network.load(spec, weights, kept=(spec.class_index,), folded=True)


@pytest.fixture(
    scope="session",
    params=[runtimes.KERAS, pytest.param(runtimes.OPENVINO, marks=pytest.mark.openvino)],
)
def runtime_network(
    request: pytest.FixtureRequest, spec: ModelSpec, weights: Path
) -> LoadedNetwork:
    """Give the node's network on each runtime that can compute it."""
    if request.param == runtimes.KERAS:
        network: Network = request.getfixturevalue("node_network")
        return network
    kept = (spec.class_index,)
    return runtimes.load(request.param, spec, weights, kept=kept, precision="float32", xla=False)


@pytest.fixture(scope="session")
def detector(weights: Path) -> Detector:
    """Give the detector as the node loads it, with the paper's letterbox."""
    return Detector.load(SPECS["reference"], weights)


@pytest.fixture(scope="session")
def published() -> inputs.Picture:
    """Give the published test picture, or leave the test out."""
    if not inputs.PUBLISHED.exists():
        pytest.skip(inputs.PUBLISHED_MISSING)
    return inputs.published()
