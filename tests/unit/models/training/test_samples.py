"""What the network sees follows from the seed, whoever makes it and from where on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.cases.case import Case
from models.training.errors import WrongRecipe
from models.training.pictures import PictureStore
from models.training.recipe import Recipe
from models.training.samples import Samples, Training, ahead
from models.training.targets import POSITIVE
from tests import tiny_training
from tests.tiny_training import SPEC

WINDOWED = Recipe(window=(70, 60), noise=0.05, seed=5)


def training(folder: Path, recipe: Recipe, count: int = 5) -> Training:
    cases = [tiny_training.case(folder, number) for number in range(count)]
    return Training(samples(folder, recipe, cases), cases, recipe)


def samples(folder: Path, recipe: Recipe, cases: list[Case]) -> Samples:
    store = PictureStore(folder / "pictures", SPEC, tiny_training.read)
    list(store.fill(cases, workers=1))
    return Samples(store, SPEC, recipe)


@pytest.mark.parametrize("recipe", [Recipe(), WINDOWED], ids=["published", "windowed"])
def test_a_batch_is_the_same_whenever_it_is_made(tmp_path: Path, recipe: Recipe) -> None:
    first, second = training(tmp_path, recipe), training(tmp_path, recipe)
    forward = [first.batch(number) for number in range(8)]

    backward = [second.batch(number) for number in reversed(range(8))][::-1]

    for one, other in zip(forward, backward, strict=True):
        assert one.names == other.names
        for name in ("pixels", "regression", "classification"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_another_seed_another_epoch_and_another_case_give_another_batch(tmp_path: Path) -> None:
    one = training(tmp_path, Recipe(), count=1)
    other = training(tmp_path, Recipe(seed=1), count=1)

    batches = [one.batch(0), one.batch(1), other.batch(0)]

    assert len({batch.pixels.tobytes() for batch in batches}) == 3


def test_each_pass_takes_each_case_once_in_another_order(tmp_path: Path) -> None:
    made = training(tmp_path, Recipe())
    assert made.steps == 5

    passes = [[made.batch(5 * turn + n).names[0] for n in range(5)] for turn in range(3)]

    assert [Counter(names) for names in passes] == [Counter(passes[0])] * 3
    assert len(set(passes[0])) == 5
    assert len({tuple(names) for names in passes}) > 1


def test_a_batch_of_several_goes_on_into_the_next_pass(tmp_path: Path) -> None:
    made = training(tmp_path, Recipe(batch=2))

    assert made.steps == 3
    batch = made.batch(2)

    assert batch.pixels.shape == (2, 96, 96, 3)
    assert batch.regression.shape[0] == batch.classification.shape[0] == len(batch.names) == 2


def test_steps_that_are_set_are_the_steps(tmp_path: Path) -> None:
    assert training(tmp_path, Recipe(steps=17)).steps == 17


def test_a_window_shows_a_lesion_at_full_scale(tmp_path: Path) -> None:
    made = training(tmp_path, WINDOWED)

    for number in range(10):
        batch = made.batch(number)
        assert batch.pixels.shape == (1, 70, 60, 3)
        assert (batch.classification[..., -1] == POSITIVE).any()
        # Lesion (220) and breast (at most 40), whatever was cut out.
        grey = batch.pixels[..., 0] + SPEC.channel_means[0]
        assert grey.max() > 180


def test_validation_sees_the_image_as_the_detector_does(tmp_path: Path) -> None:
    case = tiny_training.case(tmp_path, 1)
    recipe = replace(WINDOWED, brightness=0.3)

    sample, picture = samples(tmp_path, recipe, [case]).plain(case)

    expected = picture.pixels[:, :, None] - np.asarray(SPEC.channel_means, np.float32)
    np.testing.assert_array_equal(sample.pixels, expected)


def test_a_window_larger_than_the_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongRecipe, match=r"window: \(97, 5\) is larger than the input, 96"):
        samples(tmp_path, Recipe(window=(97, 5)), [])


def test_things_made_ahead_come_in_order_and_so_does_an_error() -> None:
    def make(number: int) -> int:
        if number == 7:
            raise ValueError("seven")
        return number * number

    made = ahead(make, range(20), workers=3)

    assert [next(made) for _ in range(7)] == [n * n for n in range(7)]
    with pytest.raises(ValueError, match="seven"):
        next(made)
