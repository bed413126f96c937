"""Content items that say a device observed, and which one (TID 1001, 1002, 1004)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from node.dicom import codes
from node.dicom.content_items import Relation, code, text, uid_reference
from node.dicom.plain_text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from highdicom.sr import ContentItem

    from node.dicom.findings import StudyResult


def device_observer(study: StudyResult) -> Iterator[ContentItem]:
    """Name the node and the model in it as the observer of a document."""
    device = study.device
    context = Relation.HAS_OBS_CONTEXT
    yield code(context, codes.OBSERVER_TYPE, codes.DEVICE)
    yield uid_reference(context, codes.DEVICE_OBSERVER_UID, study.algorithm.device_uid)
    for name, value in (
        (codes.DEVICE_OBSERVER_NAME, device.station_name),
        (codes.DEVICE_OBSERVER_MANUFACTURER, device.manufacturer),
        (codes.DEVICE_OBSERVER_MODEL_NAME, device.model_name),
        (codes.DEVICE_OBSERVER_SERIAL_NUMBER, device.serial_number),
    ):
        if plain(value):
            yield text(context, name, plain(value))
