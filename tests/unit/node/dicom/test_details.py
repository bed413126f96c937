"""What is said of an image that was not analysed goes into rows, logs and the audit for ever."""

from __future__ import annotations

import io
import struct

import pytest
from pydicom import Dataset, dcmread

from node.dicom.eligibility import check
from node.dicom.pixels import to_grey
from node.dicom.reasons import Reason
from node.errors import UnreadablePixels
from tests.factories import make_mammogram
from tests.part10_files import part10, replaced

NAME = "Doe^Jane"


def with_modality(vr: bytes, value: bytes) -> Dataset:
    """Give an image that says of no other attribute that it shows a breast."""
    data = part10(make_mammogram(BodyPartExamined=None, AnatomicRegionSequence=None))
    modality = struct.pack("<HH2sH", 0x0008, 0x0060, b"CS", 2) + b"MG"
    return dcmread(io.BytesIO(replaced(data, modality, b"\x08\0\x60\0" + vr + value)))


def name_element() -> bytes:
    return struct.pack("<HH2sH", 0x0010, 0x0010, b"PN", len(NAME)) + NAME.encode()


def sequence_of_undefined_length() -> bytes:
    item = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(name_element())) + name_element()
    return b"\0\0\xff\xff\xff\xff" + item + b"\xfe\xff\xdd\xe0\0\0\0\0"


def sequence_of_known_length() -> bytes:
    item = b"\xfe\xff\x00\xe0" + struct.pack("<L", len(name_element())) + name_element()
    return b"\0\0" + struct.pack("<L", len(item)) + item


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        (b"SQ", sequence_of_undefined_length()),
        (b"SQ", sequence_of_known_length()),
        (b"UN", sequence_of_undefined_length()),
        (b"UN", sequence_of_known_length()),
        (b"PN", struct.pack("<H", len(NAME)) + NAME.encode()),
        (b"CS", struct.pack("<H", len(NAME)) + NAME.encode()),
    ],
    ids=["SQ", "SQ of known length", "UN", "UN of known length", "PN", "CS"],
)
@pytest.mark.parametrize("is_looked_at_before", [False, True])
def test_a_name_in_the_place_of_a_code_is_not_repeated(
    vr: bytes, value: bytes, is_looked_at_before: bool
) -> None:
    image = with_modality(vr, value)
    if is_looked_at_before:
        image.get("Modality")  # pydicom keeps its parsed form from then on

    found = check(image)

    assert found.reason is Reason.NOT_BREAST
    assert "Doe" not in found.detail
    assert found.detail.startswith("Modality ")


@pytest.mark.parametrize(
    "attributes",
    [
        {"PresentationIntentType": "FOR PROCESSING", "SOPClassUID": NAME},
        {"ImageType": ["ORIGINAL", "PRIMARY", f"STEREO_{NAME}"]},
        {"ImageType": ["ORIGINAL", "PRIMARY", "Stereo_Doe"]},
        {"PhotometricInterpretation": NAME},
    ],
)
def test_a_name_in_an_attribute_that_refuses_is_not_repeated(attributes: dict[str, object]) -> None:
    image = make_mammogram()
    for keyword, value in attributes.items():
        # Set behind the back of pydicom, which would warn of it.
        image[keyword] = image[keyword].__class__(
            image[keyword].tag, image[keyword].VR, value, validation_mode=0
        )

    found = check(image)

    assert found.reason is not None
    assert "DOE" not in found.detail.upper()


def test_a_name_in_a_layout_that_cannot_be_is_not_repeated() -> None:
    image = make_mammogram(BitsAllocated=32)
    element = image["PhotometricInterpretation"]
    image[element.tag] = element.__class__(element.tag, "CS", NAME, validation_mode=0)

    with pytest.raises(UnreadablePixels) as caught:
        to_grey(image)

    assert "Doe" not in caught.value.detail


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_two_uids_for_one_are_no_identity(keyword: str) -> None:
    image = make_mammogram()
    image[keyword].value = ["1.2.3", "1.2.4"]

    assert check(image) == (Reason.MISSING_IDENTITY, f"missing {keyword}", ())
