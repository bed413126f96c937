"""Every figure as plain values: for JSON, and as one long table for a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final, NamedTuple

import numpy as np

from models.evaluation.bootstrap import Estimate
from models.evaluation.breakdown import Group
from models.evaluation.comparison import Comparison, Difference
from models.evaluation.decisions import FIGURES, Counts
from models.evaluation.evaluation import Evaluation, Judgement
from models.evaluation.proportions import Proportion

TABLE: Final = ("part", "name", "figure", "value", "low", "high", "counted", "total")


class Row(NamedTuple):
    """One figure; what is not defined is None and stays empty in the table."""

    part: str
    name: str
    figure: str
    value: float | None
    low: float | None = None
    high: float | None = None
    counted: int | None = None
    total: int | None = None


def values_of(found: Evaluation) -> dict[str, Any]:
    """Give all figures; what is not defined is None, and nothing is NaN or infinite."""
    confidence = found.settings.confidence
    best = found.most_sensitive
    return {
        "settings": asdict(found.settings),
        "total": found.total._asdict(),
        "partial_area": _estimate(found.area),
        "sensitivity_at": [
            {"false_positives": at.false_positives, **_estimate(at.sensitivity)}
            for at in found.sensitivities
        ],
        "most_sensitive": None if best is None else best._asdict(),
        "thresholds": {
            each.name: _judgement(each, confidence=confidence) for each in found.judgements
        },
        "groups": [_group(each, confidence=confidence) for each in found.groups],
        "curve": _curve(found),
    }


def comparison_values(compared: Comparison) -> dict[str, Any]:
    """Give the comparison of two models as plain values."""
    return {
        "partial_area": _difference(compared.area),
        "sensitivity_at": [
            {"false_positives": at.false_positives, **_difference(at.sensitivity)}
            for at in compared.sensitivities
        ],
        "disagreements": [each._asdict() for each in compared.disagreements],
    }


def figures_table(found: Evaluation) -> str:
    """Give the figures as CSV, one a line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TABLE)
    writer.writerows(figure_rows(found))
    return text.getvalue()


def figure_rows(found: Evaluation) -> Iterator[Row]:
    """Give every figure but the curve, one at a time."""
    confidence = found.settings.confidence
    for name, number in found.total._asdict().items():
        yield Row("all", "", name, number)
    yield _of_estimate("all", "", "partial_area", found.area)
    for at in found.sensitivities:
        name = f"sensitivity at {at.false_positives:g} false positives per image"
        yield _of_estimate("all", "", name, at.sensitivity)
    for judged in found.judgements:
        yield Row("threshold", judged.name, "threshold", judged.threshold)
        yield _of_proportion("threshold", judged.name, "cancers found", judged.found, confidence)
        yield _of_estimate(
            "threshold", judged.name, "false positives per image", judged.false_positives
        )
        for figure in FIGURES:
            share: Proportion = getattr(judged.counts, figure)
            yield _of_proportion("threshold", judged.name, f"images, {figure}", share, confidence)
    for group in found.groups:
        yield from _group_rows(group, confidence)


def _group_rows(group: Group, confidence: float) -> Iterator[Row]:
    part, name = group.dimension, group.name or "not known"
    if group.images is not None:
        yield Row(part, name, "images", group.images)
    yield Row(part, name, "cancers", group.lesions)
    yield _of_estimate(part, name, "partial_area", group.area)
    if group.found is not None:
        yield _of_proportion(part, name, "cancers found", group.found, confidence)
    if group.false_positives is not None:
        yield Row(part, name, "false positives per image", group.false_positives)
    if group.counts is not None:
        for figure in FIGURES:
            share: Proportion = getattr(group.counts, figure)
            yield _of_proportion(part, name, f"images, {figure}", share, confidence)


def _of_estimate(part: str, name: str, figure: str, estimate: Estimate) -> Row:
    low, high = estimate.interval or (None, None)
    return Row(part, name, figure, estimate.value, low, high)


def _of_proportion(part: str, name: str, figure: str, share: Proportion, confidence: float) -> Row:
    low, high = share.interval(confidence) or (None, None)
    return Row(part, name, figure, share.value, low, high, share.part, share.whole)


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    low, high = estimate.interval or (None, None)
    return {"value": estimate.value, "low": low, "high": high}


def _proportion(share: Proportion, *, confidence: float) -> dict[str, float | None]:
    low, high = share.interval(confidence) or (None, None)
    return {
        "value": share.value,
        "low": low,
        "high": high,
        "count": share.part,
        "total": share.whole,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "first": difference.first,
        "second": difference.second,
        "change": _estimate(difference.change),
    }


def _judgement(judged: Judgement, *, confidence: float) -> dict[str, Any]:
    return {
        "threshold": judged.threshold,
        "cancers_found": _proportion(judged.found, confidence=confidence),
        "false_positives": _estimate(judged.false_positives),
        "images": _counts(judged.counts, confidence=confidence),
    }


def _counts(counts: Counts, *, confidence: float) -> dict[str, Any]:
    shares = {name: _proportion(getattr(counts, name), confidence=confidence) for name in FIGURES}
    return {**counts._asdict(), **shares}


def _group(group: Group, *, confidence: float) -> dict[str, Any]:
    found, counts = group.found, group.counts
    return {
        "dimension": group.dimension,
        "name": group.name or "not known",
        "images": group.images,
        "cancers": group.lesions,
        "partial_area": _estimate(group.area),
        "cancers_found": None if found is None else _proportion(found, confidence=confidence),
        "false_positives": group.false_positives,
        "image_based": None if counts is None else _counts(counts, confidence=confidence),
    }


def _curve(found: Evaluation) -> list[dict[str, float | None]] | None:
    """Give the corners of the staircase alone: where a further cancer is found."""
    if found.curve is None:
        return None
    rises = np.flatnonzero(np.diff(found.curve.sensitivities, prepend=-1.0) > 0)
    return [
        {
            "threshold": float(threshold) if np.isfinite(threshold) else None,
            "false_positives": float(false),
            "sensitivity": float(sensitivity),
        }
        for threshold, false, sensitivity in zip(
            *(column[rises] for column in found.curve), strict=True
        )
    ]
