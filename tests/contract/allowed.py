"""What validators say of sound results: each message with the reason why it may stand."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Allowed(NamedTuple):
    """One message of one tool, and of which studies it may be said: of all if none is named."""

    tool: str
    message: str
    why: str
    names: tuple[str, ...] = ()
    but_not: tuple[str, ...] = ()


_UNKNOWN_SIDE: Final = ("no_side_no_view", "sides_of_series")
_TYPE_2_MISSING: Final = ("type_2_missing", "cad_sparse", "study type 2 missing")
_IN_CONTEXT_GROUP_6014: Final = (
    *("cad_density", "cad_selected_region", "cad_probability", "cad_old_codes"),
    *("cad_graded", "cad_graded_candidates_only"),
)
"""CAD SRs with a finding code of the standard's own list: nothing is allowed of these."""

ALLOWED: Final = (
    Allowed(
        "dciodvfy",
        r"Laterality.* is only permitted to be empty when actually unk",
        "the source names no side, so its results cannot",
        _UNKNOWN_SIDE,
    ),
    Allowed(
        "dciodvfy",
        r"(StudyDate|StudyTime|StudyID).* would be needed to build DICOMDIR",
        "the source has none, and nobody may invent one",
        _TYPE_2_MISSING,
    ),
    Allowed(
        "dciodvfy",
        r"</ViewCodeSequence\(0054,0220\)\[1\]/ViewModifierCodeSequence\(0054,0222\)\[1\]/",
        "in a Secondary Capture it looks for a content item where the view's modifier is a code",
        ("study implant",),
    ),
    Allowed(
        "dciodvfy",
        r"CodingSchemeDesignator is deprecated = <SRT>",
        "the profile asks for the codes of old workstations",
        ("cad_old_codes",),
    ),
    Allowed(
        "dcentvfy",
        r"present in one instance but not.*IE=<(Patient|Study)>",
        "missing in the source, and there, empty, in the results as the standard wants it",
        _TYPE_2_MISSING,
    ),
    Allowed("dsrdump", r"Specific ?Character ?Set", "it checks no VRs in these sets"),
    Allowed("dsrdump", r"template constraints not yet", "it knows no constraints of TID 1500"),
    Allowed(
        "PixelMed",
        r'Code \(71651007,SCT,"Mammography"\) not found in context group 100$',
        "CID 100 is a baseline group: it may be extended",
    ),
    Allowed(
        "PixelMed",
        r'Code \(52988006,SCT,"Lesion"\) not found in context group 6014$',
        "CID 6014 is extensible, and has no code for a finding whose type nobody decided",
        but_not=_IN_CONTEXT_GROUP_6014,
    ),
    Allowed(
        "PixelMed",
        r'different code meaning \("Failed Detections"\) .* \("Failed  Detections"\)$',
        "two blanks in its own table",
        but_not=_IN_CONTEXT_GROUP_6014,
    ),
    Allowed(
        "PixelMed",
        r'Single Image Finding"\)/\[Row 18\] IMAGE .*Conditional content item present when',
        "it tests the concept where the row tests the value, (111101, DCM, Image Quality)",
        but_not=_IN_CONTEXT_GROUP_6014,
    ),
    Allowed(
        "PixelMed",
        r"Warning: .*(CODE \(276214006,SCT,\"Finding category\"\)|TEXT \(121106,DCM,\"Comment\"\))"
        r": Content Item not in template$",
        "newer than its copy of TID 1411; templates are extensible",
    ),
    Allowed(
        "PixelMed",
        r'"Qualitative Evaluations"\)/\[Row 14\] TEXT .*/TEXT \((111001|111003),DCM.*'
        r"Incorrect relationship",
        "it takes the rows of TID 4019 for those of row 14",
    ),
)


def unexpected(tool: str, name: str, lines: list[str]) -> list[str]:
    """Give the lines that no row of the table allows for this study."""
    rows = [
        re.compile(row.message)
        for row in ALLOWED
        if row.tool == tool and (not row.names or name in row.names) and name not in row.but_not
    ]
    return [line for line in lines if not any(row.search(line) for row in rows)]
