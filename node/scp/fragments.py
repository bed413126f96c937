"""Which fragments make one DIMSE message (PS3.7 9.3.1 and PS3.8 Annex E), before they are taken.

pynetdicom takes whatever comes: data of another presentation context would be stored under
the transfer syntax of the command's, and what follows a message's end in its PDU is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container

LARGEST_COMMAND: Final = 64 * 1024
"""Bytes of a command set, which is kept in memory; real ones have some hundred."""

_COMMAND: Final = 1
_LAST: Final = 2
"""PS3.8 E.2, the bits of a message control header."""


class BrokenMessage(Exception):
    """What came is no message; the text is one of a few of ours, and quotes nothing."""


class Fragments:
    """The fragments of one message as they come: its command set whole, then its data set.

    Parameters
    ----------
    accepted : container of int
        The presentation contexts that were accepted.

    Attributes
    ----------
    is_data_begun, is_over : bool
        Whether a fragment of a data set came, and whether the last one did.
    """

    def __init__(self, accepted: Container[int]) -> None:
        self._accepted = accepted
        self._context: int | None = None
        self._command_bytes = 0
        self.has_command = False
        self.is_data_begun = False
        self.is_over = False

    def take(self, context: int, fragment: bytes) -> None:
        """Look at one presentation data value, message control header first.

        Raises
        ------
        BrokenMessage
            It cannot follow those before it.
        """
        if not fragment:
            raise BrokenMessage("a fragment without a message control header")
        if self.is_over:
            raise BrokenMessage("a fragment behind the end of its message")
        self._require_context(context)
        is_last = bool(fragment[0] & _LAST)
        if fragment[0] & _COMMAND:
            if self.has_command:
                raise BrokenMessage("a second command set in one message")
            self._command_bytes += len(fragment)
            if self._command_bytes > LARGEST_COMMAND:
                raise BrokenMessage("a command set that is too long")
            self.has_command = is_last
        else:
            if not self.has_command:
                raise BrokenMessage("a data set before the end of its command set")
            self.is_data_begun = True
            self.is_over = is_last

    def _require_context(self, context: int) -> None:
        if self._context is None:
            if context not in self._accepted:
                raise BrokenMessage("a presentation context that was not accepted")
            self._context = context
        if context != self._context:
            raise BrokenMessage("two presentation contexts in one message")
