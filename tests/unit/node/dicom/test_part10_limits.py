"""How deep, how many and how large: what a file may ask of the node's memory and time."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import pytest
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian

from node.dicom import part10_sources, part10_walk
from node.dicom.integrity import check_part10
from node.errors import UnreadableDataSet
from tests.factories import make_mammogram
from tests.part10_files import PIXEL_BYTES, check, part10


def nested(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        item = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(inner)) + inner
        inner = b"\x08\0\x40\x11SQ\0\0" + struct.pack("<L", len(item)) + item
    return inner


@pytest.mark.parametrize("depth", [part10_walk.DEPTH_LIMIT + 1, 900])
def test_sequences_nested_too_deep_are_refused(depth: int) -> None:
    data = part10(make_mammogram())
    start = data.index(b"\x08\0\x18\x22SQ")  # AnatomicRegionSequence follows (0008,1140)

    with pytest.raises(UnreadableDataSet, match="deep"):
        check(data[:start] + nested(depth) + data[start:])


def test_sequences_within_the_depth_are_read() -> None:
    data = part10(make_mammogram())
    start = data.index(b"\x08\0\x18\x22SQ")

    header = check(data[:start] + nested(part10_walk.DEPTH_LIMIT) + data[start:])

    assert len(header.ReferencedImageSequence) == 1


def test_a_sequence_whose_item_overruns_it_is_refused() -> None:
    data = part10(make_mammogram())
    start = data.index(b"\x08\0\x18\x22SQ")
    sequence = bytearray(nested(2))
    sequence[8] -= 4  # the outer length

    with pytest.raises(UnreadableDataSet):
        check(data[:start] + bytes(sequence) + data[start:])


def test_a_header_of_a_hundred_thousand_elements_is_refused() -> None:
    data = part10(make_mammogram())
    private = b"".join(
        struct.pack("<HH2sH", group, 0x1000 + number, b"LO", 0)
        for group in (0x4001, 0x4003)
        for number in range(0xE000)
    )
    start = len(data) - PIXEL_BYTES - 12

    with pytest.raises(UnreadableDataSet, match="more than 100000 elements"):
        check(data[:start] + private + data[start:])


def test_a_large_value_is_left_out_of_the_header() -> None:
    image = make_mammogram()
    image.private_block(0x0051, "Phantom Works", create=True).add_new(
        1, "OB", bytes(part10_walk.LARGEST_KEPT_VALUE + 2)
    )

    header = check(part10(image))

    assert (0x0051, 0x1001) not in header
    assert (0x0051, 0x0010) in header


def test_a_deflated_bomb_is_refused_without_being_held_in_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(part10_sources, "INFLATED_LIMIT", 8 * 1024 * 1024)
    image = make_mammogram(transfer_syntax=DeflatedExplicitVRLittleEndian)
    meta_end = 144 + dcmread(io.BytesIO(part10(image))).file_meta.FileMetaInformationGroupLength
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = b"\x08\0\x05\0UN\0\0" + struct.pack("<L", 2**31) + bytes(64 * 1024 * 1024)
    bomb = part10(image)[:meta_end] + compressor.compress(body) + compressor.flush()

    tracemalloc.start()
    try:
        with pytest.raises(UnreadableDataSet):
            check(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


def test_a_whole_mammogram_is_checked_without_loading_its_pixels(tmp_path) -> None:
    path = tmp_path / "large.dcm"
    make_mammogram(rows=3328, columns=2560).save_as(path, enforce_file_format=True)

    with path.open("rb") as stream:
        tracemalloc.start()
        try:
            check_part10(stream, path.stat().st_size)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak < 1024 * 1024
