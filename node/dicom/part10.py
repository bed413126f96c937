"""A data set as the bytes of a Part 10 file, the same bytes each time."""

from __future__ import annotations

from typing import Final

from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element, write_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian

from node.dicom import character_sets
from node.dicom.uids import IMPLEMENTATION_CLASS_UID

TRANSFER_SYNTAX_UID: Final = ExplicitVRLittleEndian
IMPLEMENTATION_VERSION_NAME: Final = "MGNODE"

_ITEM: Final = b"\xfe\xff\x00\xe0"


def to_bytes(dataset: Dataset) -> bytes:
    """Write a Part 10 file in Explicit VR Little Endian.

    The same attributes give the same bytes. Elements that were copied raw from a
    source are written as they are, whatever character set they name; pydicom's own
    writer would decode and encode them again.
    """
    stream = _stream()
    stream.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(stream, file_meta(dataset), enforce_standard=True)
    _write(stream, dataset, character_sets.codecs(character_sets.declared(dataset)))
    return stream.getvalue()


def file_meta(dataset: Dataset) -> FileMetaDataset:
    """Build the File Meta Information (PS3.10 7.1) of an object of ours."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = TRANSFER_SYNTAX_UID
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta


def encode(dataset: Dataset) -> bytes:
    """Encode a data set alone, without preamble and file meta information."""
    stream = _stream()
    _write(stream, dataset, character_sets.codecs(character_sets.declared(dataset)))
    return stream.getvalue()


def _stream() -> DicomBytesIO:
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    return stream


def _write(stream: DicomBytesIO, dataset: Dataset, codecs: list[str]) -> None:
    for tag in sorted(dataset.keys()):
        element = dataset.get_item(tag)
        if element.VR == "SQ":
            _write_sequence(stream, dataset[tag], codecs)
        else:
            write_data_element(stream, element, codecs)


def _write_sequence(stream: DicomBytesIO, element: DataElement, codecs: list[str]) -> None:
    items = _stream()
    for item in element.value:
        content = _stream()
        _write(content, item, codecs)
        items.write(_ITEM + content.tell().to_bytes(4, "little") + content.getvalue())
    stream.write_tag(element.tag)
    stream.write(b"SQ\0\0" + items.tell().to_bytes(4, "little") + items.getvalue())
