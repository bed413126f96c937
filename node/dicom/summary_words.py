"""What the summary page of a study says beside its pictures."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from node.dicom import outcome
from node.dicom.hanging import turn_of
from node.dicom.image_label import in_viewing_order, label
from node.dicom.plain_text import plain
from node.dicom.result_header import local_moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydicom import Dataset

    from node.dicom.findings import ImageResult, StudyResult

_LONGEST_NAME: Final = 96  # characters, of a model


def caption(image: ImageResult) -> str:
    """Name a view and say how many regions it has."""
    name = label(image.header)
    if image.not_analysed:
        return f"{name}: not analysed"
    count = len(image.findings)
    counted = {0: "no region", 1: "1 region"}.get(count, f"{count} regions")
    mirrored = " (mirrored)" if any(turn_of(image.header)) else ""
    return f"{name}: {counted}{mirrored}"


def notes(study: StudyResult, header: Dataset) -> list[str]:
    """Say which model looked and when, what was not analysed and why, what to bear in mind.

    Images that have the same reason stand on one line; what must not be cut off comes first.
    """
    images = in_viewing_order(study.images)
    moment = local_moment(study.completed_at, header)
    device = study.device
    names = dict.fromkeys((device.manufacturer, device.model_name, device.software_versions))
    node = " ".join(name for name in names if name)
    said = [
        *_models(study, images),
        f"{node}, {moment:%Y-%m-%d %H:%M}. At each box: its rank, and the model's score.",
    ]
    said += [
        f"Not analysed: {_names(of)}: {outcome.sentence(reason)}"
        for reason, of in _grouped((image.not_analysed, image) for image in images)
        if reason
    ]
    refused = Counter(image.reason for image in study.refused)
    said += [f"Not received: {count}: {outcome.sentence(why)}" for why, count in refused.items()]
    said += [
        f"Note on {_names(of)}: {outcome.sentence(note)}"
        for note, of in _grouped((note, image) for image in images for note in image.notes)
    ]
    said += outcome.parted(study)
    if study.predecessors:
        said.append("Replaces an earlier summary of this study.")
    return [plain(line) for line in said]


def _models(study: StudyResult, images: tuple[ImageResult, ...]) -> Iterator[str]:
    """Name the model, and where several have looked which at what."""
    looked = [(study.algorithm_of(image), image) for image in images if not image.not_analysed]
    groups = _grouped(
        (plain(f"{algorithm.name} {algorithm.version}", _LONGEST_NAME), image)
        for algorithm, image in looked
    )
    if not groups:
        yield plain(f"Model: {study.algorithm.name} {study.algorithm.version}", _LONGEST_NAME)
    for name, of in groups:
        yield f"Model: {name}" if len(groups) == 1 else f"Model of {_names(of)}: {name}"


def _grouped(pairs: Iterable[tuple[str, ImageResult]]) -> list[tuple[str, list[ImageResult]]]:
    groups: dict[str, list[ImageResult]] = {}
    for key, image in pairs:
        groups.setdefault(str(key), []).append(image)
    return list(groups.items())


def _names(images: list[ImageResult]) -> str:
    """List views, each once: ``R CC, L MLO (3)``."""
    counted = Counter(label(image.header) for image in images)
    return ", ".join(name if count == 1 else f"{name} ({count})" for name, count in counted.items())
