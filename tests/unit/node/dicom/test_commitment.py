"""Storage commitment's data sets: what is asked, and how a report is read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydicom import Dataset

from node.dicom.commitment import ObjectKey, action_information, read_report
from node.errors import UnreadableDataSet

REPORT = ObjectKey("1.2.840.10008.5.1.4.1.1.88.33", "2.25.1")
OVERLAY = ObjectKey("1.2.840.10008.5.1.4.1.1.7", "2.25.2")


def item(key: ObjectKey, reason: int | None = None) -> Dataset:
    made = Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = key
    if reason is not None:
        made.FailureReason = reason
    return made


def information(kept: list[ObjectKey], failed: dict[ObjectKey, int | None]) -> Dataset:
    made = Dataset()
    made.TransactionUID = "2.25.99"
    if kept:
        made.ReferencedSOPSequence = [item(key) for key in kept]
    if failed:
        made.FailedSOPSequence = [item(key, reason) for key, reason in failed.items()]
    return made


def test_a_request_names_its_transaction_and_each_object_by_class_and_instance() -> None:
    made = action_information("2.25.99", [REPORT, OVERLAY])

    assert made.TransactionUID == "2.25.99"
    assert [
        ObjectKey(each.ReferencedSOPClassUID, each.ReferencedSOPInstanceUID)
        for each in made.ReferencedSOPSequence
    ] == [REPORT, OVERLAY]
    assert len(made) == 2


def test_a_report_of_success_has_what_is_kept() -> None:
    report = read_report(1, lambda: information([REPORT, OVERLAY], {}))

    assert report is not None
    assert report.transaction_uid == "2.25.99"
    assert report.kept == {REPORT, OVERLAY}
    assert report.failed == {}


def test_a_report_with_failures_has_both_with_the_reasons() -> None:
    report = read_report(2, lambda: information([REPORT], {OVERLAY: 0x0112}))

    assert report is not None
    assert report.kept == {REPORT}
    assert report.failed == {OVERLAY: 0x0112}


def test_what_is_kept_and_failed_at_once_is_not_taken_for_kept() -> None:
    report = read_report(2, lambda: information([REPORT, OVERLAY], {OVERLAY: 0x0110}))

    assert report is not None
    assert report.kept == {REPORT}


def test_a_failure_without_a_reason_is_not_taken_for_a_loss() -> None:
    report = read_report(2, lambda: information([], {OVERLAY: None}))

    assert report is not None
    assert report.failed == {OVERLAY: 0}


@pytest.mark.parametrize("event_type", [None, 0, 3])
def test_there_are_two_types_of_reports(event_type: int | None) -> None:
    assert read_report(event_type, lambda: information([REPORT], {})) is None


def nothing() -> Dataset:
    return Dataset()


def of_an_object_without_class() -> Dataset:
    made = information([REPORT], {})
    del made.ReferencedSOPSequence[0].ReferencedSOPClassUID
    return made


def with_two_transactions() -> Dataset:
    made = information([REPORT], {})
    made.TransactionUID = ["2.25.1", "2.25.2"]
    return made


def broken_bytes() -> Dataset:
    raise EOFError("Doe^Jane")


@pytest.mark.parametrize(
    "decode", [nothing, of_an_object_without_class, with_two_transactions, broken_bytes]
)
def test_a_report_that_cannot_be_read_is_told_as_such_without_its_text(
    decode: Callable[[], Dataset],
) -> None:
    with pytest.raises(UnreadableDataSet) as caught:
        read_report(1, decode)

    assert "Doe" not in str(caught.value)
