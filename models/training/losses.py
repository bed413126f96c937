"""The two losses, as keras-retinanet 0.5.1 has them; the same on every backend of Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from keras import ops

from models.training.targets import IGNORED, POSITIVE

Loss = Callable[[Any, Any], Any]
"""From targets (batch, anchors, n + 1), whose last column is the state, and answers to a number."""

CLOSEST: Final = 1e-7
"""The logarithm sees a probability no closer to 0 and 1 than this."""


def _positives(state: Any) -> Any:
    """Count the positive anchors of the batch, at least 1."""
    return ops.maximum(ops.sum(ops.cast(ops.equal(state, float(POSITIVE)), "float32")), 1.0)


def focal(*, alpha: float, gamma: float) -> Loss:
    """Cross entropy in which well answered anchors count little (Lin et al. 2017)."""

    def loss(wanted: Any, answered: Any) -> Any:
        wanted = ops.cast(wanted, "float32")
        answered = ops.cast(answered, "float32")
        state = wanted[..., -1]
        hit = ops.equal(wanted[..., :-1], 1.0)
        # Probability of the right answer and of the wrong one.
        wrong = ops.where(hit, 1.0 - answered, answered)
        right = ops.clip(1.0 - wrong, CLOSEST, 1.0 - CLOSEST)
        focus = ops.square(wrong) if gamma == 2 else ops.power(wrong, gamma)
        each = ops.where(hit, alpha, 1.0 - alpha) * focus * -ops.log(right)
        counted = ops.cast(ops.not_equal(state, float(IGNORED)), "float32")
        return ops.sum(each * counted[..., None]) / _positives(state)

    return loss


def smooth_l1(*, sigma: float) -> Loss:
    """Absolute error of the box offsets, quadratic below 1 / sigma squared."""
    corner = 1.0 / sigma**2

    def loss(wanted: Any, answered: Any) -> Any:
        wanted = ops.cast(wanted, "float32")
        answered = ops.cast(answered, "float32")
        state = wanted[..., -1]
        error = ops.abs(answered - wanted[..., :-1])
        each = ops.where(error < corner, ops.square(error) * (0.5 / corner), error - corner / 2)
        counted = ops.cast(ops.equal(state, float(POSITIVE)), "float32")
        return ops.sum(each * counted[..., None]) / _positives(state)

    return loss
