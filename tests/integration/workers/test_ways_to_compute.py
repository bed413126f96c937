"""The settings of how the network is computed: what each gives, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from node.errors import StopError
from node.store.paths import Layout
from tests.factories import make_mammogram
from tests.tiny_weights import register_tiny
from tests.worker_process import REPOSITORY, environment_of
from tests.working_node import WorkingNode
from workers.analyse import analyse_instance
from workers.detectors import Detectors
from workers.gpu import load_detector

pytestmark = pytest.mark.tensorflow


def settings_of(root: Path, **detector: Any) -> Settings:
    register_tiny(Layout(root).models)
    return Settings.model_validate(
        {"storage": {"root": root}, "detector": {"model": "tiny", **detector}}
    )


@pytest.mark.parametrize(
    "wish", [{"precision": "bfloat16"}, {"xla": True}, {"runtime": "openvino", "xla": True}]
)
def test_a_cpu_refuses_what_is_slower_and_wrong_there(tmp_path: Path, wish: dict[str, Any]) -> None:
    settings = settings_of(tmp_path, **wish)

    with pytest.raises(StopError, match=r"^detector\.runtime, detector\.precision, detector\.xla"):
        load_detector(settings)


@pytest.mark.openvino
def test_a_result_says_by_what_it_was_computed_when_that_is_not_keras(
    node: WorkingNode, tmp_path: Path
) -> None:
    parameters = []
    for number, runtime in enumerate(("keras", "openvino")):
        detector = load_detector(settings_of(tmp_path / runtime, runtime=runtime))
        image = make_mammogram(patient_id=str(number))
        (row,) = node.receive([image])
        node.sweep()
        analyse_instance(node.runtime, Detectors(node.runtime.settings, detector), row)
        parameters.append(node.parameters(row))

    keras, openvino = parameters
    assert "runtime" not in keras
    assert openvino == {**keras, "runtime": "openvino"}


WITHOUT_KERAS = """
import sys
class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"tensorflow", "keras"}:
            raise ModuleNotFoundError(f"no module named {name!r}", name=name)
sys.meta_path.insert(0, NotInstalled())
from config.loading import load_settings
from workers.gpu import load_detector
import os
load_detector(load_settings(None, {k: v for k, v in os.environ.items() if "MGNODE" in k}))
print("ready")
"""


@pytest.mark.openvino
@pytest.mark.parametrize(
    ("runtime", "says"), [("openvino", "ready"), ("keras", "set detector.runtime to openvino")]
)
def test_openvino_needs_neither_keras_nor_tensorflow(
    tmp_path: Path, runtime: str, says: str
) -> None:
    environment = environment_of(settings_of(tmp_path), tmp_path)
    del environment["MGNODE_CONFIG"]
    environment |= {
        "MGNODE_STORAGE__ROOT": str(tmp_path),
        "MGNODE_DETECTOR__MODEL": "tiny",
        "MGNODE_DETECTOR__RUNTIME": runtime,
    }

    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_KERAS],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert says in ended.stdout + ended.stderr
    assert (ended.returncode == 0) == (runtime == "openvino"), ended.stderr
