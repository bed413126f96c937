"""Our own words need no character set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.dicom.plain_text import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mgnode", "mgnode"),
        ("a\\b", "a/b"),
        ("Zürich", "Z?rich"),
        (" two\n lines\t", "two lines"),
        ("", ""),
    ],
)
def test_letters_outside_ascii_and_separators_are_replaced(text: str, expected: str) -> None:
    assert plain(text) == expected


@given(st.text(), st.integers(1, 64))
def test_the_result_fits_its_vr_whatever_came_in(text: str, length: int) -> None:
    result = plain(text, length)

    assert len(result) <= length
    assert result.isascii()
    assert result == result.strip()
    assert not set(result) & set("\\~\n\0")
