from __future__ import annotations

import pytest
from pydicom.sr._snomed_dict import mapping
from pydicom.sr.codedict import codes

from node.dicom.views import (
    BREAST,
    MODIFIERS,
    VIEWS,
    Term,
    is_standard,
    keyword_of,
    view_of_position,
)

TABLES = {"CID4014": VIEWS, "CID4015": MODIFIERS}


@pytest.mark.parametrize("term", [*VIEWS, *MODIFIERS, BREAST])
def test_both_codes_of_a_term_mean_the_same(term: Term) -> None:
    """PS3.16 Annex O, as pydicom holds it."""
    assert mapping["SRT"][term.srt] == term.sct


@pytest.mark.parametrize("context_group", TABLES)
def test_a_table_is_its_whole_context_group(context_group: str) -> None:
    group = getattr(codes, context_group)

    assert {getattr(group, name).value for name in group.dir()} == {
        term.sct for term in TABLES[context_group]
    }


@pytest.mark.parametrize(
    ("value", "designator", "keyword"),
    [
        ("399162004", "SCT", "CC"),
        ("R-10242", "SRT", "CC"),
        ("R-10226", "SNM3", "MLO"),
        ("R-10226", "99SDM", "MLO"),
        ("R-10242", "SCT", ""),
        ("399162004", "SRT", ""),
        ("399162004", "", ""),
        ("0", "SCT", ""),
    ],
)
def test_a_code_counts_only_in_its_own_scheme(value: str, designator: str, keyword: str) -> None:
    assert keyword_of(VIEWS, value, designator) == keyword


@pytest.mark.parametrize(
    ("position", "view"), [("MLO", "MLO"), ("xccl", "XCCL"), ("AP", ""), ("", "")]
)
def test_view_position_names_a_view_only_in_our_keywords(position: str, view: str) -> None:
    assert view_of_position(position) == view


@pytest.mark.parametrize(
    ("side", "view", "modifiers", "standard"),
    [
        ("R", "CC", (), True),
        ("L", "CC", (), True),
        ("R", "MLO", (), True),
        ("L", "MLO", (), True),
        ("L", "MLO", ("NIPPLE_IN_PROFILE",), True),
        ("B", "CC", (), False),
        ("", "CC", (), False),
        ("L", "ML", (), False),
        ("L", "", (), False),
        ("L", "CC", ("SPOT",), False),
        ("L", "CC", ("NIPPLE_IN_PROFILE", "MAGNIFICATION"), False),
        ("L", "CC", ("IMPLANT_DISPLACED",), False),
        ("L", "CC", ("OTHER",), False),
    ],
)
def test_four_views_without_an_excluding_modifier_are_standard(
    side: str, view: str, modifiers: tuple[str, ...], standard: bool
) -> None:
    assert is_standard(side, view, modifiers) is standard
