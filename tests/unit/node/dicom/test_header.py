from __future__ import annotations

import io
import warnings
from dataclasses import replace

import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from node.dicom import header as read
from node.dicom.header import InstanceFacts, facts
from node.dicom.integrity import check_part10
from tests.factories import coded, make_mammogram

MAGNIFICATION = coded("R-102D6", "SRT", "Magnification")


def received(image: Dataset) -> Dataset:
    """Write an image and give the header that the SCP would see, values still raw."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of these values are invalid on purpose
        image.save_as(buffer, enforce_file_format=True)
    return check_part10(buffer, len(buffer.getvalue()))


def with_view(value: str, designator: str, *modifiers: Dataset) -> list[Dataset]:
    view = coded(value, designator, "a view")
    view.ViewModifierCodeSequence = list(modifiers)
    return [view]


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_the_facts_of_a_received_mammogram(syntax: str) -> None:
    image = make_mammogram(view="MLO", laterality="R", transfer_syntax=syntax)

    assert facts(received(image)) == InstanceFacts(
        sop_instance_uid=image.SOPInstanceUID,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.2",
        study_instance_uid=image.StudyInstanceUID,
        series_instance_uid=image.SeriesInstanceUID,
        transfer_syntax_uid=syntax,
        laterality="R",
        view="MLO",
        is_standard_view=True,
    )


def test_the_facts_are_the_same_before_and_after_writing() -> None:
    image = make_mammogram()

    assert facts(image) == facts(received(image))


def test_an_object_without_an_image_has_facts_too() -> None:
    found = facts(Dataset())

    assert found == InstanceFacts("", "", "", "", "", "", "", False)


def group_with_side(side: str) -> list[Dataset]:
    anatomy = Dataset()
    anatomy.FrameLaterality = side
    group = Dataset()
    group.FrameAnatomySequence = [anatomy]
    return [group]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"ImageLaterality": "L", "Laterality": "R"}, "L"),
        ({"ImageLaterality": "B"}, "B"),
        ({"ImageLaterality": None, "Laterality": "R"}, "R"),
        ({"ImageLaterality": "", "Laterality": "R"}, "R"),
        ({"ImageLaterality": "U", "Laterality": "R"}, "R"),
        ({"ImageLaterality": None}, ""),
        (
            {"ImageLaterality": None, "SharedFunctionalGroupsSequence": group_with_side("R")},
            "R",
        ),
        (
            {"ImageLaterality": None, "PerFrameFunctionalGroupsSequence": group_with_side("R")},
            "R",
        ),
    ],
)
def test_the_side_is_the_images_else_the_series_else_the_frames(
    attributes: dict[str, object], expected: str
) -> None:
    assert facts(received(make_mammogram(**attributes))).laterality == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"ViewCodeSequence": with_view("399260004", "SCT")}, "ML"),
        ({"ViewCodeSequence": with_view("R-10224", "SRT")}, "ML"),
        ({"ViewCodeSequence": with_view("R-10224", "SNM3"), "ViewPosition": "CC"}, "ML"),
        ({"ViewCodeSequence": None, "ViewPosition": "MLO"}, "MLO"),
        ({"ViewCodeSequence": [], "ViewPosition": "MLO"}, "MLO"),
        ({"ViewCodeSequence": with_view("1", "99X"), "ViewPosition": "XCCL"}, "XCCL"),
        ({"ViewCodeSequence": None, "ViewPosition": "AP"}, ""),
        ({"ViewCodeSequence": None}, ""),
    ],
)
def test_the_view_is_that_of_its_code_else_of_its_position(
    attributes: dict[str, object], expected: str
) -> None:
    assert facts(received(make_mammogram(**attributes))).view == expected


def test_a_magnification_is_no_standard_view() -> None:
    image = make_mammogram(ViewCodeSequence=with_view("399162004", "SCT", MAGNIFICATION))

    assert read.modifiers(received(image)) == ("MAGNIFICATION",)
    assert not facts(received(image)).is_standard_view


def test_an_unknown_modifier_is_no_standard_view() -> None:
    strange = coded("12345", "99X", "Something new")
    image = make_mammogram(ViewCodeSequence=with_view("399162004", "SCT", strange))

    assert read.modifiers(received(image)) == (read.UNKNOWN_MODIFIER,)
    assert not facts(received(image)).is_standard_view


def raw(keyword: str, value: bytes) -> Dataset:
    """Put bytes that pydicom itself would warn of into a received header."""
    image = received(make_mammogram())
    element = image.get_item(keyword)
    image._dict[element.tag] = element._replace(value=value, length=len(value))
    return image


@pytest.mark.parametrize(
    ("keyword", "value", "expected"),
    [
        ("WindowCenter", b"nonsense", ()),
        ("WindowCenter", b"NaN ", ()),
        ("WindowCenter", b"1e999 ", ()),
        ("WindowCenter", b"10\\", ()),
        ("WindowCenter", b"", ()),
        ("WindowCenter", b" 10\\-2.5e1 ", (10.0, -25.0)),
    ],
)
def test_numbers_that_are_none_are_left_out_silently(
    keyword: str, value: bytes, expected: tuple[float, ...]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read.numbers(raw(keyword, value), keyword) == expected


def test_a_text_of_damaged_bytes_neither_raises_nor_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read.text(raw("Modality", b"\xff\x1b$BMG "), "Modality") == "ÿ\x1b$BMG"


@pytest.mark.parametrize(
    "value",
    [
        b"abc",
        b"abcdefghijkl",
        b"\xfe\xff\x00\xe0\xff\x00\x00\x00abc",
        b"\xfe\xff\x00\xe0\xff\xff\xff\xff\x08\x00",
        b"\xfe\xff\x00\xe0\x08\x00\x00\x00\x08\x00\x00\x01SH\xff\xff",
    ],
)
def test_a_view_sequence_of_damaged_bytes_names_no_view(value: bytes) -> None:
    assert read.view_of(raw("ViewCodeSequence", value)) == ""


def test_a_misspelt_keyword_is_our_own_mistake() -> None:
    with pytest.raises(KeyError):
        read.text(make_mammogram(), "Latterality")


@pytest.mark.parametrize(("signed", "expected"), [(False, (65535, 3)), (True, (-1, 3))])
def test_a_short_is_signed_when_the_caller_says_so(signed: bool, expected: tuple[int, ...]) -> None:
    image = make_mammogram()
    image.add_new("PixelPaddingValue", "US", 65535)
    image.add_new("PixelPaddingRangeLimit", "SS", 3)

    found = [
        value
        for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")
        for value in read.shorts(received(image), keyword, signed=signed)
    ]

    assert tuple(found) == expected


@pytest.mark.parametrize("vr", ["US", "FD", "SQ", "OB"])
def test_a_text_that_is_none_of_its_vr_is_absent(vr: str) -> None:
    header = Dataset()
    tag = Tag("SeriesInstanceUID")
    header[tag] = RawDataElement(tag, vr, 8, b"1.2.3.4\0", 0, False, True)

    assert read.text(header, "SeriesInstanceUID") == ""


@pytest.mark.parametrize(
    ("vr", "value"), [("US", b"\1\0"), ("FD", bytes(8)), ("AT", b"\1\0\2\0"), ("LO", b"CC")]
)
def test_a_sequence_that_is_none_has_no_items(vr: str, value: bytes) -> None:
    header = Dataset()
    tag = Tag("ViewCodeSequence")
    header[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)

    assert read.items(header, "ViewCodeSequence") == []


@pytest.mark.parametrize("view", ["CC", "MLO", "XCCL", ""])
def test_a_stand_in_says_what_the_facts_say(view: str) -> None:
    known = InstanceFacts("1.2.3", "1.2.4", "1.2.5", "1.2.6", "", "R", view, False)

    assert facts(read.stand_in(known)) == replace(known, is_standard_view=view in ("CC", "MLO"))
