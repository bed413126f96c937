"""What a C-STORE is answered (PS3.4 B.2.3, PS3.7 9.1.1.1.9 and Annex C)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from pydicom import Dataset

from node.errors import (
    ConflictingInstance,
    MismatchedDataSet,
    OutOfResources,
    TooManyImages,
    UnreadableDataSet,
)

ERROR_COMMENT_LENGTH: Final = 64
"""(0000,0902) is an LO."""


class Status(IntEnum):
    """The statuses this SCP sends."""

    SUCCESS = 0x0000
    """Durable: file, folder and row."""

    PROCESSING_FAILURE = 0x0110
    """A fault of ours that no other status names; senders try again."""

    OUT_OF_RESOURCES = 0xA700
    """No space, no database or no more images of this sender now; senders try again."""

    MISMATCH = 0xA900
    """The data set contradicts the command or the presentation context."""

    CANNOT_UNDERSTAND = 0xC000
    """The bytes are not a complete data set."""

    CONFLICTING_INSTANCE = 0xC100
    """The SOP Instance UID is stored already with other content.

    PS3.4 B.2.3 leaves the last three digits of Cxxx to the implementation.
    Not 0x0111 (duplicate SOP instance): PS3.7 9.1.1.1.9 does not list it for
    C-STORE, and senders count it as "stored already", so the changed object
    would be lost in silence. Not A7xx or 0x0110: senders repeat those for
    ever. Not A9xx: the data set does match its SOP class.
    """


# The first class that fits counts.
_STATUS_OF: Final[tuple[tuple[type[Exception], Status], ...]] = (
    (OutOfResources, Status.OUT_OF_RESOURCES),
    (OSError, Status.OUT_OF_RESOURCES),
    (MismatchedDataSet, Status.MISMATCH),
    (UnreadableDataSet, Status.CANNOT_UNDERSTAND),
    (ConflictingInstance, Status.CONFLICTING_INSTANCE),
)

_COMMENT_OF: Final = {
    Status.PROCESSING_FAILURE: "internal error, see the log of the node",
    Status.OUT_OF_RESOURCES: "no space or no database now, send again later",
    Status.CONFLICTING_INSTANCE: "SOP Instance UID is stored already with other content",
}


def status_of(error: Exception) -> Status:
    """Map an exception to its status, by class; a class nobody expected is our own fault."""
    return next(
        (status for kind, status in _STATUS_OF if isinstance(error, kind)),
        Status.PROCESSING_FAILURE,
    )


def response(error: Exception | None) -> Dataset:
    """Build the Status of a C-STORE-RSP, with an Error Comment when ``error`` is one.

    The comment is cut to 64 characters of plain ASCII; a system's own error
    text (a path, a host) stays here.
    """
    answer = Dataset()
    if error is None:
        answer.Status = int(Status.SUCCESS)
        return answer
    status = status_of(error)
    answer.Status = int(status)
    comment = str(error) if isinstance(error, TooManyImages) else _COMMENT_OF.get(status)
    answer.ErrorComment = _as_lo(comment or str(error))
    return answer


def _as_lo(text: str) -> str:
    # The backslash separates values, and the command set has no character set but ASCII.
    plain = "".join(c if " " <= c <= "~" and c != "\\" else "?" for c in text)
    return plain[:ERROR_COMMENT_LENGTH].strip()
