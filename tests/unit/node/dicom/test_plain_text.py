"""Our own words need no character set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.dicom.plain_text import plain, shown


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


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", "absent"),
        ("MG", "MG"),
        ("FOR PROCESSING", "FOR PROCESSING"),
        ("1.2.840.10008.5.1.4.1.1.1.2", "1.2.840.10008.5.1.4.1.1.1.2"),
        ("Doe^Jane", "is no code"),
        ("DOE^JANE", "is no code"),
        ("doe", "is no code"),
        ("[(0010,0010) Patient's Name PN: 'Doe^Jane']", "is no code"),
        ("A" * 17, "is no code"),
        ("MG\nDOE", "is no code"),
    ],
)
def test_of_a_header_a_code_is_shown_and_nothing_else(value: str, expected: str) -> None:
    assert shown(value) == expected
