"""What stands in the objects we make, read from objects that were made for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.tag import BaseTag

from config.profiles import Profile
from node.conformance.markdown import table
from node.conformance.sample import BUILT, bare_study, build, full_study
from node.dicom import identity

_COPIED: Final = frozenset((*identity.ENCODING, *identity.PATIENT, *identity.STUDY))
"""Also where source and result agree by chance, or where both are empty."""
_OWN_SETTINGS: Final = frozenset(
    {
        "Manufacturer",
        "InstitutionName",
        "StationName",
        "DeviceSerialNumber",
        "SeriesNumber",
        "SeriesDescription",
    }
)
# The tree of an SR, described in a table of its own.
_CONTENT: Final = "ContentSequence"


def attributes() -> dict[str, str]:
    """Write a row for each attribute of each kind of object; those of every kind stand under "".

    ALWAYS: present with a value; VNAP: present, the value may be empty; ANAP: present
    where the images or the settings give cause for it (PS3.2 Annex A).
    """
    rows = {kind: _rows(kind) for kind in BUILT}
    first, *others = rows.values()
    shared = [row for row in first if all(row in other for other in others)]
    columns = ["tag", "attribute", "VR", "presence", "value"]
    tables = {"": table(columns, shared)}
    for kind, of_kind in rows.items():
        tables[kind] = table(columns, [row for row in of_kind if row not in shared])
    return tables


def _rows(kind: str) -> list[tuple[str, ...]]:
    full, bare = (build(kind, study(Profile())) for study in (full_study, bare_study))
    source = full_study(Profile()).images[0].header
    tags = sorted({*full.keys(), *bare.keys()})
    return [_row(tag, full.get(tag), bare.get(tag), source) for tag in tags]


def _row(
    tag: BaseTag, full: DataElement | None, bare: DataElement | None, source: Dataset
) -> tuple[str, ...]:
    element = full or bare
    if element is None:
        raise KeyError(tag)
    return (
        f"({tag.group:04X},{tag.element:04X})",
        element.name,
        element.VR,
        _presence(full, bare),
        _constant(full, bare) or _origin(element, source),
    )


def _presence(full: DataElement | None, bare: DataElement | None) -> str:
    if full is None or bare is None:
        return "ANAP"
    return "VNAP" if full.is_empty or bare.is_empty else "ALWAYS"


def _constant(full: DataElement | None, bare: DataElement | None) -> str:
    """Give a coded value that is the same whatever the images say."""
    if full is None or bare is None or full.VR != "CS" or full.keyword in _COPIED:
        return ""
    if full.is_empty or full.value != bare.value:
        return ""
    many = full.value if full.VM > 1 else [full.value]
    return f"`{chr(92).join(many)}`"


def _origin(element: DataElement, source: Dataset) -> str:
    keyword = element.keyword
    if keyword == _CONTENT:
        return "made: the tree below"
    if keyword in _COPIED:
        return "copied from the images"
    if keyword in _OWN_SETTINGS:
        return "settings"
    if keyword in source and not element.is_empty and source[keyword].value == element.value:
        return "copied from the images"
    return "made"


def tree(kind: str, profile: Profile) -> str:
    """Write a row for each place of the content tree of a report, in order, each once."""
    report = build(kind, full_study(profile))
    places: _Places = {}
    _add(report, places)
    return table(["level", "relationship", "value type", "concept name"], _lines(places, 0))


_Item = tuple[str, str, str]
_Places = dict[_Item, "_Places"]
"""What may stand below an item: items of one name and kind are one place."""


def _add(item: Dataset, places: _Places) -> None:
    """Add an item and what stands below it to what other such items have there."""
    place = (
        str(item.get("RelationshipType", "")),
        str(item.get("ValueType", "by reference")),
        _concept(item),
    )
    below = places.setdefault(place, {})
    for child in item.get(_CONTENT, []):
        _add(child, below)


def _lines(places: _Places, depth: int) -> Iterator[tuple[str, ...]]:
    for place, below in places.items():
        yield (">" * depth, *place)
        yield from _lines(below, depth + 1)


def _concept(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence") or []
    return ", ".join(
        f'({name.CodeValue}, {name.CodingSchemeDesignator}, "{name.CodeMeaning}")' for name in names
    )
