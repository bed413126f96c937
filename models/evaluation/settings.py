"""What the figures of an evaluation depend on, beside the cases and the boxes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """The published rules as defaults.

    Parameters
    ----------
    iou_threshold : float
        A box at or above it is a hit.
    most_false_positives : float
        The partial area under the FROC curve ends here; mean false positives per image.
    wanted_false_positives : float
        The operating threshold is the lowest one with no more than this; mean per image.
    at_false_positives : tuple of float
        Where the sensitivity is read off the curve; mean false positives per image.
    threshold : float or None
        A threshold to judge beside the two that are found: the one in service.
    confidence : float
        Of every interval.
    replicates : int
        Of the bootstrap; 0 for no bootstrap.
    seed : int
        Of the bootstrap.
    """

    iou_threshold: float = 0.3
    most_false_positives: float = 1.0
    wanted_false_positives: float = 0.5
    at_false_positives: tuple[float, ...] = (0.1, 0.25, 0.5, 1.0)
    threshold: float | None = None
    confidence: float = 0.95
    replicates: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no figure can be made of."""
        if not 0 < self.iou_threshold <= 1:
            raise ValueError(f"iou_threshold {self.iou_threshold} is not above 0 and up to 1")
        if self.most_false_positives <= 0:
            raise ValueError(f"most_false_positives {self.most_false_positives} is not above 0")
        if min(self.wanted_false_positives, *self.at_false_positives, 0) < 0:
            raise ValueError("false positives per image cannot be negative")
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence {self.confidence} is not between 0 and 1")
        if self.replicates < 0:
            raise ValueError(f"replicates {self.replicates} is negative")
