"""Images of one study that are not all one person's or one order's: which belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node.dicom.identity import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydicom import Dataset


@dataclass(frozen=True, slots=True)
class Separation:
    """What a report on a part of its study says of the rest.

    ``attributes`` are the names of what the images disagree about, never its values;
    ``in_no_report`` are SOP Instance UIDs of images that do not say whose they are.
    """

    attributes: tuple[str, ...]
    images_of_the_study: int
    in_no_report: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """The places of images that belong together, and of those that belong nowhere.

    ``disputed`` names what the images disagree about; where that is nothing there is one
    group of all of them.
    """

    disputed: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]
    nobodys: tuple[int, ...] = ()


def parts(headers: Sequence[Dataset]) -> Parts:
    """Part images by what they say of patient, study and order (``identity.statements``).

    Two images agree when nothing that both say differs. An image that agrees with two
    others that do not agree is a group of its own: nobody knows to which of them it
    belongs, nor whether the next one like it belongs to the same. What it says of itself
    goes into its own results, so nothing that was found is lost and nothing is ascribed to
    the wrong person. One that says nothing but its study belongs nowhere then. The order
    of the headers does not matter but for the order of the groups.
    """
    said = [statements(header) for header in headers]
    disputed = _disputed(said)
    if not disputed:
        return Parts((), (tuple(range(len(said))),))
    together: list[list[int]] = []
    alone: list[list[int]] = []
    nobodys = []
    for place, one in enumerate(said):
        friends = [other for other in said if _agree(one, other)]
        if not one.keys() - {"StudyInstanceUID"}:
            nobodys.append(place)
        elif _disputed(friends):
            alone.append([place])
        else:
            # Agreement among images that are like this one parts them without overlap.
            group = next((group for group in together if _agree(said[group[0]], one)), None)
            if group is None:
                together.append([place])
            else:
                group.append(place)
    groups = sorted(together + alone)
    return Parts(disputed, tuple(map(tuple, groups)), tuple(nobodys))


def _disputed(said: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """Name the statements that have more than one value."""
    values: dict[str, set[str]] = {}
    for one in said:
        for statement, value in one.items():
            values.setdefault(statement, set()).add(value)
    return tuple(statement for statement, found in values.items() if len(found) > 1)


def _agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return all(other.get(statement, value) == value for statement, value in one.items())
