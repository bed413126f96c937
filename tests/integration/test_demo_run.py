"""The demo from end to end, around a node in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from node.demo.sighting import FOUND
from node.errors import StopError, TransientFailure
from tests.demo_node import demo, node_that_ends, node_without_overlays, node_without_room

pytestmark = pytest.mark.films


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    folder = tmp_path_factory.mktemp("demo") / "mgnode-demo"
    return folder, *demo(folder)


def test_four_images_go_in_and_two_reports_and_four_overlays_come_back(
    finished: tuple[Path, int, str],
) -> None:
    folder, status, _ = finished
    summary = json.loads((folder / "summary.json").read_text())

    assert [check for check in summary["checks"] if not check["passed"]] == []
    assert status == 0
    assert summary["passed"] is True
    assert (
        summary["images_sent"],
        summary["reports_received"],
        summary["cad_reports_received"],
        summary["overlays_received"],
    ) == (4, 1, 1, 4)


def test_the_screen_shows_study_results_audit_and_checks(
    finished: tuple[Path, int, str],
) -> None:
    _, _, screen = finished

    for expected in (
        "these boxes mean nothing: the network runs on random numbers",
        "61.0 %",
        "ANALYSED",
        "measurement_report",
        "cad_sr",
        "DELIVERED",
        "instance_received",
        "study_reported",
        "every box lies inside its image",
        "4 images in, 1 report, 1 CAD SR and 4 overlays back in",
        "CC BY 3.0",
    ):
        assert expected in screen
    assert "FAILED" not in screen


def test_the_screen_shows_no_patient(finished: tuple[Path, int, str]) -> None:
    _, _, screen = finished

    assert "Yamada" not in screen
    assert "MGNODE-DEMO" not in screen


def test_every_view_every_overlay_and_the_sheet_are_pictures(
    finished: tuple[Path, int, str],
) -> None:
    pictures = finished[0] / "pictures"
    names = ("RCC", "LCC", "RMLO", "LMLO")

    assert {path.name for path in pictures.iterdir()} == {
        "study.png",
        *(f"{name}.png" for name in names),
        *(f"{name}-overlay.png" for name in names),
    }
    for name in names:
        with Image.open(pictures / f"{name}.png") as view:
            assert (view.mode, max(view.size)) == ("L", 1600)
        with Image.open(pictures / f"{name}-overlay.png") as overlay:
            assert (overlay.mode, max(overlay.size)) == ("RGB", 2048)


def test_the_sheet_hangs_right_breasts_on_the_left_with_their_boxes(
    finished: tuple[Path, int, str],
) -> None:
    """In each quarter the box's green frame lies where the stand-in put it."""
    with Image.open(finished[0] / "pictures" / "study.png") as sheet:
        pixels = sheet.load()
        width = sheet.width
    green = [(x, y) for x in range(width) for y in range(1280) if pixels[x, y] == (96, 255, 128)]
    # A strip of 28 pixels with the names is above each row of views, 640 pixels high; the
    # boxes reach from 0.2 to 0.8 of that.
    for left, top in ((True, 0), (False, 0), (True, 668), (False, 668)):
        quarter = [
            y - top - 28 for x, y in green if (x < width // 2) == left and top <= y < top + 668
        ]
        assert min(quarter) < 0.2 * 640
        assert max(quarter) == pytest.approx(0.8 * 640, abs=3)


def test_a_box_that_left_its_image_came_back_cut_to_it(finished: tuple[Path, int, str]) -> None:
    folder, _, _ = finished
    summary = json.loads((folder / "summary.json").read_text())
    (boxes,) = [c for c in summary["checks"] if c["name"] == "every box lies inside its image"]

    assert boxes["detail"] == "8 boxes"


def test_films_that_were_sent_as_they_are_have_no_lesion_to_find(
    finished: tuple[Path, int, str],
) -> None:
    folder, _, screen = finished
    summary = json.loads((folder / "summary.json").read_text())

    assert summary["inserted_lesion"] is None
    assert FOUND not in [check["name"] for check in summary["checks"]]
    assert "synthetic lesion" not in screen
    assert "false boxes" not in screen


def test_a_second_run_is_a_new_study_in_the_same_folder(tmp_path: Path) -> None:
    folder = tmp_path / "mgnode-demo"
    statuses = [demo(folder)[0] for _ in range(2)]

    assert statuses == [0, 0]
    assert len(list((folder / "sent").iterdir())) == 4


def test_a_missing_result_fails_the_demo_and_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "mgnode-demo"

    status, screen = demo(folder, start_node=node_without_overlays)

    summary = json.loads((folder / "summary.json").read_text())
    assert status == 1
    assert [check["name"] for check in summary["checks"] if not check["passed"]] == [
        "one report of each kind and an overlay of every image came back",
        "every image with a box has an overlay",
    ]
    assert "2 of 15 checks FAILED." in screen


def test_a_node_that_ends_by_itself_stops_the_demo(tmp_path: Path) -> None:
    with pytest.raises(StopError, match="the analysis worker ended"):
        demo(tmp_path / "mgnode-demo", start_node=node_that_ends)


def test_a_node_that_takes_no_image_stops_the_demo_with_its_answer(tmp_path: Path) -> None:
    """There is nothing to wait for then."""
    with pytest.raises(StopError, match=r"took none of 4 images: .*0xA700"):
        demo(tmp_path / "mgnode-demo", start_node=node_without_room)


def test_results_that_do_not_come_end_the_demo_at_its_limit(tmp_path: Path) -> None:
    with pytest.raises(TransientFailure, match="of 4 images"):
        demo(tmp_path / "mgnode-demo", timeout_seconds=0.0)
