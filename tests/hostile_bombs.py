"""Little data that claims or becomes much: codestreams, RLE segments, deflated values."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any, Final

import imagecodecs
import numpy as np
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from tests.factories import phantom, with_frame
from tests.hostile import MIB, STORED, UNREADABLE, Hostile, element, elements, image, sent

BEYOND: Final = ("DECODER_MEMORY", "DECODER_TIME", "UNREADABLE_PIXELS")
"""Whichever limit a bomb meets first: the size of its codestream, memory, or time."""
HUGE: Final = 29_000
"""Rows and Columns that the node does not refuse for their number."""


def claiming(frame: bytes, at: int, form: str) -> bytes:
    """Let a codestream say that it is ``HUGE`` pixels wide and high."""
    return frame[:at] + struct.pack(form, HUGE, HUGE) + frame[at + struct.calcsize(form) :]


def jpeg(frame: bytes) -> bytes:
    # T.81 B.2.2: marker, length, precision, then lines and samples for each line.
    start = next(i for i in range(2, len(frame)) if frame[i] == 0xFF and frame[i + 1] in STARTS)
    return claiming(frame, start + 5, ">HH")


def j2k(frame: bytes) -> bytes:
    # T.800 A.5.1: Xsiz and Ysiz of the SIZ segment.
    return claiming(frame, 8, ">LL")


STARTS: Final = (0xC0, 0xC1, 0xC3, 0xF7)
EIGHT: Final = (phantom() >> 4).astype(np.uint8)
SHALLOW: Final = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}


def rle_bomb() -> bytes:
    segment = b"\x81\0" * 20_000
    head = np.zeros(16, "<u4")
    head[:3] = [2, 64, 64 + len(segment)]
    return head.tobytes() + segment * 2


FRAMES: Final[dict[str, tuple[str, Callable[[], bytes], dict[str, int]]]] = {
    "RLE": (RLELossless, rle_bomb, {}),
    "JPEG Baseline": (JPEGBaseline8Bit, lambda: jpeg(imagecodecs.jpeg8_encode(EIGHT)), SHALLOW),
    "JPEG Extended": (
        JPEGExtended12Bit,
        lambda: jpeg(imagecodecs.jpeg8_encode(phantom(), bitspersample=12)),
        {},
    ),
    **{
        name: (
            syntax,
            lambda: jpeg(imagecodecs.jpeg8_encode(phantom(), lossless=True, bitspersample=12)),
            {},
        )
        for name, syntax in {"JPEG Lossless": JPEGLossless, "JPEG SV1": JPEGLosslessSV1}.items()
    },
    **{
        name: (syntax, lambda: jpeg(imagecodecs.jpegls_encode(phantom())), {})
        for name, syntax in {"JPEG-LS": JPEGLSLossless, "JPEG-LS lossy": JPEGLSNearLossless}.items()
    },
    **{
        name: (
            syntax,
            lambda: j2k(imagecodecs.jpeg2k_encode(phantom(), codecformat="j2k")),
            {},
        )
        for name, syntax in {"JPEG 2000": JPEG2000Lossless, "JPEG 2000 lossy": JPEG2000}.items()
    },
    **{
        name: (
            syntax,
            lambda: j2k(imagecodecs.htj2k_encode(phantom())),
            {},
        )
        for name, syntax in {
            "HTJ2K": HTJ2KLossless,
            "HTJ2K RPCL": HTJ2KLosslessRPCL,
            "HTJ2K lossy": HTJ2K,
        }.items()
    },
}


def bomb(syntax: str, frame: Callable[[], bytes], attributes: dict[str, int], side: int) -> Any:
    return lambda uid: sent(
        with_frame(syntax, frame(), sop_instance_uid=uid, **attributes, Rows=side, Columns=side)
    )


BOMBS: Final = (
    *(
        Hostile(f"a bomb in {name}", bomb(*parts, HUGE), STORED, BEYOND, parts[0])
        for name, parts in FRAMES.items()
    ),
    *(
        Hostile(
            f"46341 x 46341 pixels in {name}",
            bomb(*parts, 46341),
            STORED,
            ("IMAGE_SIZE",),
            parts[0],
        )
        for name, parts in FRAMES.items()
    ),
    *(
        Hostile(
            f"a codestream larger than its header says, in {name}",
            bomb(*parts, 331),
            STORED,
            ("UNREADABLE_PIXELS",),
            parts[0],
        )
        for name, parts in FRAMES.items()
    ),
)


def deflated(value_bytes: int) -> Callable[[str], bytes]:
    """Give a deflated image with a private value of so many zeros."""

    def make(uid: str) -> bytes:
        plain = image()(uid)
        start = next(start for tag, start, _ in elements(plain) if tag > 0x00091010)
        packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
        pieces = [packer.compress(plain[:start] + element(0x00091010, b"OB", b"", value_bytes))]
        pieces += [packer.compress(bytes(MIB)) for _ in range(value_bytes // MIB)]
        data = b"".join([*pieces, packer.compress(plain[start:]), packer.flush()])
        return data + b"\0" * (len(data) % 2)

    return make


DEFLATED: Final = (
    Hostile(
        "a deflated value of 600 MiB",
        deflated(600 * MIB),
        UNREADABLE,
        syntax=DeflatedExplicitVRLittleEndian,
    ),
    Hostile(
        "a deflated value of 300 MiB",
        deflated(300 * MIB),
        STORED,
        ("DECODER_MEMORY",),
        DeflatedExplicitVRLittleEndian,
    ),
)
