"""What can go wrong while training, by what the user may do about it."""

from __future__ import annotations

from collections.abc import Iterable

from models.errors import ModelError


class TrainingError(ModelError):
    """Training cannot start or go on as it was asked for; the text says why."""


class WrongRecipe(TrainingError):
    """A setting of the recipe is out of its range.

    Parameters
    ----------
    problems : iterable of str
        Every problem that was found, each naming its setting.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("the recipe cannot be used:\n" + "\n".join(self.problems))


class UnreadableImage(TrainingError):
    """One image cannot be read: what a function that reads images raises.

    Parameters
    ----------
    problem : str
        What is wrong, without the path.
    """


class UnreadableImages(TrainingError):
    """Some images cannot be read; nothing was trained.

    Parameters
    ----------
    problems : iterable of str
        One line for each image: its path and what is wrong with it.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        head = f"{count} image{'' if count == 1 else 's'} cannot be read:"
        super().__init__("\n".join((head, *self.problems)))


class LossNotFinite(TrainingError):
    """The loss became NaN or infinite; the last checkpoint is from before."""


class AnotherRun(TrainingError):
    """The run folder holds a run with another recipe or other data."""


class DamagedCheckpoint(TrainingError):
    """The checkpoint cannot be read, or belongs to another network."""
