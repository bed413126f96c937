"""Why no figures can be made."""

from __future__ import annotations

from models.errors import ModelError


class EvaluationError(ModelError):
    """Cases and boxes do not fit each other.

    Parameters
    ----------
    problems : tuple of str
        All of them.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
