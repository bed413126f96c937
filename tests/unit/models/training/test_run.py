"""Whole runs of a tiny network: they learn, keep the best, and say what stops them."""

from __future__ import annotations

import csv
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import OutOfMemory
from models.training import checkpoint
from models.training.errors import (
    AnotherRun,
    DamagedCheckpoint,
    LossNotFinite,
    TrainingError,
    UnreadableImage,
    UnreadableImages,
)
from models.training.initial import drawn_tensors, given_tensors
from models.training.parts import Part, part_of
from models.training.recipe import Optimizer, Precision, Recipe, Schedule
from models.training.run import Outcome, Plan, train
from tests import tiny_training
from tests.tiny_training import FAST, SPEC, Heard

pytestmark = pytest.mark.tensorflow

Finished = tuple[Plan, Heard, Outcome]


def test_two_images_are_learned_by_heart(tmp_path: Path) -> None:
    cases = [tiny_training.case(tmp_path / "images", number) for number in (1, 4)]
    twins = [replace(case, patient=f"twin of {case.patient}") for case in cases]
    recipe = Recipe(
        epochs=10,
        steps=20,
        learning_rate=4e-3,
        clipnorm=1.0,
        schedule=Schedule.COSINE,
        warmup_steps=10,
        watch_mfpi=0.0,
        deterministic=False,
    )

    outcome = train(
        tiny_training.plan(tmp_path, recipe, training=cases, validation=twins),
        tiny_training.read,
        Heard(),
    )

    assert outcome.best["sensitivity"] == 1.0
    assert outcome.best["validation_loss"] < outcome.rows[0]["validation_loss"] / 2


def test_the_weights_of_the_lowest_validation_loss_are_kept(tmp_path: Path) -> None:
    """What is a lesion in training is none in validation: the better learned, the worse."""
    recipe = replace(FAST, epochs=3, steps=12, schedule=Schedule.CONSTANT)
    heard, plan = Heard(), tiny_training.plan(tmp_path, recipe)
    healthy = [replace(case, findings=()) for case in plan.validation]
    plan = replace(plan, validation=healthy)

    whole = train(plan, tiny_training.read, heard)

    losses = [row["validation_loss"] for row in whole.rows]
    assert whole.best_epoch == losses.index(min(losses)) + 1 < len(losses)
    assert heard.best == [loss < min([math.inf, *losses[:n]]) for n, loss in enumerate(losses)]
    # A constant rate: the run that ends with the best epoch took the same steps.
    short = replace(recipe, epochs=whole.best_epoch)
    train(replace(plan, recipe=short, folder=tmp_path / "short"), tiny_training.read, Heard())
    kept = given_tensors(whole.weights, SPEC).tensors
    last = checkpoint.read(tmp_path / "short" / "checkpoint.npz").tensors
    for name, tensor in kept.items():
        np.testing.assert_allclose(tensor, last[name], rtol=1e-3, atol=1e-4, err_msg=name)


def test_a_frozen_part_does_not_move(tmp_path: Path) -> None:
    recipe = replace(FAST, epochs=1, freeze=("stem", "pyramid"))

    outcome = train(tiny_training.plan(tmp_path, recipe), tiny_training.read, Heard())

    before, after = drawn_tensors(SPEC, recipe.seed), given_tensors(outcome.weights, SPEC).tensors
    for name, tensor in after.items():
        frozen = name.startswith("stem") or part_of(name.split("/")[0], SPEC) == Part.PYRAMID
        assert np.array_equal(tensor, before[name]) == frozen, name


def test_batch_normalisations_do_not_move(tmp_path: Path) -> None:
    from tests.unit.models.training.test_initial import RESIDUAL

    plan = tiny_training.plan(tmp_path, replace(FAST, epochs=1), spec=RESIDUAL)

    outcome = train(plan, tiny_training.read, Heard())

    after = given_tensors(outcome.weights, RESIDUAL).tensors
    before = drawn_tensors(RESIDUAL, FAST.seed)
    for name, tensor in after.items():
        if name.startswith("bn"):
            np.testing.assert_array_equal(tensor, before[name])
    assert not np.array_equal(after["conv1/kernel:0"], before["conv1/kernel:0"])


