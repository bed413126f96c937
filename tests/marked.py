"""A patient whose every attribute has a mark, and peers and faults that say it aloud."""

from __future__ import annotations

from typing import Any

import pydicom.config

from tests.factories import make_mammogram
from tests.pdus import C_STORE_RSP, EXPLICIT, NO_DATA_SET, command, contexts_of, us
from tests.peer import AcceptedLine

MARK = "Qzxv"
"""No UID, path or word of ours has it, in whatever case."""


def marked(**attributes: Any) -> Any:
    """An image in which all that tells who the patient is has the mark; some of it is invalid."""
    values = {
        "patient_name": f"{MARK}^Anna={MARK}=",
        "patient_id": f"{MARK}-17",
        "AccessionNumber": f"{MARK}0017",
        "PatientBirthDate": f"{MARK}03",
        "PatientAge": f"{MARK}",
        "PatientComments": f"known as {MARK}",
        "OtherPatientNames": f"{MARK}^Maiden",
        "ReferringPhysicianName": f"{MARK}^Doctor",
        "StudyDescription": f"Screening of {MARK}",
        "InstitutionName": f"{MARK} clinic",
        **attributes,
    }
    with pydicom.config.disable_value_validation():
        return make_mammogram(**values)


def commented(line: AcceptedLine) -> None:
    """Refuse the first result for now and the others for good, with a comment that has the mark."""
    request = line.accept(syntax_of=lambda _, offered: EXPLICIT if EXPLICIT in offered else None)
    contexts = {a: n for n, a, offered in contexts_of(request) if EXPLICIT in offered}
    for status in (0xA700, 0xC000, 0xC000):
        asked = line.read_store_command()
        answer = command(
            (0x0002, asked[0x0002]),
            (0x0100, us(C_STORE_RSP)),
            (0x0120, asked[0x0110]),
            (0x0800, us(NO_DATA_SET)),
            (0x0900, us(status)),
            (0x0902, f"study is of {MARK}^Berta".encode()),
            (0x1000, asked[0x1000]),
        )
        line.send_pdv(contexts[asked[0x0002].decode().strip("\0 ")], answer, is_command=True)
    line.answer_release()


def quote_the_patient(_: object) -> None:
    raise LookupError(f"no such patient: {MARK}^Anna")
