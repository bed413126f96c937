"""Objects of every kind that a profile can ask for, built as the report step builds them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom import Dataset

from node.dicom.findings import StudyResult
from node.dicom.part10 import to_bytes
from tests.results import grey_of
from workers.objects import _PLANNERS, planned_objects

KINDS: Final[tuple[str, ...]] = tuple(_PLANNERS)


def built(kind: str, study: StudyResult) -> list[Dataset]:
    """Build the objects of one kind; the study must have a box, so that there is one."""
    objects = planned_objects(kind, study, lambda image: grey_of(image.header))
    made = [planned.build() for planned in objects]
    assert made, kind
    return made


def built_files(study: StudyResult) -> Iterator[tuple[str, bytes]]:
    """Build the objects of all kinds; each as its kind and its file."""
    for kind in KINDS:
        for made in built(kind, study):
            yield kind, to_bytes(made)