@pytest.mark.parametrize(
    "recipe",
    [
        replace(FAST, epochs=1, optimizer=Optimizer.SGD, momentum=0.9),
        replace(FAST, epochs=1, precision=Precision.MIXED_BFLOAT16, batch=2),
        replace(FAST, epochs=1, precision=Precision.MIXED_FLOAT16),
        replace(FAST, epochs=1, window=(64, 50), blur=0.5),
    ],
    ids=["sgd", "bfloat16", "float16", "window"],
)
def test_each_way_to_train_gives_finite_weights_of_float32(tmp_path: Path, recipe: Recipe) -> None:
    outcome = train(tiny_training.plan(tmp_path, recipe), tiny_training.read, Heard())

    # A file with NaN, or with another type, could not be read.
    after, before = given_tensors(outcome.weights, SPEC).tensors, drawn_tensors(SPEC, 0)
    assert not np.array_equal(after["P3/kernel:0"], before["P3/kernel:0"])
    state = checkpoint.read(tmp_path / "run" / "checkpoint.npz")
    assert len(state.optimizer) > 2
    assert all(tensor.dtype == np.float32 for tensor in state.tensors.values())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Give a run of one epoch that has ended."""
    folder, heard = tmp_path_factory.mktemp("finished"), Heard()
    about = {"manifest_sha256": "ab" * 32}
    plan = tiny_training.plan(folder, replace(FAST, epochs=1), about=about, tensorboard=True)
    return plan, heard, train(plan, tiny_training.read, heard)


def copied(finished: Finished, folder: Path) -> Plan:
    plan = replace(finished[0], folder=folder / "run")
    shutil.copytree(finished[0].folder, plan.folder)
    return plan


def test_what_was_done_stands_in_the_run_folder(finished: Finished) -> None:
    plan, heard, outcome = finished

    assert heard.prepared_last == (5, 5)
    assert heard.steps == [(1, step) for step in (1, 2, 3, 4)]
    about = json.loads((plan.folder / "run.json").read_text())
    assert about["recipe"] == plan.recipe.values()
    assert about["manifest_sha256"] == "ab" * 32
    assert (about["training_cases"], about["validation_cases"]) == (3, 2)
    with (plan.folder / "log.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [row["loss"] for row in outcome.rows]
    assert (plan.folder / "events.out.tfevents.mgnode").stat().st_size > 100


def test_a_finished_run_gives_its_result_again_without_a_step(
    finished: Finished, tmp_path: Path
) -> None:
    plan, heard = copied(finished, tmp_path), Heard()

    again = train(plan, tiny_training.read, heard)

    assert (again.rows, again.best_epoch) == (finished[2].rows, 1)
    assert heard.steps == []


def test_another_recipe_does_not_go_on_with_a_run(finished: Finished, tmp_path: Path) -> None:
    plan = copied(finished, tmp_path)
    other = replace(plan, recipe=replace(plan.recipe, learning_rate=0.5))

    with pytest.raises(AnotherRun, match=r"learning_rate is 0\.5, was 0\.003"):
        train(other, tiny_training.read, Heard())


def test_a_damaged_checkpoint_is_told(finished: Finished, tmp_path: Path) -> None:
    plan = copied(finished, tmp_path)
    path = plan.folder / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:3000])

    with pytest.raises(DamagedCheckpoint, match=r"checkpoint\.npz cannot be read"):
        train(plan, tiny_training.read, Heard())


def test_a_loss_that_is_nan_stops_the_run_and_leaves_the_checkpoint(tmp_path: Path) -> None:
    recipe = replace(FAST, epochs=1, steps=3, schedule=Schedule.CONSTANT)
    plan = tiny_training.plan(tmp_path, recipe)
    broken = drawn_tensors(SPEC, 0)["P3/kernel:0"] * np.float32(1e38)

    with pytest.raises(LossNotFinite, match=r"step \d of epoch 1, with image\d\.png") as caught:
        train(
            replace(plan, initial={"P3/kernel:0": broken}),
            tiny_training.read,
            Heard(),
        )

    assert "checkpoint stays" in str(caught.value)
    assert not (plan.folder / "checkpoint.npz").exists()


def test_running_out_of_memory_says_what_may_help() -> None:
    import tensorflow as tf

    from models.training.samples import Batch
    from models.training.trainee import Trainee

    trainee = Trainee(SPEC, FAST, drawn_tensors(SPEC, 0))

    def full(*_: object, **__: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "no room")

    trainee.model.train_on_batch = full
    empty: NDArray[np.float32] = np.zeros((4, 64, 50, 3), np.float32)
    with pytest.raises(OutOfMemory, match="4 images of 64x50: set a smaller batch, a window"):
        trainee.step(Batch(empty, empty, empty, ()))


def test_every_image_is_opened_before_the_first_step(tmp_path: Path) -> None:
    plan, heard = tiny_training.plan(tmp_path), Heard()
    bad = {plan.training[1].image, plan.validation[1].image}

    def read(path: Path) -> NDArray[np.uint8]:
        if path in bad:
            raise UnreadableImage("NOT_DICOM")
        return tiny_training.read(path)

    with pytest.raises(UnreadableImages) as caught:
        train(plan, read, heard)

    assert len(caught.value.problems) == 2
    assert heard.steps == []


def test_cases_that_teach_nothing_or_cheat_are_refused(tmp_path: Path) -> None:
    plan = tiny_training.plan(tmp_path)
    healthy = [replace(case, findings=()) for case in plan.training]
    known = [replace(plan.validation[0], patient=plan.training[0].patient)]

    for changes, text in (
        ({"training": []}, "0 cases to train on and 2"),
        ({"validation": []}, "3 cases to train on and 0"),
        ({"training": healthy}, "nothing to learn"),
        ({"validation": known}, "1 patients are both"),
    ):
        with pytest.raises(TrainingError, match=text):
            train(replace(plan, **changes), tiny_training.read, Heard())
