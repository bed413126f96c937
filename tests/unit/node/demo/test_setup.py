"""The demo's folder, its settings and its plain words."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.detecting import DetectorSettings
from config.sending import Destination
from node.demo.setup import demo_settings, describe_weights, fresh_folder
from node.errors import StopError

PACS = Destination(ae_title="DEMOPACS", host="127.0.0.1", port=104)


def test_a_second_demo_empties_the_folder_of_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    fresh_folder(folder)
    (folder / "old").mkdir()
    (folder / "old" / "report.dcm").touch()

    fresh_folder(folder)

    assert not (folder / "old").exists()


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    fresh_folder(tmp_path)

    assert tmp_path.is_dir()


def test_a_folder_with_other_things_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("the only copy")

    with pytest.raises(StopError, match="not made by a demo"):
        fresh_folder(tmp_path)

    assert (tmp_path / "thesis.txt").read_text() == "the only copy"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "demo"
    path.touch()

    with pytest.raises(StopError):
        fresh_folder(path)


def test_the_node_of_the_demo_listens_to_this_machine_alone(tmp_path: Path) -> None:
    settings = demo_settings(tmp_path, DetectorSettings(), PACS)

    assert settings.scp.host == "127.0.0.1"
    assert all(network.is_loopback for network in settings.scp.networks)


def test_results_of_every_sender_go_to_the_demos_pacs(tmp_path: Path) -> None:
    settings = demo_settings(tmp_path, DetectorSettings(), PACS)

    assert [settings.destinations[name] for name in settings.destinations_for("ANY")] == [PACS]


def test_random_numbers_are_called_random_numbers() -> None:
    words = describe_weights(DetectorSettings(model="reference", weights=Path("reference.h5")))

    assert "these boxes mean nothing: the network runs on random numbers" in words


def test_the_demonstration_model_is_called_one_without_clinical_value() -> None:
    words = describe_weights(DetectorSettings(model="demonstration"))

    assert words == "Demonstration model: trained on synthetic images, no clinical value."


def test_real_weights_are_named_and_are_not_for_diagnosis() -> None:
    words = describe_weights(
        DetectorSettings(model="ueda2022", weights=Path("/weights/resnet152_pascal.h5"))
    )

    assert "ueda2022" in words
    assert "resnet152_pascal.h5" in words
    assert "Not for diagnosis" in words
    assert "random" not in words
