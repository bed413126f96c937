"""The boxes of an analysis: those at or above its threshold, and those that were kept below it."""

from __future__ import annotations

from typing import Final

import numpy as np

from node.db.tables import Analysis, FindingRow

CANDIDATE_THRESHOLDS: Final = "candidate_thresholds"
"""Among the parameters of an analysis that kept boxes below its threshold."""


def findings_of(analysis: Analysis) -> list[FindingRow]:
    """Give the boxes that results show, the best first."""
    return [row for row in analysis.findings if _is_finding(analysis, row)]


def candidates_of(analysis: Analysis) -> list[FindingRow]:
    """Give the boxes below the threshold, ranked on: for a graded CAD SR alone."""
    return [row for row in analysis.findings if not _is_finding(analysis, row)]


def candidate_thresholds_of(analysis: Analysis) -> tuple[float, ...]:
    """Give the thresholds below the one in force, falling; empty when none were set."""
    return tuple(analysis.parameters.get(CANDIDATE_THRESHOLDS, ()))


def _is_finding(analysis: Analysis, row: FindingRow) -> bool:
    """Compare as the detector does: 0.7 in float64 is more than 0.7 in float32."""
    if not candidate_thresholds_of(analysis):
        return True
    return bool(np.float32(row.score) >= np.float32(analysis.parameters["score_threshold"]))
