"""TensorBoard's event file, without TensorBoard or TensorFlow.

A file of records: length, checksum of the length, data, checksum of the data. The data is
a protocol buffer ``Event`` (tensorflow/core/util/event.proto).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from models.durable_file import replace_durably

FILE: Final = "events.out.tfevents.mgnode"

_CASTAGNOLI: Final = 0x82F63B78
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def write_events(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write every figure of every epoch; the file is always whole.

    The time of an event is the seconds that training had taken, so that the same run gives
    the same file.
    """
    replace_durably(path, lambda file: file.writelines(_records(rows)))


def _records(rows: Sequence[Mapping[str, float]]) -> Iterator[bytes]:
    yield _record(_field(1, _FIXED64, struct.pack("<d", 0)) + _bytes(3, b"brain.Event:2"))
    passed = 0.0
    for row in rows:
        passed += row["seconds"]
        summary = b"".join(
            _bytes(1, _bytes(1, name.encode()) + _field(2, _FIXED32, struct.pack("<f", value)))
            for name, value in row.items()
            if name not in ("epoch", "seconds") and math.isfinite(value)
        )
        yield _record(
            _field(1, _FIXED64, struct.pack("<d", passed))
            + _field(2, _VARINT, _varint(int(row["epoch"])))
            + _bytes(5, summary)
        )


def _record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def _masked(data: bytes) -> bytes:
    """Checksum as TFRecord has it: CRC-32C, rotated and shifted."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_CASTAGNOLI if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _field(number: int, kind: int, value: bytes) -> bytes:
    return _varint(number << 3 | kind) + value


def _bytes(number: int, value: bytes) -> bytes:
    return _field(number, _LENGTH, _varint(len(value)) + value)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
