"""Storage commitment: what is asked, and what a report says (PS3.4 Annex J, push model)."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from pydicom import Dataset
from pydicom.uid import UID

from node.errors import UnreadableDataSet

PUSH_MODEL: Final = "1.2.840.10008.1.20.1"
PUSH_MODEL_INSTANCE: Final = "1.2.840.10008.1.20.1.1"
"""PS3.4 J.3.5: the well-known instance."""

REQUEST_ACTION: Final = 1
"""PS3.4 J.3.2.1: Action Type ID of the request."""

NO_SUCH_OBJECT: Final = 0x0112
"""PS3.3 C.14: Failure Reason (0008,1197) of an object that the SCP does not have."""

_ALL_KEPT: Final = 1
_SOME_FAILED: Final = 2
# What pydicom raises on bytes that are no data set, early or late.
_AS_READ: Final = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
_UID: Final = re.compile(r"[0-9.]{1,64}")


class ReportStatus(IntEnum):
    """What an N-EVENT-REPORT is answered (PS3.7 10.1.1.1.8)."""

    SUCCESS = 0x0000
    """The report is recorded, or was before."""

    NO_SUCH_EVENT_TYPE = 0x0113
    INVALID_ARGUMENT_VALUE = 0x0115
    """It cannot be read, or its transaction is none that this peer was asked in."""

    NO_SUCH_SOP_CLASS = 0x0118
    RESOURCE_LIMITATION = 0x0213
    """No database now; the peer may report again."""


class ObjectKey(NamedTuple):
    """What names an object in a request and in a report."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class CommitmentReport:
    """What a destination says of the objects of one transaction.

    ``failed`` has the Failure Reason of each; an object that is in both lists is in
    ``failed`` alone.
    """

    transaction_uid: str
    kept: frozenset[ObjectKey]
    failed: Mapping[ObjectKey, int]


def action_information(transaction_uid: str, objects: Iterable[ObjectKey]) -> Dataset:
    """Build the Action Information of the request (PS3.4 Table J.3-1)."""
    request = Dataset()
    request.TransactionUID = transaction_uid
    request.ReferencedSOPSequence = [_reference(key) for key in objects]
    return request


def read_report(event_type: int | None, decode: Callable[[], Dataset]) -> CommitmentReport | None:
    """Read the Event Information of a report (PS3.4 Table J.3-2).

    Parameters
    ----------
    decode : callable
        Gives the Event Information, or raises what it likes.

    Returns
    -------
    CommitmentReport or None
        None when the event type is none of the two that there are.

    Raises
    ------
    UnreadableDataSet
        It names no transaction, or an object without UIDs.
    """
    if event_type not in (_ALL_KEPT, _SOME_FAILED):
        return None
    try:
        information = decode()
        transaction_uid = _uid(information, "TransactionUID")
        kept = {_key(item) for item in information.get("ReferencedSOPSequence") or ()}
        failed = {
            _key(item): int(item.get("FailureReason") or 0)
            for item in information.get("FailedSOPSequence") or ()
        }
    except _AS_READ as error:
        raise UnreadableDataSet("a commitment report cannot be read") from error
    return CommitmentReport(transaction_uid, frozenset(kept - set(failed)), failed)


def _reference(key: ObjectKey) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = UID(key.sop_class_uid)
    item.ReferencedSOPInstanceUID = UID(key.sop_instance_uid)
    return item


def _key(item: Dataset) -> ObjectKey:
    return ObjectKey(_uid(item, "ReferencedSOPClassUID"), _uid(item, "ReferencedSOPInstanceUID"))


def _uid(item: Dataset, keyword: str) -> str:
    text = str(item.get(keyword) or "")
    if not _UID.fullmatch(text):
        raise UnreadableDataSet(f"a commitment report has no usable {keyword}")
    return text
