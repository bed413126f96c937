"""The learning rate, epoch by epoch and step by step."""

from __future__ import annotations

import pytest

from models.training.rate import Plateau, rate_at
from models.training.recipe import Recipe, Schedule

# Worked out by hand from the rule: 1e-4 better, else after two epochs a tenth.
LOSSES = [1.0, 0.9, 0.89995, 0.89991, 0.9, 0.8, 0.8, 0.8, 0.8, 0.8]
RATES = [1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001]


def test_the_rate_falls_when_two_epochs_brought_nothing() -> None:
    recipe = Recipe(learning_rate=1.0)
    plateau, found = Plateau(1.0), []

    for loss in LOSSES:
        plateau = plateau.after(loss, recipe)
        found.append(plateau.rate)

    assert found == pytest.approx(RATES)


@pytest.mark.tensorflow
def test_keras_own_rule_gives_the_same_rates() -> None:
    import keras

    class Model:
        class optimizer:  # noqa: N801 (the name that Keras looks for)
            learning_rate = 1.0

        stop_training = False

    rule = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=2, min_delta=1e-4)
    rule.set_model(Model())
    rule.on_train_begin()
    plateau, ours, theirs = Plateau(1.0), [], []
    for epoch, loss in enumerate(LOSSES):
        rule.on_epoch_end(epoch, {"loss": loss})
        theirs.append(float(Model.optimizer.learning_rate))
        plateau = plateau.after(loss, Recipe())
        ours.append(plateau.rate)

    assert ours == pytest.approx(theirs)


def test_the_rate_never_falls_below_its_minimum() -> None:
    recipe = Recipe(learning_rate=1.0, minimum_rate=0.05)
    plateau = Plateau(1.0)

    for _ in range(20):
        plateau = plateau.after(1.0, recipe)

    assert plateau.rate == 0.05


def test_the_cosine_rises_and_falls() -> None:
    recipe = Recipe(schedule=Schedule.COSINE, learning_rate=8.0, minimum_rate=2.0, warmup_steps=4)

    found = [rate_at(step, steps=12, recipe=recipe, plateau=Plateau(0)) for step in range(13)]

    assert found[:5] == [2.0, 4.0, 6.0, 8.0, 8.0]
    assert found[8] == pytest.approx(5.0)
    assert found[12] == pytest.approx(2.0)
    assert found[4:] == sorted(found[4:], reverse=True)


def test_a_constant_rate_is_constant() -> None:
    recipe = Recipe(schedule=Schedule.CONSTANT, learning_rate=3.0)

    assert {rate_at(n, steps=9, recipe=recipe, plateau=Plateau(7.0)) for n in range(9)} == {3.0}
