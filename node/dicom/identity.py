"""Whose images these are: copied as it came, and the same in every image of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from node.dicom import character_sets
from node.dicom.header import text
from node.dicom.verbatim import copy_elements, not_copied, stored_bytes
from node.errors import IdentityConflict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom import Dataset

# Patient module, PS3.3 C.7.1.1
PATIENT: Final = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "TypeOfPatientID",
    "PatientBirthDate",
    "PatientBirthTime",
    "PatientSex",
    "OtherPatientIDsSequence",
    "OtherPatientNames",
    "EthnicGroup",
    "EthnicGroupCodeSequence",
    "PatientComments",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
)
# General Study and Patient Study modules, PS3.3 C.7.2.1 and C.7.2.2
STUDY: Final = (
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "StudyDescription",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
    "ReferringPhysicianIdentificationSequence",
    "ProcedureCodeSequence",
    "ReferencedStudySequence",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
)
# SOP Common, PS3.3 C.12.1: without these two the rest cannot be read.
ENCODING: Final = ("SpecificCharacterSet", "TimezoneOffsetFromUTC")

# Type 2: a result has them, empty, even where the source lacks them.
_NEVER_ABSENT: Final = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
# Two images of one study that differ in one of these are not one person's, or not
# one order's. Names are compared by component group.
_AGREED: Final = (
    "StudyInstanceUID",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
)


def copy_identity(source: Dataset, target: Dataset) -> None:
    """Give ``target`` the patient, study and character set of ``source``, byte for byte.

    Invalid values are copied as they are: a PACS compares, and a repaired birth date
    is another patient. What is none of its VR stays behind (``unreadable``).
    """
    for keyword in _NEVER_ABSENT:
        setattr(target, keyword, None)
    copy_elements(source, target, (*ENCODING, *PATIENT, *STUDY))


def unreadable(source: Dataset) -> tuple[str, ...]:
    """Name what ``source`` says of patient, study or order in bytes that are none of its VR."""
    return not_copied(source, (*ENCODING, *PATIENT, *STUDY, "RequestAttributesSequence"))


def check_same_identity(headers: Sequence[Dataset]) -> None:
    """Refuse images that disagree about patient, study or order.

    An empty or absent value says nothing and so does not disagree.

    Raises
    ------
    IdentityConflict
        Names the attribute and the two SOP Instance UIDs, never the values.
    """
    first_said: dict[str, tuple[str, Dataset]] = {}
    for header in headers:
        for statement, value in statements(header).items():
            said, where = first_said.setdefault(statement, (value, header))
            if said != value:
                uids = [text(one, "SOPInstanceUID") for one in (where, header)]
                raise IdentityConflict(
                    f"study {text(where, 'StudyInstanceUID')}: {statement} differs between "
                    f"instances {' and '.join(uids)}"
                )


def statements(header: Dataset) -> dict[str, str]:
    """Give what the header says of patient, study and order, without what it leaves empty.

    Decoded, and without what is representation alone: padding, empty components at the end
    of a name, a component group that one writes and another leaves out. Upper and lower
    case do differ: a PACS may compare so.
    """
    character_set = character_sets.declared(header)
    said = {
        keyword: character_sets.decode(stored_bytes(header, keyword), character_set).strip("\0 ")
        for keyword in _AGREED
    }
    name = character_sets.decode(stored_bytes(header, "PatientName"), character_set)
    for number, group in enumerate(name.split("=")):
        said[f"PatientName group {number + 1}"] = group.strip("\0 ^")
    return {statement: value for statement, value in said.items() if value}


def most_complete(headers: Sequence[Dataset]) -> Dataset:
    """Choose the header that says most about patient and study; the first of equals."""
    return max(headers, key=lambda header: sum(map(bool, _filled(header))))


def _filled(header: Dataset) -> list[bytes]:
    return [stored_bytes(header, keyword).strip(b"\0 ") for keyword in (*PATIENT, *STUDY)]
