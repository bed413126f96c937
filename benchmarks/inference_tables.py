"""The figures of `benchmarks.inference` as tables, with the goals beside."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

TITLES: Final = {
    "ours-keras": "ours, Keras",
    "ours-openvino": "ours, OpenVINO",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
}
OTHERS: Final = ("onnxruntime", "openvino")
"""What ours is compared with; the goals are not theirs."""

LARGEST_RATIO: Final = 1.10
LEAST_SHARE: Final = 0.80
MOST_MIB: Final = 1.2 * 1024
MOST_SECONDS_TO_READY: Final = 5.0
REGRESSION_TOLERANCE: Final = 3e-4
SCORE_TOLERANCE: Final = 2e-4

Programs = dict[str, dict[str, Any]]
Table = tuple[str, list[str], list[list[str]]]
"""Title, heads and rows."""


def tables(found: dict[str, Any]) -> list[Table]:
    """Lay the figures out."""
    programs: Programs = found["programs"]

    def row(
        what: str,
        goal: str,
        key: str,
        show: Callable[[float], str],
        is_met: Callable[[float], bool] = lambda _: True,
    ) -> list[str]:
        cells = [
            show(each[key]) + ("" if name in OTHERS or is_met(each[key]) else " missed")
            for name, each in programs.items()
        ]
        return [what, goal, *cells]

    rows = [
        row("s an image, median", "", "median_seconds", "{:.3f}".format),
        row("s, fastest turn", "", "fastest_seconds", "{:.3f}".format),
        row(
            "median to the faster runtime's",
            f"<= {LARGEST_RATIO:.2f}",
            "ratio",
            "{:.2f}".format,
            lambda value: value <= LARGEST_RATIO,
        ),
        row(
            "of the matrix peak",
            f">= {LEAST_SHARE:.0%}",
            "share_of_peak",
            "{:.0%}".format,
            lambda value: value >= LEAST_SHARE,
        ),
        row(
            "peak memory, MiB",
            f"<= {MOST_MIB:.0f}",
            "peak_mib",
            "{:.0f}".format,
            lambda value: value <= MOST_MIB,
        ),
        row(
            "s from start to ready",
            f"<= {MOST_SECONDS_TO_READY:g}",
            "ready_seconds",
            "{:.1f}".format,
            lambda value: value <= MOST_SECONDS_TO_READY,
        ),
        row(
            "offsets, off Keras' by",
            f"<= {REGRESSION_TOLERANCE:g}",
            "regression_difference",
            "{:.1e}".format,
            lambda value: value <= REGRESSION_TOLERANCE,
        ),
        row(
            "scores, off Keras' by",
            f"<= {SCORE_TOLERANCE:g}",
            "classification_difference",
            "{:.1e}".format,
            lambda value: value <= SCORE_TOLERANCE,
        ),
    ]
    heads = ["what", "goal", *(TITLES[name] for name in programs)]
    return [("The published network at 800x800", heads, rows), _machine(found)]


def _machine(found: dict[str, Any]) -> Table:
    load = " and ".join(f"{value:.1f}" for value in found["load"])
    rows = [
        ["processor", f"{found['processor']}, {found['threads']} of {os.cpu_count()} threads"],
        ["rounds, taking turns", str(found["rounds"])],
        ["load before and after", load],
        *(
            [f"float32 matrix product, {name.removeprefix('matrix-')}, GFLOP/s", f"{value:.0f}"]
            for name, value in found["matrix_gflops"].items()
        ),
    ]
    return ("The machine", ["what", "value"], rows)
