"""Keras' start is quiet, and only the known noise is kept away."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import models
from models import stderr_filter

NOISE = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1795396605.880228   12298 port.cc:153] oneDNN custom operations are on. You may\n"
)


def filtered(text: str) -> str:
    answer = subprocess.run(
        [sys.executable, "-I", "-S", str(stderr_filter.__file__)],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return answer.stderr


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    "text",
    [
        "The TensorFlow library was compiled to use AVX instructions, but these aren't\n",
        "E0000 00:00:1795396605.880228 cuda_dnn.cc:1] Cannot register\n",
        "WARNING: something else\nI see\n",
        "no newline at the end",
        "I",
        "",
    ],
)
def test_what_is_not_the_known_noise_passes_the_filter(text: str) -> None:
    assert filtered(NOISE + text) == text


def test_noise_between_two_lines_is_taken_out() -> None:
    assert filtered("first\n" + NOISE + "second\n" + NOISE) == "first\nsecond\n"


@pytest.mark.tensorflow
def test_keras_starts_without_a_word() -> None:
    answer = run("from models import backend; backend.load(); print(backend.device())")

    assert answer.returncode == 0
    assert answer.stdout.strip().startswith(("cpu:", "gpu:"))
    assert answer.stderr == ""


@pytest.mark.tensorflow
def test_standard_error_is_itself_again_afterwards() -> None:
    answer = run(f"import sys; from models import backend; backend.load(); sys.exit({NOISE!r})")

    assert answer.stderr.strip() == NOISE.strip()


@pytest.mark.tensorflow
def test_the_last_words_of_a_process_that_dies_while_loading_are_kept(tmp_path: Path) -> None:
    """As TensorFlow does on a CPU without AVX: a line from C, then abort()."""
    (tmp_path / "keras.py").write_text(
        "import os\nos.write(2, b'FATAL: no AVX here\\n')\nos.abort()\n"
    )

    answer = run(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from models import backend; "
        "backend.load()"
    )

    assert answer.returncode < 0
    assert "FATAL: no AVX here" in answer.stderr


def test_only_the_backend_module_knows_a_backend() -> None:
    backends = {"tensorflow", "jax", "torch"}
    for path in Path(models.__file__).parent.glob("*.py"):
        if path.name == "backend.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert backends.isdisjoint(name.split(".")[0] for name in names), path
