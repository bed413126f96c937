"""The report: complete in itself, the same every time, and safe to open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from models.evaluation.comparison import compare
from models.evaluation.detections import ScoredBox
from models.evaluation.evaluation import Evaluation, evaluate
from models.evaluation.hard_images import hardest_cancers, worst_boxes
from models.evaluation.page import Judged, Report, report_page
from models.evaluation.plot import DrawnCurve, froc_svg
from models.evaluation.settings import EvaluationSettings
from models.evaluation.stored import ModelFacts
from tests.annotated import Annotated, annotated, benign, cancer, image_sets, split

HIT, NOWHERE = (0.0, 0.0, 4.0, 4.0), (20.0, 30.0, 28.0, 40.0)
NOW = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
QUICK = EvaluationSettings(replicates=30, threshold=0.5)
HOSTILE = "<script>alert('x')</script>\"&'</title></svg>--><img src=x onerror=alert(1)> $x^{"
VOID = {"meta", "br", "image", "rect", "path", "use", "img", "link", "input", "hr"}


def facts(name: str = "tiny") -> ModelFacts:
    return ModelFacts(
        name, f"Small network {name}", "1+abc", "ab" * 32, "Not for diagnosis.", 0.3, 0.05
    )


def grey(_: Path) -> NDArray[np.uint8]:
    return np.full((41, 29), 90, np.uint8)


def images(name: str = "") -> list[Annotated]:
    """Make cases of every kind that the page shows."""
    made = [
        annotated(f"{name}1", [cancer(*HIT)], [ScoredBox(*HIT, 0.75)], patient="P1", density="A"),
        annotated(f"{name}2", [], [ScoredBox(*NOWHERE, 0.5)], patient="P2", density="D", side="L"),
        annotated(f"{name}3", [cancer(*HIT, kind="")], [ScoredBox(*NOWHERE, 0.25)], patient="P3"),
        annotated(f"{name}4", [benign(*NOWHERE)], [ScoredBox(*NOWHERE, 0.625)], patient="P4"),
    ]
    return [*made, *(annotated(f"{name}{n}", patient=f"P{n}", view="CC") for n in range(5, 9))]


def report(made: Sequence[Annotated], *, model: ModelFacts | None = None) -> Report:
    found: Evaluation = evaluate(*split(list(made)), QUICK)
    first = Judged(model or facts(), found)
    return Report(
        source="manifest.csv",
        first=first,
        now=NOW,
        second=Judged(facts("other"), found),
        comparison=compare(found, found),
        difficult=hardest_cancers(found, grey, at_most=9),
        worst=worst_boxes(found, grey, at_most=9),
    )


class Page(HTMLParser):
    """Collects tags, attributes and text, and checks that tags close as they open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def named(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


def test_the_page_needs_nothing_from_outside() -> None:
    page = Page(report_page(report(images())))

    references = [
        value
        for _, attributes in page.tags
        for name, value in attributes.items()
        if name in ("src", "href", "xlink:href") and value is not None
    ]
    assert references
    assert all(value.startswith(("data:image/jpeg;base64,", "#")) for value in references)
    assert page.named("script", "link", "iframe", "object") == []
    assert not re.search(r"url\((?!#)|@import", report_page(report(images())))


def test_the_same_cases_give_the_same_page() -> None:
    assert report_page(report(images())) == report_page(report(images()))


def test_text_from_outside_is_shown_and_not_obeyed() -> None:
    model = ModelFacts(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 0.3, 0.05)
    hostile = report(images(HOSTILE), model=model)

    html = report_page(Report(**{**_fields(hostile), "source": HOSTILE}))

    page = Page(html)
    assert page.named("script", "img") == []
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert html.count("<svg") == html.count("</svg>")
    assert " ".join(HOSTILE.split()) in page.text


def _fields(made: Report) -> dict[str, object]:
    return {name: getattr(made, name) for name in Report.__slots__}


def test_every_picture_says_what_it_shows() -> None:
    page = Page(report_page(report(images())))

    told = [attributes for _, attributes in page.tags if attributes.get("role") == "img"]
    assert len(told) == 1 + 2 + 3  # the curve, two cancers, three false positives
    for attributes in told:
        assert attributes.get("aria-label") or attributes.get("aria-labelledby")
    for svg in page.named("svg"):
        assert svg.get("role") == "img" or svg.get("aria-hidden") == "true"


def test_every_table_has_headings_with_scopes() -> None:
    page = Page(report_page(report(images())))

    heads = page.named("th")
    assert heads
    assert all(attributes.get("scope") in ("col", "row") for attributes in heads)


def test_the_figures_of_the_page_are_those_of_the_evaluation() -> None:
    made = report(images())
    text = Page(report_page(made)).text

    assert "8 images of 8 patients; 2 cancers in 2 malignant images, 1 benign finding" in text
    assert "0.50" in text  # the partial area: one of two cancers above every false positive
    assert "Mass, found at a score of 0.75, IoU 1.00." in text
    assert "Cancer, never found; best box elsewhere 0.25." in text
    assert "Score 0.625, on a benign finding, in an image without a cancer." in text
    assert "2026-03-04 05:06" in text


def test_without_a_cancer_the_page_says_that_nothing_is_defined() -> None:
    page = Page(report_page(report(images()[1:2])))

    assert "There is no cancer among these cases" in page.text
    assert "not defined" in page.text
    assert "nan" not in page.text.lower().split()


def test_an_image_that_is_not_at_hand_is_said_to_be_so() -> None:
    found = evaluate(*split(images()), QUICK)
    made = Report(
        "m",
        Judged(facts(), found),
        NOW,
        difficult=hardest_cancers(found, lambda _: None, at_most=9),
    )

    assert "The image is not at hand." in Page(report_page(made)).text


def test_the_patients_are_not_named() -> None:
    made = [
        annotated("1", [cancer(*HIT)], [ScoredBox(*HIT, 0.75)], patient="Qzxv^Anna"),
        annotated("2", [], [ScoredBox(*NOWHERE, 0.5)], patient="Qzxv^Berta"),
    ]

    assert "Qzxv" not in report_page(report(made))


@settings(deadline=None, max_examples=10)
@given(image_sets())
def test_any_cases_make_a_page(made: list[Annotated]) -> None:
    text = Page(report_page(report(made))).text

    assert not {"nan", "None", "inf"} & set(re.findall(r"\w+", text))


@pytest.mark.parametrize("name", ["plain", HOSTILE[:44]])
def test_the_curve_is_well_formed_and_readable(name: str) -> None:
    found = evaluate(*split(images()), QUICK)

    svg = froc_svg([DrawnCurve(name, found)], title=name, description=name)

    assert svg is not None
    root = ET.fromstring(svg)
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "Mean false positives per image" in texts
    assert name in texts
    assert root[0].text == name


def test_there_is_no_curve_without_a_cancer() -> None:
    found = evaluate(*split(images()[1:2]), QUICK)

    assert froc_svg([DrawnCurve("tiny", found)], title="", description="") is None
