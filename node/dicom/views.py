"""Views, view modifiers and sides of a mammogram, in SNOMED CT and SNOMED-RT.

The tables are CID 4014, CID 4015 and CID 6022 of PS3.16; acquisition units of ten
years ago still write the SNOMED-RT codes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

SNOMED_RT_DESIGNATORS: Final = frozenset({"SRT", "SNM3", "99SDM"})
"""PS3.16 chapter 8: SRT, and what was written before it."""


class Term(NamedTuple):
    """One concept: our keyword, both codes, and the meaning in words."""

    keyword: str
    sct: str
    srt: str
    meaning: str


VIEWS: Final = (
    Term("CC", "399162004", "R-10242", "cranio-caudal"),
    Term("MLO", "399368009", "R-10226", "medio-lateral oblique"),
    Term("ML", "399260004", "R-10224", "medio-lateral"),
    Term("LM", "399352003", "R-10228", "latero-medial"),
    Term("LMO", "399099002", "R-10230", "latero-medial oblique"),
    Term("FB", "399196006", "R-10244", "caudo-cranial (from below)"),
    Term("XCCL", "399192008", "R-1024A", "cranio-caudal exaggerated laterally"),
    Term("XCCM", "399101009", "R-1024B", "cranio-caudal exaggerated medially"),
    Term("SIO", "399188001", "R-102D0", "superolateral to inferomedial oblique"),
    Term("ISO", "441555000", "R-40AAA", "inferomedial to superolateral oblique"),
    Term("SPECIMEN", "127457009", "G-8310", "tissue specimen from breast"),
)

MODIFIERS: Final = (
    Term("MAGNIFICATION", "399163009", "R-102D6", "Magnification"),
    Term("SPOT", "399055006", "R-102D7", "Spot Compression"),
    Term("IMPLANT_DISPLACED", "399209000", "R-102D5", "Implant Displaced"),
    Term("CLEAVAGE", "399161006", "R-102D2", "Cleavage"),
    Term("AXILLARY_TAIL", "399011000", "R-102D1", "Axillary Tail"),
    Term("TANGENTIAL", "399110001", "R-102C2", "Tangential"),
    Term("ROLLED_LATERAL", "399197002", "R-102D3", "Rolled Lateral"),
    Term("ROLLED_MEDIAL", "399226006", "R-102D4", "Rolled Medial"),
    Term("ROLLED_INFERIOR", "414493004", "R-102CA", "Rolled Inferior"),
    Term("ROLLED_SUPERIOR", "415670009", "R-102C9", "Rolled Superior"),
    Term("NIPPLE_IN_PROFILE", "442581004", "R-40AB3", "Nipple in profile"),
    Term("ANTERIOR_COMPRESSION", "441752004", "P2-00161", "Anterior compression"),
    Term("INFRAMAMMARY_FOLD", "442593008", "R-40ABE", "Infra-mammary fold"),
    Term("AXILLARY_TISSUE", "442580003", "R-40AB2", "Axillary tissue"),
)

BREAST: Final = Term("BREAST", "76752008", "T-04000", "Breast")

STANDARD_VIEWS: Final = frozenset({("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO")})
"""The four views of a screening study, as (laterality, view)."""

MODIFIERS_OF_STANDARD_VIEWS: Final = frozenset({"NIPPLE_IN_PROFILE"})
"""Any other modifier makes the image an additional one."""


def keyword_of(terms: tuple[Term, ...], code_value: str, designator: str) -> str:
    """Keyword of a code in one of the tables above, ``""`` when it is not there."""
    for term in terms:
        if designator == "SCT" and code_value == term.sct:
            return term.keyword
        if designator in SNOMED_RT_DESIGNATORS and code_value == term.srt:
            return term.keyword
    return ""


def view_of_position(view_position: str) -> str:
    """View of View Position (0018,5101), which mammography units fill with our keywords."""
    position = view_position.upper()
    return position if any(position == term.keyword for term in VIEWS) else ""


def is_standard(laterality: str, view: str, modifiers: tuple[str, ...]) -> bool:
    """Whether an image is one of the four standard views, with no excluding modifier."""
    return (laterality, view) in STANDARD_VIEWS and all(
        modifier in MODIFIERS_OF_STANDARD_VIEWS for modifier in modifiers
    )
