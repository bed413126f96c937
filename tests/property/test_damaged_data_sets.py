"""Whatever arrives, the check says whole or not whole: nothing else, and at once."""

from __future__ import annotations

import io
import time
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
)

from node.dicom.eligibility import check
from node.dicom.header import facts
from node.dicom.integrity import check_part10
from node.errors import UnreadableDataSet
from tests.factories import make_mammogram

SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    JPEGLosslessSV1,
]
SECONDS = 20.0
"""The sender waits for this answer; it takes milliseconds, and a busy machine adds some."""


@cache
def whole(syntax: str) -> bytes:
    image = make_mammogram(rows=71, columns=65, transfer_syntax=syntax)
    if syntax == JPEGLosslessSV1:
        image.add_new("PixelData", "OB", encapsulate([b"\xff\xd8" + bytes(3000) + b"\xff\xd9"]))
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def judge(data: bytes) -> bool:
    """Whether the data pass; what passes must be readable by what comes next, too."""
    began = time.perf_counter()
    try:
        header = check_part10(io.BytesIO(data), len(data))
    except UnreadableDataSet:
        return False
    finally:
        assert time.perf_counter() - began < SECONDS
    assert facts(header).sop_instance_uid
    check(header)
    return True


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_whole_file_passes(syntax: str) -> None:
    assert judge(whole(syntax))


@pytest.mark.parametrize("syntax", SYNTAXES)
@given(part=st.floats(0.0, 1.0, exclude_max=True))
def test_a_file_cut_anywhere_does_not_pass(syntax: str, part: float) -> None:
    data = whole(syntax)
    # A deflated data set may end in one NULL of padding, which may be missing.
    end = min(int(part * len(data)), len(data) - 2)

    assert not judge(data[:end])


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_file_cut_at_any_byte_of_its_header_does_not_pass(syntax: str) -> None:
    data = whole(syntax)
    header_end = len(data) - 2 * 71 * 65

    for end in range(header_end + 1):
        assert not judge(data[:end]), f"cut at byte {end}"


@given(data=st.binary(max_size=5000))
@example(b"")
@example(bytes(128) + b"DICM")
def test_random_bytes_do_not_pass(data: bytes) -> None:
    assert not judge(data)
    assert not judge(bytes(128) + b"DICM" + data)


@pytest.mark.parametrize("syntax", SYNTAXES)
@given(data=st.binary(min_size=1, max_size=5000))
def test_random_bytes_behind_good_file_meta_do_not_pass(syntax: str, data: bytes) -> None:
    good = whole(syntax)
    meta_end = 144 + int.from_bytes(good[140:144], "little")

    assert not judge(good[:meta_end] + data)


@pytest.mark.parametrize("syntax", SYNTAXES)
@given(data=st.binary(min_size=9, max_size=500))
def test_random_bytes_behind_the_end_do_not_pass(syntax: str, data: bytes) -> None:
    assert not judge(whole(syntax) + data)


@pytest.mark.parametrize("syntax", SYNTAXES)
@settings(max_examples=300)
@given(
    start=st.integers(0, 2000),
    data=st.binary(min_size=1, max_size=40),
)
# The first byte of the SOP Instance UID: an empty value before another one.
@example(start=434, data=b"\\")
def test_a_damaged_header_is_judged_without_another_error(
    syntax: str, start: int, data: bytes
) -> None:
    """Damage inside a text cannot be seen; it must only never raise anything else."""
    good = whole(syntax)

    judge(good[:start] + data + good[start + len(data) :])


@given(
    syntax=st.sampled_from(SYNTAXES[:4]),
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    view=st.sampled_from(["CC", "MLO", "ML"]),
    laterality=st.sampled_from(["L", "R"]),
)
def test_every_whole_file_passes(
    syntax: str, rows: int, columns: int, view: str, laterality: str
) -> None:
    image = make_mammogram(
        rows=rows, columns=columns, view=view, laterality=laterality, transfer_syntax=syntax
    )
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=True)

    assert judge(buffer.getvalue())
