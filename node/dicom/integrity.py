"""Whether received bytes are one complete DICOM data set, without trusting any length.

pynetdicom's chunked receive writes a Part 10 file without looking inside; this
module walks every element of it before the sender hears of success. Pixel Data is
skipped, never loaded; values that the walk keeps become the header that it returns.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO, Final

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.tag import BaseTag, Tag

from node.dicom import character_sets
from node.dicom import part10_walk as walk
from node.dicom.header import uid
from node.dicom.part10_sources import FileSource, InflatedSource, Source
from node.dicom.part10_values import name
from node.dicom.sop_classes import STORAGE_SOP_CLASSES, TRANSFER_SYNTAXES, TransferSyntax
from node.errors import UnreadableDataSet

if TYPE_CHECKING:
    from collections.abc import Sequence

PREAMBLE_BYTES: Final = 128
FILE_META_LIMIT: Final = 64 * 1024
"""Bytes; real file meta information is some hundred."""

_PIXEL_DATA: Final = 0x7FE00010
_GROUP_LENGTH: Final = 0x00020000
_TRANSFER_SYNTAX: Final = 0x00020010


def check_part10(stream: BinaryIO, size: int) -> Dataset:
    """Walk a Part 10 file to its end and return its header without Pixel Data.

    The header has the file meta attached, and lacks every value above
    ``part10_walk.LARGEST_KEPT_VALUE`` bytes.

    Parameters
    ----------
    stream : BinaryIO
        Seekable; read from its beginning, its position afterwards is undefined.
    size : int
        Bytes that were received.

    Raises
    ------
    UnreadableDataSet
        The file is cut short, has bytes behind its end, or is not DICOM at all. Values
        are not judged: a wrong date or an unknown character set passes, one that is no
        text does not.
    """
    if stream.seek(0, io.SEEK_END) != size:
        raise UnreadableDataSet(f"{size} bytes announced, {stream.tell()} found")
    stream.seek(0)
    source = FileSource(stream, size)
    if source.take(PREAMBLE_BYTES + 4)[PREAMBLE_BYTES:] != b"DICM":
        raise UnreadableDataSet("no DICM prefix after the preamble")
    meta = _read_file_meta(source)
    syntax = _transfer_syntax(meta)
    encoding = walk.Encoding.of(syntax.uid)
    body: Source = source
    if syntax.uid == walk.DEFLATED:
        body = InflatedSource(source)
    walked = walk.Walked()
    try:
        walk.walk_data_set(body, encoding, walked, encapsulated=syntax.encapsulated)
        header = _to_dataset(walked.elements, encoding)
        _require_the_end_of_its_kind(header, walked)
        if walked.pixel_bytes is not None and not syntax.encapsulated:
            _require_native_length(header, walked.pixel_bytes)
    except UnreadableDataSet as error:
        # The study must be able to say that one of its images did not come whole.
        so_far = Dataset(_raw(walked.elements, encoding))
        error.study_instance_uid = uid(so_far, "StudyInstanceUID")
        raise
    header.file_meta = meta
    return header


def native_pixel_bytes(header: Dataset) -> int | None:
    """Bytes that uncompressed Pixel Data must have, without the pad to an even length.

    None when the header does not say enough. PS3.5 8.1.1 and 8.2.
    """
    numbers = [_unsigned(header, tag) for tag in (0x00280010, 0x00280011, 0x00280002, 0x00280100)]
    rows, columns, samples, bits = (number or 0 for number in numbers)
    if not (rows and columns and samples and bits):
        return None
    frames_text = _ascii(header, 0x00280008)
    # PS3.5 6.2: an IS has 12 characters at most, and int() refuses thousands.
    frames = int(frames_text) if frames_text.isdecimal() and len(frames_text) <= 12 else 1
    if _ascii(header, 0x00280004) == "YBR_FULL_422" and samples == 3:
        samples = 2  # PS3.3 C.7.6.3.1.2: two samples a pixel on average
    return (rows * columns * samples * frames * bits + 7) // 8


def _read_file_meta(source: FileSource) -> FileMetaDataset:
    first = walk.read_element(source, walk.META_ENCODING)
    if first.tag != _GROUP_LENGTH or first.vr != "UL" or len(first.value or b"") != 4:
        raise UnreadableDataSet("file meta information does not begin with its group length")
    length = int.from_bytes(first.value or b"", "little")
    if length > min(FILE_META_LIMIT, source.limit - source.position):
        raise UnreadableDataSet(f"file meta information of {length} bytes does not fit")
    end = source.position + length
    elements = [first]
    while source.position < end:
        element = walk.read_element(source, walk.META_ENCODING)
        if element.tag >> 16 != 2 or element.tag <= elements[-1].tag or element.value is None:
            raise UnreadableDataSet(
                f"element {name(element.tag)} is out of place in the file meta information"
            )
        elements.append(element)
    if source.position != end:
        raise UnreadableDataSet("file meta information is longer than its group length")
    return FileMetaDataset(_raw(elements, walk.META_ENCODING))


def _transfer_syntax(meta: FileMetaDataset) -> TransferSyntax:
    named = _ascii(meta, _TRANSFER_SYNTAX)
    if named not in TRANSFER_SYNTAXES:
        raise UnreadableDataSet("the file meta information names no transfer syntax that we read")
    return TRANSFER_SYNTAXES[named]


def _raw(
    elements: Sequence[walk.Element], encoding: walk.Encoding
) -> dict[BaseTag, DataElement | RawDataElement]:
    return {
        Tag(element.tag): RawDataElement(
            Tag(element.tag),
            None if encoding.implicit else element.vr,
            len(element.value),
            element.value,
            0,
            encoding.implicit,
            encoding.little,
        )
        for element in elements
        if element.value is not None
    }


def _to_dataset(elements: Sequence[walk.Element], encoding: walk.Encoding) -> Dataset:
    # Values stay raw, so no invalid one can raise or warn before somebody reads it.
    header = Dataset(_raw(elements, encoding))
    codecs = character_sets.codecs(character_sets.declared(header))
    header.set_original_encoding(encoding.implicit, encoding.little, codecs)
    return header


def _require_the_end_of_its_kind(header: Dataset, walked: walk.Walked) -> None:
    """Find the cut between two elements, which leaves a well-formed shorter data set."""
    sop_class = uid(header, "SOPClassUID")
    # Two values in one are none: nobody could say which object this is.
    if not sop_class or not uid(header, "SOPInstanceUID"):
        raise UnreadableDataSet("the data set has not one SOP Class UID and one SOP Instance UID")
    storage = STORAGE_SOP_CLASSES.get(sop_class)
    if storage is not None and storage.must_hold not in walked.tags:
        raise UnreadableDataSet(f"the data set ends before {name(storage.must_hold)}")


def _require_native_length(header: Dataset, found: int) -> None:
    expected = native_pixel_bytes(header)
    if expected is not None and found != expected + expected % 2:
        raise UnreadableDataSet(
            f"Pixel Data has {found} bytes where Rows, Columns and Bits Allocated "
            f"ask for {expected + expected % 2}"
        )


def _bytes(dataset: Dataset, tag: int) -> bytes:
    element = dataset.get_item(tag) if tag in dataset else None
    value = getattr(element, "value", None)
    return value if isinstance(value, bytes) else b""


def _ascii(dataset: Dataset, tag: int) -> str:
    return _bytes(dataset, tag).decode("ascii", "replace").strip(" \0")


def _unsigned(dataset: Dataset, tag: int) -> int | None:
    value = _bytes(dataset, tag)
    little = dataset.original_encoding[1] is not False
    return int.from_bytes(value, "little" if little else "big") if len(value) == 2 else None
