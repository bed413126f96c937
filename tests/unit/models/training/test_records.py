"""What a run writes down about itself."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from models.cases.case import Case
from models.training import records
from models.training.errors import AnotherRun
from models.training.events import write_events
from models.training.recipe import Recipe
from tests import tiny_training

ROWS = [
    {"epoch": 1, "seconds": 2.0, "loss": 3.25, "sensitivity": float("nan")},
    {"epoch": 300, "seconds": 1.5, "loss": 0.5, "sensitivity": 0.75},
]


@pytest.mark.tensorflow
def test_tensorflow_reads_our_event_file(tmp_path: Path) -> None:
    import tensorflow as tf
    from tensorflow.core.util import event_pb2

    write_events(tmp_path / "events", ROWS)

    raw = tf.data.TFRecordDataset(str(tmp_path / "events")).as_numpy_iterator()
    version, *events = [event_pb2.Event.FromString(record) for record in raw]
    assert version.file_version == "brain.Event:2"
    assert [(event.step, event.wall_time) for event in events] == [(1, 2.0), (300, 3.5)]
    values = [{value.tag: value.simple_value for value in e.summary.value} for e in events]
    assert values == [{"loss": 3.25}, {"loss": 0.5, "sensitivity": 0.75}]


def test_the_log_has_one_line_for_each_epoch(tmp_path: Path) -> None:
    rows = [dict.fromkeys(records.COLUMNS, number) for number in (1, 2)]

    records.write_log(tmp_path / "log.csv", rows)

    with (tmp_path / "log.csv").open(encoding="utf-8", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]


def about(recipe: Recipe, cases: list[Case], loss: float = 0.0) -> dict[str, object]:
    return {
        "recipe": recipe.values(),
        "network": {"name": "tiny"},
        "training_sha256": records.cases_sha256(cases),
        "validation_sha256": records.cases_sha256([]),
        "initial_sha256": records.tensors_sha256({"a": np.full(3, loss, np.float32)}),
    }


def test_what_does_not_change_the_result_may_change(tmp_path: Path) -> None:
    cases = [tiny_training.case(tmp_path, 1)]
    records.write_json(tmp_path / "run.json", about(Recipe(workers=1), cases))

    again = about(Recipe(workers=4, checkpoint_steps=9), cases)

    records.check_same(tmp_path / "run.json", again)


def test_every_difference_to_the_run_before_is_told(tmp_path: Path) -> None:
    cases = [tiny_training.case(tmp_path, number) for number in (1, 2)]
    records.write_json(tmp_path / "run.json", about(Recipe(), cases[:1]))

    with pytest.raises(AnotherRun) as caught:
        records.check_same(
            tmp_path / "run.json", about(Recipe(seed=3, window=(5, 6)), cases, loss=1.0)
        )

    for difference in (
        "seed is 3, was 0",
        "window is [5, 6], was [0, 0]",
        "the training_sha256 differs",
        "the initial_sha256 differs",
    ):
        assert difference in str(caught.value)
    assert "validation" not in str(caught.value)


def test_a_damaged_record_is_no_run_to_go_on_with(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{", encoding="utf-8")

    with pytest.raises(AnotherRun, match="cannot be read"):
        records.check_same(tmp_path / "run.json", about(Recipe(), []))
