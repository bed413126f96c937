"""The recipe: published defaults, and every mistake told at once."""

from __future__ import annotations

import pytest

from models.training.errors import WrongRecipe
from models.training.recipe import Border, Optimizer, Precision, Recipe, Schedule
from tests.architecture.sources import ROOT

PUBLISHED = {
    "epochs": 100,
    "batch": 1,
    "optimizer": Optimizer.ADAM,
    "learning_rate": 1e-5,
    "clipnorm": 0.001,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-7,
    "schedule": Schedule.PLATEAU,
    "plateau_factor": 0.1,
    "plateau_patience": 2,
    "plateau_min_delta": 1e-4,
    "focal_alpha": 0.25,
    "focal_gamma": 2.0,
    "smooth_l1_sigma": 3.0,
    "box_weight": 1.0,
    "positive_iou": 0.5,
    "negative_iou": 0.4,
    "head_deviation": 0.01,
    "rotation": 0.1,
    "translation": 0.1,
    "shear": 0.1,
    "scaling": 0.1,
    "flip_x": 0.5,
    "flip_y": 0.5,
    "border": Border.REPLICATE,
    "precision": Precision.FLOAT32,
    "watch_iou": 0.5,
    "freeze": (),
}
OFF = {"brightness", "contrast", "gamma", "noise", "blur", "warmup_steps", "minimum_rate"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_setting_is_as_published_unless_it_is_set(name: str) -> None:
    assert getattr(Recipe(), name) == PUBLISHED[name]


def test_what_the_paper_does_not_have_is_off() -> None:
    assert {name: getattr(Recipe(), name) for name in OFF} == dict.fromkeys(OFF, 0)
    assert not Recipe().windowed


def test_every_kind_of_setting_is_read_from_text() -> None:
    found = Recipe.of(
        {
            "epochs": "7",
            "learning_rate": "1e-3",
            "optimizer": "sgd",
            "deterministic": "False",
            "window": "640x448",
            "freeze": "stem, block1_",
        }
    )

    assert found == Recipe(
        epochs=7,
        learning_rate=1e-3,
        optimizer=Optimizer.SGD,
        deterministic=False,
        window=(640, 448),
        freeze=("stem", "block1_"),
    )


def test_a_recipe_is_the_same_after_it_was_written_down() -> None:
    recipe = Recipe(window=(5, 7), freeze=("backbone",), schedule=Schedule.COSINE, seed=3)

    assert Recipe.of(recipe.values()) == recipe


def test_every_text_that_is_no_value_is_told_at_once() -> None:
    with pytest.raises(WrongRecipe) as caught:
        Recipe.of(
            {
                "epocs": "3",
                "epochs": "many",
                "batch": 1.5,
                "optimizer": "lion",
                "deterministic": "perhaps",
                "window": "640",
                "learning_rate": "small",
            }
        )

    assert caught.value.problems == (
        "epocs: there is no such setting",
        "epochs: 'many' is not a whole number",
        "batch: 1.5 is not a whole number",
        "optimizer: 'lion' is none of adam, sgd",
        "deterministic: 'perhaps' is neither true nor false",
        "window: '640' is not height,width",
        "learning_rate: 'small' is not a number",
    )


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"epochs": 0}, "epochs: 0 is less than 1"),
        ({"steps": -1}, "steps: -1 is less than 0"),
        ({"learning_rate": 0.0}, "learning_rate: 0.0 is not above 0"),
        ({"learning_rate": float("nan")}, "learning_rate: nan is not finite"),
        ({"flip_x": 1.1}, "flip_x: 1.1 is not from 0 to 1"),
        ({"negative_iou": 0.6}, "negative_iou: 0.6 is above positive_iou"),
        ({"scaling": 1.0}, "scaling: 1.0 would shrink the image to nothing"),
        ({"rotation": 1.6}, "rotation, shear: a right angle or more"),
        ({"window": (0, 5)}, "window: (0, 5) has no area"),
    ],
)
def test_a_value_out_of_its_range_is_refused(values: dict[str, float], problem: str) -> None:
    with pytest.raises(WrongRecipe) as caught:
        Recipe(**values)

    assert problem in caught.value.problems


def told_defaults() -> dict[str, str]:
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    return {row[1].strip(" `"): row[2].strip() for row in rows}


def test_every_setting_stands_in_the_documents_with_its_default() -> None:
    defaults = {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in Recipe().values().items()
    }

    assert told_defaults() == defaults
