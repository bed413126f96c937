"""Asking a destination whether it has an object: C-FIND at IMAGE level, Study Root."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom.presentation import build_context

from node.scu.requestor import end_association, open_association
from node.scu.sender import LITTLE_ENDIAN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pynetdicom.association import Association

    from config.sending import Destination, ScuSettings

STUDY_ROOT_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
_SUCCESS: Final = 0x0000
_PENDING: Final = (0xFF00, 0xFF01)
"""PS3.4 Table C.4-1."""


class Instance(NamedTuple):
    """The three unique keys of an object (PS3.4 C.6.2.1)."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


class Presence(StrEnum):
    """What a destination says of one object."""

    PRESENT = "PRESENT"
    ABSENT = "ABSENT"
    UNKNOWN = "UNKNOWN"
    """It did not answer, or with a failure: nothing is known."""


def find_instances(
    destination: Destination,
    scu: ScuSettings,
    instances: Sequence[Instance],
    *,
    before_each: Callable[[], object] = lambda: None,
) -> list[Presence]:
    """Ask for one object after the other on one association; answers in the same order.

    ``before_each`` is called before each question; what it raises ends the association.

    Raises
    ------
    TransientFailure, PermanentFailure
        No association: nothing was asked.
    """
    context = build_context(STUDY_ROOT_FIND, list(LITTLE_ENDIAN))
    association = open_association(destination, scu, [context])
    answers = []
    try:
        for instance in instances:
            before_each()
            answers.append(_find(association, instance))
        return answers
    finally:
        end_association(association)


def _find(association: Association, instance: Instance) -> Presence:
    # Not established: it accepted no C-FIND, or went away at an earlier one.
    if not association.is_established:
        return Presence.UNKNOWN
    found, last = False, None
    try:
        for answer, identifier in association.send_c_find(identifier_of(instance), STUDY_ROOT_FIND):
            last = answer.get("Status")
            found = found or (last in _PENDING and _names(identifier, instance))
    except RuntimeError:
        # The peer ended the association between our look and the request.
        return Presence.UNKNOWN
    if found:
        return Presence.PRESENT
    return Presence.ABSENT if last == _SUCCESS else Presence.UNKNOWN


def identifier_of(instance: Instance) -> Dataset:
    """Build the Identifier of the question (PS3.4 C.4.1.1.3): unique keys alone."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "IMAGE"
    identifier.StudyInstanceUID = UID(instance.study_instance_uid)
    identifier.SeriesInstanceUID = UID(instance.series_instance_uid)
    identifier.SOPInstanceUID = UID(instance.sop_instance_uid)
    return identifier


def _names(identifier: Dataset | None, instance: Instance) -> bool:
    # Some peers ignore a key and answer with more than was asked for.
    return (
        identifier is not None
        and str(identifier.get("SOPInstanceUID", "")) == instance.sop_instance_uid
    )
