from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import Tag
from pynetdicom.dsutils import encode

from node.demo.data_set import data_set_offset
from node.scu.transcode import with_known_vrs
from tests.factories import (
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    make_mammogram,
    save_to_folder,
)
from tests.requirements import program

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"


def japanese_mammogram(folder: Path) -> Path:
    nested = Dataset()
    nested.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.2"
    nested.ReferencedSOPInstanceUID = "2.25.1"
    image = make_mammogram(
        patient_name=JAPANESE_NAME,
        specific_character_set=JAPANESE_CHARACTER_SET,
        rows=40,
        columns=30,
        ReferencedImageSequence=[nested],
        # US or SS: its VR hangs on Pixel Representation.
        PixelPaddingValue=0,
    )
    block = image.private_block(0x0099, "MGNODE TEST", create=True)
    block.add_new(0x01, "LO", "private text")
    block.add_new(0x02, "DS", "1.250")
    (path,) = save_to_folder([image], folder)
    return path


def data_set(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(data_set_offset(stream))
        return stream.read()


def transcoded(path: Path, syntax: str) -> bytes:
    sent = encode(with_known_vrs(dcmread(path)), syntax == IMPLICIT, True)
    assert sent is not None
    return sent


def dcmconv(path: Path, option: str) -> Path:
    target = path.with_name(f"dcmconv{option}.dcm")
    # -g group length "as is", +e explicit sequence lengths, as the file has them.
    command = [str(program("dcmconv")), option, "-g", "+e", str(path), str(target)]
    subprocess.run(command, check=True, timeout=30, capture_output=True)
    return target


@pytest.mark.dcmtk
def test_explicit_becomes_the_implicit_that_dcmtk_makes(tmp_path: Path) -> None:
    path = japanese_mammogram(tmp_path)

    assert transcoded(path, IMPLICIT) == data_set(dcmconv(path, "+ti"))


@pytest.mark.dcmtk
def test_implicit_becomes_explicit_with_every_standard_value_byte_for_byte(
    tmp_path: Path,
) -> None:
    path = dcmconv(japanese_mammogram(tmp_path), "+ti")
    expected, found = tmp_path / "expected.dcm", tmp_path / "found.dcm"
    explicit = dcmconv(path, "+te")
    expected.write_bytes(explicit.read_bytes())
    head = explicit.read_bytes()[: -len(data_set(explicit))]
    found.write_bytes(head + transcoded(path, EXPLICIT))

    wanted, got = dcmread(expected), dcmread(found)

    tags = list(wanted.keys())
    assert list(got.keys()) == tags
    for tag in tags:
        theirs, ours = wanted.get_item(tag), got.get_item(tag)
        if isinstance(theirs, RawDataElement) and isinstance(ours, RawDataElement):
            assert ours.value == theirs.value, tag
            # What an unknown private value was, an implicit file does not tell.
            assert ours.VR in (theirs.VR, "UN"), tag
        else:
            assert ours == theirs, tag


def test_there_and_back_again_gives_the_same_bytes(tmp_path: Path) -> None:
    (path,) = save_to_folder(
        [
            make_mammogram(
                patient_name=JAPANESE_NAME,
                specific_character_set=JAPANESE_CHARACTER_SET,
                rows=40,
                columns=30,
            )
        ],
        tmp_path,
    )
    head = path.read_bytes()[: -len(data_set(path))].replace(
        b"UI\x14\x001.2.840.10008.1.2.1\0", b"UI\x12\x001.2.840.10008.1.2\0"
    )
    implicit = tmp_path / "implicit.dcm"
    # Two bytes less: the group length (UL, 4 bytes at 140) must follow.
    length = int.from_bytes(head[140:144], "little") - 2
    head = head[:140] + length.to_bytes(4, "little") + head[144:]
    implicit.write_bytes(head + transcoded(path, IMPLICIT))

    assert transcoded(implicit, EXPLICIT) == data_set(path)


def test_a_padded_decimal_string_keeps_its_padding() -> None:
    dataset = Dataset()
    raw = RawDataElement(Tag(0x00181114), None, 6, b"01.10 ", 0, True, True)
    dataset[raw.tag] = raw

    with_known_vrs(dataset)

    kept = dataset.get_item(raw.tag)
    assert not isinstance(kept, DataElement)
    assert (kept.VR, kept.value) == ("DS", b"01.10 ")
