"""Orders go from images to reports as they are: their numbers, issuers and character sets."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom import Dataset

from node.dicom.measurement_report import build_measurement_report
from node.dicom.part10 import to_bytes
from node.dicom.references import requests, undeclared_orders
from tests.character_sets import SETS, header_in, read, set_raw
from tests.factories import coded, make_mammogram
from tests.results import make_study, stored
from tests.working_node import spoken

# PS3.3 Table C.17-2, Referenced Request Sequence: type 1 and 2, and what may come with them.
OBLIGATORY = {
    "StudyInstanceUID",
    "ReferencedStudySequence",
    "AccessionNumber",
    "PlacerOrderNumberImagingServiceRequest",
    "FillerOrderNumberImagingServiceRequest",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "RequestedProcedureCodeSequence",
}


def order(**values: Any) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def designator(namespace: str) -> list[Dataset]:
    """Give the three parts of an HL7v2 hierarchic designator."""
    return [
        order(
            LocalNamespaceEntityID=namespace,
            UniversalEntityID="2.16.840.1.113883.19",
            UniversalEntityIDType="ISO",
        )
    ]


def header(*orders: Dataset, **values: Any) -> Dataset:
    return stored(make_mammogram(RequestAttributesSequence=list(orders), **values))


def made(*headers: Dataset) -> list[Dataset]:
    return requests(headers[0], headers)


def test_an_order_has_all_that_is_obligatory_and_empty_where_nobody_knows() -> None:
    (request,) = made(header(order(RequestedProcedureID="RP1"), AccessionNumber=None))

    assert {element.keyword for element in request} == OBLIGATORY
    filled = {element.keyword for element in request if not element.is_empty}
    assert filled == {"StudyInstanceUID", "RequestedProcedureID"}


def test_designators_keep_their_three_parts() -> None:
    one = order(
        AccessionNumber="A1",
        IssuerOfAccessionNumberSequence=designator("RIS"),
        OrderPlacerIdentifierSequence=designator("HIS"),
        OrderFillerIdentifierSequence=designator("LAB"),
        RequestedProcedureCodeSequence=[coded("24606-6", "LN", "MG Breast Screening")],
    )

    (request,) = made(header(one))

    for keyword, namespace in (
        ("IssuerOfAccessionNumberSequence", "RIS"),
        ("OrderPlacerIdentifierSequence", "HIS"),
        ("OrderFillerIdentifierSequence", "LAB"),
    ):
        (part,) = request[keyword].value
        assert (
            part.LocalNamespaceEntityID,
            part.UniversalEntityID,
            part.UniversalEntityIDType,
        ) == (namespace, "2.16.840.1.113883.19", "ISO")
    assert request.RequestedProcedureCodeSequence[0].CodeValue == "24606-6"


@pytest.mark.parametrize(
    ("stated", "issuer"),
    [("A1", "RIS"), ("A1 ", "RIS"), (None, "RIS"), ("A2", None)],
)
def test_a_number_goes_with_its_own_issuer_alone(stated: str | None, issuer: str | None) -> None:
    one = order(RequestedProcedureID="RP1")
    if stated is not None:
        one.AccessionNumber = stated

    (request,) = made(
        header(one, AccessionNumber="A1", IssuerOfAccessionNumberSequence=designator("RIS"))
    )

    assert request.AccessionNumber == (stated or "A1").strip()
    found = request.get("IssuerOfAccessionNumberSequence")
    assert (found[0].LocalNamespaceEntityID if found else None) == issuer


def test_several_orders_of_one_study_are_each_named_with_their_own_study() -> None:
    """A group case: two procedures of the worklist, taken as one study."""
    first = order(AccessionNumber="A1", RequestedProcedureID="1", StudyInstanceUID="1.2.1")
    second = order(AccessionNumber="A2", RequestedProcedureID="2", StudyInstanceUID="1.2.2")
    images = [header(first, second, AccessionNumber=None, view=view) for view in ("CC", "MLO")]

    found = made(*images)

    assert [(one.AccessionNumber, one.StudyInstanceUID) for one in found] == [
        ("A1", "1.2.1"),
        ("A2", "1.2.2"),
    ]


def test_an_image_without_orders_gives_none() -> None:
    assert made(header()) == []
    assert made(stored(make_mammogram(RequestAttributesSequence=None))) == []


def test_a_number_of_more_than_sixteen_characters_is_not_cut() -> None:
    item = order()
    set_raw(item, "AccessionNumber", "SH", b"12345678901234567890")

    (request,) = made(header_in(SETS["none"], RequestAttributesSequence=[item]))

    assert request.get_item("AccessionNumber").value == b"12345678901234567890"


def described(text: str, codec: str) -> Dataset:
    item = order(RequestedProcedureID="RP1")
    set_raw(item, "RequestedProcedureDescription", "LO", text.encode(codec))
    return item


def test_an_order_in_another_set_than_the_report_s_says_so() -> None:
    greek = header_in(SETS["IR 126"], RequestAttributesSequence=[described("Μαστό", "iso8859-7")])
    source = header_in(SETS["IR 100"], RequestAttributesSequence=[])

    (request,) = requests(source, [source, greek])

    assert request.SpecificCharacterSet == "ISO_IR 126"
    assert request.get_item("RequestedProcedureDescription").value.strip() == "Μαστό".encode(
        "iso8859-7"
    )


def test_an_order_in_plain_letters_needs_no_set() -> None:
    other = header_in(SETS["IR 126"], RequestAttributesSequence=[described("Screening", "ascii")])
    source = header_in(SETS["IR 100"], RequestAttributesSequence=[])

    (request,) = requests(source, [source, other])

    assert "SpecificCharacterSet" not in request


def test_an_order_with_a_set_of_its_own_keeps_it_and_takes_no_number_of_another() -> None:
    item = described("Μαστό", "iso8859-7")
    set_raw(item, "SpecificCharacterSet", "CS", b"ISO_IR 126")
    source = header_in(SETS["IR 100"], RequestAttributesSequence=[item])
    set_raw(source, "AccessionNumber", "SH", "Ä17".encode("latin-1"))

    (request,) = requests(source, [source])

    assert request.SpecificCharacterSet == "ISO_IR 126"
    assert request["AccessionNumber"].is_empty, "it would be read as Greek"


def test_letters_without_a_set_are_left_out_beside_one_and_the_report_says_so() -> None:
    silent = header_in(SETS["none"], RequestAttributesSequence=[described("Brüste", "latin-1")])
    source = header_in(
        SETS["IR 100"], view="MLO", RequestAttributesSequence=[], patient_name="Example^Anna"
    )
    set_raw(source, "PatientName", "PN", b"Example^Anna")
    set_raw(source, "PatientComments", "LT", b"more")

    assert requests(source, [source, silent]) == []
    assert undeclared_orders(source, [source, silent]) == [silent.SOPInstanceUID]
    report = read(to_bytes(build_measurement_report(make_study([silent, source]))))
    assert f"Not copied from image {silent.SOPInstanceUID}" in spoken(report)
    assert "ReferencedRequestSequence" not in report


def test_letters_without_a_set_are_copied_where_none_is_declared() -> None:
    silent = header_in(SETS["none"], RequestAttributesSequence=[described("Brüste", "latin-1")])

    (request,) = requests(silent, [silent])

    assert request.get_item("RequestedProcedureDescription").value == "Brüste".encode("latin-1")
    assert undeclared_orders(silent, [silent]) == []
