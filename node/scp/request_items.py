"""The items of an A-ASSOCIATE-RQ, looked at by their headers before any is decoded.

pynetdicom decodes all of them, and anybody may send a request: half a second of a processor
for 256 KiB, before a title is looked at.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

MOST_CONTEXTS: Final = 128
"""PS3.8 9.3.2.2: the identifiers are odd and have one byte."""
MOST_ITEMS: Final = 8192
"""Of all kinds together; 128 contexts of forty transfer syntaxes each are 5400."""
MOST_USER_ITEMS: Final = 512
"""Of what users tell each other (PS3.7 D.3.3): a role and two extensions for each context."""

_FIXED_BYTES: Final = 6 + 68
_HEADER: Final = struct.Struct(">BxH")
# PS3.8 Tables 9-12 to 9-16.
_APPLICATION_CONTEXT: Final = 0x10
_CONTEXT: Final = 0x20
_USER_INFORMATION: Final = 0x50
_CONTEXT_HEAD_BYTES: Final = 4
_SUB_ITEMS: Final = {
    _APPLICATION_CONTEXT: frozenset[int](),
    _CONTEXT: frozenset((0x30, 0x40)),
    _USER_INFORMATION: frozenset(range(0x51, 0x59)),
}
"""What may stand in each item of a request; the last one is PS3.7 D.3.3.7, user identity."""


def check_items(request: bytes) -> None:
    """Look at a whole A-ASSOCIATE-RQ, its header included (PS3.8 9.3.2).

    Raises
    ------
    ValueError
        An item is cut short, there are too many, or a presentation context has an
        identifier that is even or another's.
    """
    whole = list(_items(memoryview(request)[_FIXED_BYTES:]))
    kinds = [kind for kind, _ in whole]
    if kinds.count(_APPLICATION_CONTEXT) > 1 or kinds.count(_USER_INFORMATION) > 1:
        raise ValueError("two items where one is due")
    contexts = [value for kind, value in whole if kind == _CONTEXT]
    if not 1 <= len(contexts) <= MOST_CONTEXTS:
        raise ValueError(f"{len(contexts)} presentation contexts")
    names = [value[0] for value in contexts if len(value) >= _CONTEXT_HEAD_BYTES]
    if len(set(names)) < len(contexts) or not all(name % 2 for name in names):
        raise ValueError("presentation contexts without identifiers of their own")
    left = MOST_ITEMS - len(whole)
    for value in contexts:
        left -= len(list(_items(value[_CONTEXT_HEAD_BYTES:], most=left)))
    for kind, value in whole:
        if kind == _USER_INFORMATION:
            list(_items(value, most=MOST_USER_ITEMS))


def recognised(request: bytes) -> bytes:
    """Give a whole A-ASSOCIATE-RQ without the items of types that nobody knows here.

    PS3.8 9.3.1: they are ignored and skipped; pynetdicom cannot read a request that has one.

    Raises
    ------
    ValueError
        As `check_items` does.
    """
    check_items(request)
    items = _items(memoryview(request)[_FIXED_BYTES:])
    body = request[6:_FIXED_BYTES] + b"".join(
        _packed(kind, _recognised_value(kind, value)) for kind, value in items if kind in _SUB_ITEMS
    )
    return struct.pack(">BxL", request[0], len(body)) + body


def _recognised_value(kind: int, value: memoryview) -> bytes:
    known = _SUB_ITEMS[kind]
    if not known:
        return bytes(value)
    start = _CONTEXT_HEAD_BYTES if kind == _CONTEXT else 0
    return bytes(value[:start]) + b"".join(
        _packed(sub_kind, each) for sub_kind, each in _items(value[start:]) if sub_kind in known
    )


def _packed(kind: int, value: bytes | memoryview) -> bytes:
    return _HEADER.pack(kind, len(value)) + value


def _items(data: memoryview, *, most: int = MOST_ITEMS) -> Iterator[tuple[int, memoryview]]:
    """Give the kind and the value of each item.

    Raises
    ------
    ValueError
        There are more than ``most``, or the last one is cut short.
    """
    offset = found = 0
    while offset < len(data):
        start = offset + _HEADER.size
        if start > len(data) or found >= most:
            raise ValueError("an item too many, or half of one")
        kind, length = _HEADER.unpack_from(data, offset)
        offset, found = start + length, found + 1
        if offset > len(data):
            raise ValueError("an item longer than what it stands in")
        yield kind, data[start:offset]
