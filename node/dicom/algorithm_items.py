"""Content items that identify the algorithm (TID 4019)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.dicom import codes
from node.dicom.content_items import Relation, text
from node.dicom.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from highdicom.sr import ContentItem

    from node.dicom.findings import Algorithm


def name_and_version(relation: Relation, algorithm: Algorithm) -> Iterator[ContentItem]:
    """Say which algorithm looked."""
    yield text(relation, codes.ALGORITHM_NAME, plain(algorithm.name))
    yield text(relation, codes.ALGORITHM_VERSION, plain(algorithm.version))


def identification(relation: Relation, algorithm: Algorithm) -> Iterator[ContentItem]:
    """Say which algorithm looked, and with which parameters."""
    yield from name_and_version(relation, algorithm)
    for parameter in algorithm.parameters:
        yield text(relation, codes.ALGORITHM_PARAMETERS, plain(parameter))
