"""The detector beside other programs on the same weights, and beside what the machine can do.

Every program runs in a process of its own, on the same processors; they take turns, so
that a busy machine is busy for all of them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.batches import measure_batches
from benchmarks.contestants import MATRIX_SIDE
from benchmarks.inference_tables import OTHERS, TITLES, tables
from benchmarks.node import peak_mib
from node.cli.tables import table
from tests.factories import phantom
from tests.weights_files import REPOSITORY, reference_weights_file

GFLOP: Final = 438.2
"""Of one image: two for each multiply-add, 800x800, the malignant class alone."""

MATRICES: Final = ("matrix-numpy", "matrix-tensorflow")
PACKAGES: Final = {"ours-openvino": "openvino", **{name: name for name in OTHERS}}

RoundsOption = Annotated[int, typer.Option(min=1, help="Turns of each program.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Processors that each program gets.")]
GpuOption = Annotated[bool, typer.Option("--gpu", help="Images per second by batch instead.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@dataclass
class Measured:
    """What one program took: seconds of each turn, and of its start; MiB at most."""

    ready_seconds: float
    seconds: list[float] = field(default_factory=list)
    peak_mib: float = 0.0

    @property
    def median(self) -> float:
        """Seconds of an image."""
        return statistics.median(self.seconds)


class Contestant:
    """A running process of `benchmarks.contestants`."""

    def __init__(self, name: str, weights: Path, folder: Path, threads: int) -> None:
        self.answers_file = folder / f"{name}.npz"
        began = time.perf_counter()
        self._process = start(name, weights, folder / "picture.npy", self.answers_file, threads)
        self._expect("ready")
        self.measured = Measured(time.perf_counter() - began)
        self._expect("answered")

    def take_turn(self) -> None:
        """Run the network once."""
        assert self._process.stdin is not None  # noqa: S101 (PIPE was asked for)
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self.measured.seconds.append(float(self._line()))
        self.measured.peak_mib = peak_mib(self._process.pid)

    def answers(self) -> dict[str, NDArray[np.float32]]:
        """Read what it answered to the picture."""
        with np.load(self.answers_file) as file:
            return dict(file)

    def stop(self) -> None:
        """End it and wait."""
        self._process.communicate()

    def _expect(self, word: str) -> None:
        if (line := self._line()) != word:
            raise typer.BadParameter(f"{self.answers_file.stem} said {line!r} instead of {word!r}")

    def _line(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 (PIPE was asked for)
        return self._process.stdout.readline().strip()


def start(
    name: str, weights: Path, picture: Path, answers: Path, threads: int
) -> subprocess.Popen[str]:
    """Start one program of `benchmarks.contestants`; what it logs goes to ``answers`` + .log."""
    command = [sys.executable, "-m", "benchmarks.contestants", name]
    with answers.with_suffix(".log").open("w") as log:
        return subprocess.Popen(  # noqa: S603 (our own program)
            [*command, str(weights), str(picture), str(answers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "BENCHMARK_THREADS": str(threads), "KERAS_BACKEND": "tensorflow"},
        )


def main(
    rounds: RoundsOption = 7,
    threads: ThreadsOption = 2,
    *,
    gpu: GpuOption = False,
    as_json: JsonOption = False,
) -> None:
    """Measure and print, with the goals beside."""
    console = Console()
    if gpu:
        found = measure_batches()
        title = f"Images per second on {found['device']} with {found['backend']}"
        rows = [list(row.values()) for row in found["rows"]]
        shown = [(title, [*found["rows"][0]], rows)]
    else:
        with tempfile.TemporaryDirectory(prefix="mgnode-") as folder:
            found = compare(Path(folder), rounds=rounds, threads=threads)
        shown = list(tables(found))
    if as_json:
        console.print_json(json.dumps(found))
        return
    for title, heads, rows in shown:
        console.print(table(title, heads, rows))


def compare(folder: Path, *, rounds: int, threads: int) -> dict[str, Any]:
    """Let every program that is installed take its turns."""
    weights = reference_weights_file()
    np.save(folder / "picture.npy", (phantom(rows=3328, columns=2560) >> 4).astype(np.uint8))
    onnx = exported(weights, folder, threads)
    files = {"ours-keras": weights, "ours-openvino": weights}
    present = [name for name in TITLES if find_spec(PACKAGES.get(name, "keras"))]
    load_before = os.getloadavg()[0]
    with ExitStack() as stack:
        contestants = {}
        for name in (*present, *MATRICES):
            contestants[name] = Contestant(name, files.get(name, onnx), folder, threads)
            stack.callback(contestants[name].stop)
        for number in range(rounds):
            # There and back, so that nobody always follows the same neighbour.
            turns = list(contestants.values())
            for contestant in turns if number % 2 == 0 else reversed(turns):
                contestant.take_turn()
        answers = {name: contestants[name].answers() for name in present}
    measured = {name: contestant.measured for name, contestant in contestants.items()}
    # Without another program, the ratio is to the faster of ours.
    rivals = [name for name in OTHERS if name in present] or present
    fastest = min(measured[name].median for name in rivals)
    matrix_gflop = 2e-9 * MATRIX_SIDE**3
    peak = max(matrix_gflop / measured[name].median for name in MATRICES)
    return {
        "processor": processor(),
        "threads": threads,
        "rounds": rounds,
        "load": [round(load_before, 2), round(os.getloadavg()[0], 2)],
        "matrix_gflops": {name: matrix_gflop / measured[name].median for name in MATRICES},
        "programs": {
            name: {
                **asdict(measured[name]),
                "median_seconds": measured[name].median,
                "fastest_seconds": min(measured[name].seconds),
                "ratio": measured[name].median / fastest,
                "share_of_peak": GFLOP / measured[name].median / peak,
                **{
                    f"{what}_difference": float(
                        np.abs(answers[name][what] - answers["ours-keras"][what]).max()
                    )
                    for what in ("regression", "classification")
                },
            }
            for name in present
        },
    }


def exported(weights: Path, folder: Path, threads: int) -> Path:
    """Give the ONNX file of the weights, made once (a minute) and kept with them."""
    onnx = weights.with_suffix(".onnx")
    if not onnx.exists():
        process = start("export", weights, folder / "picture.npy", onnx, threads)
        process.communicate()
        if process.returncode:
            raise typer.BadParameter(f"no ONNX file was made: {onnx.with_suffix('.log')}")
    return onnx


def processor() -> str:
    """Name the processor (Linux)."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "?")


if __name__ == "__main__":
    typer.run(main)
