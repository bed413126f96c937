"""The FROC curve as an SVG picture to stand in a page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from models.evaluation.evaluation import OPERATING, Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS: Final = ("#0b6e99", "#b3541e")
"""Blue and rust: apart for every kind of colour vision; the lines differ in style, too."""
_STYLES: Final = ("-", (0, (5, 1.5)))
_INK: Final = "#1d2b36"
_GRID: Final = "#dde4e8"
_SIZE: Final = (7.2, 4.6)
"""Inches; the page scales it."""


class DrawnCurve(NamedTuple):
    """An evaluation and the name that it has in the legend."""

    name: str
    evaluation: Evaluation


def froc_svg(curves: Sequence[DrawnCurve], *, title: str, description: str) -> str | None:
    """Draw one curve or two, with their bands; None when none of them is defined.

    The same evaluations give the same bytes. The texts stay texts, so that the picture
    can be searched and read aloud.
    """
    drawn = [each for each in curves if each.evaluation.curve is not None]
    if not drawn:
        return None
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: Any = {
        "svg.hashsalt": "mgnode",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 11,
        "text.color": _INK,
        "axes.labelcolor": _INK,
        "axes.edgecolor": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "text.parse_math": False,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        limit = drawn[0].evaluation.settings.most_false_positives
        for (name, evaluation), colour, dashes in zip(drawn, COLOURS, _STYLES, strict=False):
            _draw(axes, name, evaluation, limit=limit, colour=colour, dashes=dashes)
        _frame(axes, limit)
        picture = io.StringIO()
        figure.savefig(
            picture,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    return _for_page(picture.getvalue(), title, description)


def _draw(
    axes: Axes, name: str, evaluation: Evaluation, *, limit: float, colour: str, dashes: Any
) -> None:
    curve, band = evaluation.curve, evaluation.band
    if curve is None:
        return
    inside = curve.false_positives <= limit
    last = curve.sensitivities[inside][-1]
    axes.step(
        [*curve.false_positives[inside], limit],
        [*curve.sensitivities[inside], last],
        where="post",
        color=colour,
        linestyle=dashes,
        linewidth=2.2,
        label=name,
        zorder=3,
    )
    if band is not None:
        axes.fill_between(
            band.false_positives,
            band.low,
            band.high,
            step="post",
            color=colour,
            alpha=0.15,
            linewidth=0,
            zorder=1,
        )
    operating = evaluation.judgement(OPERATING)
    if operating is None:
        return
    rate, found = operating.false_positives.value, operating.found.value
    if rate is not None and found is not None and rate <= limit:
        axes.plot(
            [rate],
            [found],
            marker="o",
            markersize=8,
            color=colour,
            markeredgecolor="white",
            markeredgewidth=1.5,
            linestyle="none",
            clip_on=False,
            zorder=4,
        )


def _frame(axes: Axes, limit: float) -> None:
    axes.set_xlim(0, limit)
    axes.set_ylim(0, 1)
    axes.set_xticks(np.linspace(0, limit, 6))
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xlabel("Mean false positives per image")
    axes.set_ylabel("Sensitivity (cancers found)")
    axes.grid(visible=True, color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(loc="lower right", frameon=False)


def _for_page(picture: str, title: str, description: str) -> str:
    """Cut the XML head off and give the picture a name for those who do not see it."""
    from xml.sax.saxutils import escape

    start = picture.index("<svg")
    head, body = picture[start:].split(">", maxsplit=1)
    named = (
        f'{head} role="img" aria-labelledby="froc-title froc-description">'
        f'<title id="froc-title">{escape(title)}</title>'
        f'<desc id="froc-description">{escape(description)}</desc>'
    )
    return named + body
