"""Where the walk over a data set takes its bytes from: a file, or a deflated part of one."""

from __future__ import annotations

import abc
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

from typing_extensions import override

from node.errors import UnreadableDataSet

if TYPE_CHECKING:
    from collections.abc import Iterator

INFLATED_LIMIT: Final = 512 * 1024 * 1024
"""Bytes that a deflated data set may have; a mammogram has 17 to 30 million."""
_CHUNK: Final = 64 * 1024
_GZIP_TRAILER: Final = 8


class Source(abc.ABC):
    """Bytes from front to back, with the position counted and a recorder.

    Attributes
    ----------
    position : int
        Bytes read or skipped so far.
    limit : int
        Where the bytes end, or may at most end.
    """

    def __init__(self, limit: int) -> None:
        self.position = 0
        self.limit = limit
        self._recording: bytearray | None = None
        self._record_limit = 0
        self._overflowed = False

    def take(self, count: int) -> bytes:
        """Read exactly ``count`` bytes; a shorter rest is an ``UnreadableDataSet``."""
        data = self._read(count)
        if len(data) != count:
            raise UnreadableDataSet(
                f"cut short: {count} bytes due at byte {self.position}, {len(data)} are left"
            )
        self.position += count
        self._remember(data)
        return data

    def skip(self, count: int) -> None:
        """Pass over ``count`` bytes, in pieces when they must be recorded or inflated."""
        for piece in self._pieces(count):
            self.take(piece)

    def record(self, limit: int) -> None:
        """Keep what is taken from here on, up to ``limit`` bytes."""
        self._recording = bytearray()
        self._record_limit = limit
        self._overflowed = False

    def recorded(self) -> bytes | None:
        """Stop recording; None when there was more than the limit."""
        kept = None if self._overflowed or self._recording is None else bytes(self._recording)
        self._recording = None
        return kept

    @abc.abstractmethod
    def at_end(self) -> bool:
        """Whether nothing is left."""

    @abc.abstractmethod
    def _read(self, count: int) -> bytes: ...

    @property
    def _is_recording(self) -> bool:
        return self._recording is not None and not self._overflowed

    def _remember(self, data: bytes) -> None:
        if self._recording is None or self._overflowed:
            return
        self._recording += data
        if len(self._recording) > self._record_limit:
            self._recording.clear()
            self._overflowed = True

    @staticmethod
    def _pieces(count: int) -> Iterator[int]:
        for start in range(0, count, _CHUNK):
            yield min(_CHUNK, count - start)


class FileSource(Source):
    """A seekable file of ``size`` bytes; skipping does not read."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        super().__init__(size)
        self._stream = stream

    @override
    def skip(self, count: int) -> None:
        if self._is_recording:
            super().skip(count)
            return
        if count > self.limit - self.position:
            raise UnreadableDataSet(f"cut short: {count} bytes due at byte {self.position}")
        self.position += count
        self._stream.seek(self.position)

    @override
    def at_end(self) -> bool:
        return self.position >= self.limit

    @override
    def _read(self, count: int) -> bytes:
        return self._stream.read(count) if count <= self.limit - self.position else b""


class InflatedSource(Source):
    """The rest of a file, inflated as it is read (PS3.5 A.5); never all of it at once."""

    def __init__(self, deflated: FileSource) -> None:
        super().__init__(INFLATED_LIMIT)
        self._deflated = deflated
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._buffer = bytearray()
        self._ended = False

    @override
    def at_end(self) -> bool:
        self._fill(1)
        return not self._buffer

    @override
    def _read(self, count: int) -> bytes:
        if count > self.limit - self.position:
            raise UnreadableDataSet(f"more than {INFLATED_LIMIT} bytes once inflated")
        self._fill(count)
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _fill(self, count: int) -> None:
        while len(self._buffer) < count and not self._inflater.eof:
            pending = self._inflater.unconsumed_tail
            left = self._deflated.limit - self._deflated.position
            if not pending:
                pending = self._deflated.take(min(_CHUNK, left))
            try:
                inflated = self._inflater.decompress(pending, _CHUNK)
            except zlib.error as error:
                raise UnreadableDataSet("the deflated data set is damaged") from error
            if not (pending or inflated or self._inflater.eof):
                raise UnreadableDataSet("the deflated data set is cut short")
            self._buffer += inflated
        if self._inflater.eof and not self._ended:
            self._ended = True
            self._require_no_more()

    def _require_no_more(self) -> None:
        left = self._deflated.limit - self._deflated.position
        rest = self._inflater.unused_data + self._deflated.take(min(left, _GZIP_TRAILER + 1))
        inflated = self.position + len(self._buffer)
        # PS3.5 A.5 allows one trailing NULL to reach an even length; some writers leave
        # gzip's trailer there, a checksum and the inflated length.
        if rest in (b"", b"\0"):
            return
        if len(rest) == _GZIP_TRAILER and int.from_bytes(rest[4:], "little") == inflated:
            return
        raise UnreadableDataSet("bytes follow the end of the deflated data set")
