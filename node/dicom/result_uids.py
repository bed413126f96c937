"""The UIDs of results: other content, other UID; the same content, the same again.

The moment of completion is no part of a key. Making an object again later therefore
gives the UID that the archive has already, not a second object.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from node.dicom import uids

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from node.dicom.findings import Algorithm, Finding, ImageResult, StudyResult


def device_uid(namespace: UUID, model: str, version: str) -> str:
    """Derive the UID of a model as a device (IHE AIR): other weights, other device.

    Parameters
    ----------
    version : str
        Holds the revision of the model's code and the beginning of its weights' sha256.
    """
    return uids.derive(namespace, "device", model, version)


def series_instance_uid(kind: str, study: StudyResult, algorithm: Algorithm) -> str:
    """Derive the one series of this kind, study, model and device.

    General Equipment (PS3.3 C.7.5.1) describes a series: a newer version of the node,
    or one of another name, starts another. So does another form of the same objects. It is
    one patient's, too: images of two may come in one study (``StudyResult.first_image``).
    """
    return uids.derive(
        study.namespace,
        "series",
        kind,
        *_run(study, algorithm),
        _digest([*_device(study, algorithm), *_form(study, kind)]),
        *([study.first_image] if study.first_image else []),
    )


def report_uid(kind: str, study: StudyResult) -> str:
    """Derive the UID of a report on all images, in whatever order they came."""
    images = sorted(study.images, key=lambda image: image.sop_instance_uid)
    predecessors = [part for reference in sorted(study.predecessors) for part in reference]
    return uids.derive(
        study.namespace,
        "instance",
        kind,
        *_run(study, study.algorithm),
        *(image.sop_instance_uid for image in images),
        _digest([*_settings(study, study.algorithm), *_form(study, kind)]),
        *(_digest([*_said(image), *_looked(study.algorithm_of(image))]) for image in images),
        *_refused(study),
        *_parted(study),
        *_beside(study),
        *_candidates(kind, study),
        _digest(predecessors),
    )


def image_result_uid(kind: str, study: StudyResult, image: ImageResult) -> str:
    """Derive the UID of a result on one image; the study's other images do not matter."""
    algorithm = study.algorithm_of(image)
    return uids.derive(
        study.namespace,
        "instance",
        kind,
        *_run(study, algorithm),
        image.sop_instance_uid,
        _digest([*_settings(study, algorithm), *_form(study, kind)]),
        _digest(_said(image)),
    )


def tracking_uid(study: StudyResult, image: ImageResult, finding: Finding) -> str:
    """Derive the UID under which every result names this box, rounded to 0.1 pixels."""
    # Which boxes below the threshold are known changes no name of those above it.
    is_candidate = finding not in image.findings
    others = (*image.findings, *image.candidates) if is_candidate else image.findings
    twins = [other for other in others if _rounded(other) == _rounded(finding)]
    # Viewers merge groups of one tracking UID; boxes that round alike keep theirs by rank.
    rank = [str(finding.rank)] if len(twins) > 1 else []
    algorithm = study.algorithm_of(image)
    return uids.derive(
        study.namespace,
        "tracking",
        image.sop_instance_uid,
        algorithm.name,
        algorithm.version,
        *_rounded(finding),
        *rank,
    )


def _run(study: StudyResult, algorithm: Algorithm) -> tuple[str, str, str]:
    return (study.study_instance_uid, algorithm.name, algorithm.version)


def _looked(algorithm: Algorithm) -> list[str]:
    return [algorithm.name, algorithm.version, *algorithm.parameters]


def _settings(study: StudyResult, algorithm: Algorithm) -> list[str]:
    """List what an administrator can change and a result shows."""
    return [*algorithm.parameters, *_device(study, algorithm)]


def _form(study: StudyResult, kind: str) -> list[str]:
    """List what a profile says of the objects of one kind, and the model that they name."""
    form = [study.profile.character_set, study.profile.options(kind).model_dump_json()]
    return [*form, *([study.model] if study.model else [])]


def _device(study: StudyResult, algorithm: Algorithm) -> list[str]:
    """List what a result shows of the equipment that made it."""
    device = study.device
    return [
        algorithm.device_uid,
        device.manufacturer,
        device.model_name,
        device.software_versions,
        device.serial_number,
        device.station_name,
        device.institution_name,
    ]


def _said(image: ImageResult) -> list[str]:
    """List what a result says of one image."""
    numbers = _numbers(image.findings)
    return [str(image.not_analysed), str(len(image.notes)), *map(str, image.notes), *numbers]


def _numbers(findings: Iterable[Finding]) -> list[str]:
    return [
        repr(float(value))
        for finding in findings
        for value in (*finding.box, finding.score, finding.rank)
    ]


def _candidates(kind: str, study: StudyResult) -> list[str]:
    """List what a graded CAD SR says of boxes below the threshold; nothing else shows them."""
    if kind != "cad_sr" or study.profile.cad_sr.form != "graded":
        return []
    return [
        _digest([*map(repr, study.algorithm_of(image).candidate_thresholds), "boxes", *numbers])
        for image in sorted(study.images, key=lambda image: image.sop_instance_uid)
        for numbers in [_numbers(image.candidates)]
    ]


def _beside(study: StudyResult) -> list[str]:
    """List the other models' reports that a report names."""
    others = sorted((other.sop_instance_uid, other.algorithm) for other in study.beside)
    return [_digest(["beside", *other]) for other in others]


def _refused(study: StudyResult) -> list[str]:
    """List what a report says of the images that were not taken."""
    refused = sorted(study.refused, key=lambda image: image.sop_instance_uid)
    return [_digest([i.sop_instance_uid, i.sop_class_uid, i.reason]) for i in refused]


def _parted(study: StudyResult) -> list[str]:
    """List what a report on a part of a study says of the rest."""
    rest = study.separation
    if rest is None:
        return []
    images = sorted(rest.in_no_report)
    return [_digest([*rest.attributes, str(rest.images_of_the_study), *images])]


def _rounded(finding: Finding) -> list[str]:
    return [f"{edge:.1f}" for edge in finding.box]


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.hexdigest()
