"""A lesion that the demo inserts is found, or the demo says that it was not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from node.demo.insertion import Insertion
from node.demo.sighting import FOUND
from node.dicom.geometry import Box
from tests.demo_node import demo

pytestmark = pytest.mark.films


def insertion(view: str, x0: float, y0: float, x1: float, y1: float) -> Insertion:
    """Brighten a box, given in shares of the view's columns and rows."""

    def brighten(grey: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Box]:
        rows, columns = grey.shape
        box = Box(x0 * columns, y0 * rows, x1 * columns, y1 * rows)
        inside = (slice(round(box.y0), round(box.y1)), slice(round(box.x0), round(box.x1)))
        bright = grey.copy()
        bright[inside] = np.maximum(grey[inside], 200)
        return bright, box

    return Insertion(view, brighten)


def test_an_inserted_lesion_is_found_where_a_box_lies_on_it(tmp_path: Path) -> None:
    folder = tmp_path / "mgnode-demo"

    status, screen = demo(folder, insertion=insertion("LMLO", 0.3, 0.2, 0.6, 0.4))

    summary = json.loads((folder / "summary.json").read_text())
    inserted = summary["inserted_lesion"]
    # The stand-in's box is a quarter higher; the films' LMLO is 4680 x 2576 pixels.
    assert inserted == {
        "view": "LMLO",
        "box": pytest.approx([0.3 * 2576, 0.2 * 4680, 0.6 * 2576, 0.4 * 4680]),
        "found": True,
        "best_iou": 0.8,
        "score_percent": 61.0,
        "false_boxes": 7,
    }
    assert status == 0
    assert summary["checks"][-1] == {
        "name": FOUND,
        "passed": True,
        "detail": "IoU 0.80, score 61.0 %",
    }
    assert "A synthetic lesion was inserted into LMLO." in screen
    assert "false boxes" in screen
    assert "The synthetic lesion in LMLO was found." in screen


def test_a_lesion_that_no_box_lies_on_fails_the_demo(tmp_path: Path) -> None:
    folder = tmp_path / "mgnode-demo"

    status, screen = demo(folder, insertion=insertion("RCC", 0.1, 0.6, 0.2, 0.7))

    summary = json.loads((folder / "summary.json").read_text())
    assert status == 1
    assert [check for check in summary["checks"] if not check["passed"]] == [
        {"name": FOUND, "passed": False, "detail": "no box of RCC touches it"}
    ]
    assert summary["inserted_lesion"]["false_boxes"] == 8
    assert "The synthetic lesion in RCC was NOT found." in screen
    assert "1 of 16 checks FAILED." in screen
