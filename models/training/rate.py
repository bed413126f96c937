"""The learning rate of each step."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from models.training.recipe import Recipe, Schedule


@dataclass(frozen=True, slots=True)
class Plateau:
    """What Keras' ReduceLROnPlateau remembers between epochs.

    Parameters
    ----------
    rate : float
        Of the epoch to come.
    best : float
        Lowest training loss so far.
    waited : int
        Epochs since then.
    """

    rate: float
    best: float = math.inf
    waited: int = 0

    def after(self, loss: float, recipe: Recipe) -> Plateau:
        """Give the state after an epoch with this training loss."""
        if loss < self.best - recipe.plateau_min_delta:
            return replace(self, best=loss, waited=0)
        if self.waited + 1 < recipe.plateau_patience:
            return replace(self, waited=self.waited + 1)
        lower = max(self.rate * recipe.plateau_factor, recipe.minimum_rate)
        # Keras starts to count anew only when it has lowered the rate.
        if self.rate <= recipe.minimum_rate:
            return replace(self, waited=self.waited + 1)
        return replace(self, rate=lower, waited=0)


def rate_at(step: int, *, steps: int, recipe: Recipe, plateau: Plateau) -> float:
    """Give the learning rate of a step.

    Parameters
    ----------
    step, steps : int
        Its number from 0, and how many the whole run has.
    """
    if recipe.schedule == Schedule.PLATEAU:
        return plateau.rate
    if recipe.schedule == Schedule.CONSTANT:
        return recipe.learning_rate
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    done = (step - recipe.warmup_steps) / max(1, steps - recipe.warmup_steps)
    height = recipe.learning_rate - recipe.minimum_rate
    return recipe.minimum_rate + height * (1 + math.cos(math.pi * done)) / 2
