"""A study's images by whose they are: two patients may come in one study, by mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydicom import Dataset, dcmread

from node.db.report_results import EarlierResult
from node.db.reporting import StudyToReport
from node.dicom.findings import StudyResult
from node.dicom.header import MALFORMED
from node.dicom.separation import Parts, Separation, parts
from workers.runtime import Runtime


@dataclass(frozen=True, slots=True)
class PatientResult:
    """The images of one patient and order, and what was reported of them before."""

    result: StudyResult
    first_instance_id: int
    earlier: tuple[EarlierResult, ...]


def headers_of(result: StudyResult) -> list[Dataset]:
    """Give the header of each image, in the order in which they came."""
    return [image.header for image in result.images]


def by_patient(
    runtime: Runtime, study: StudyToReport, result: StudyResult, found: Parts
) -> list[PatientResult]:
    """Make one result for each patient and order; one in all where nothing is disputed.

    Parameters
    ----------
    found : Parts
        Of the headers of ``result``, whose images stand in the order of the study's rows.
    """
    separation = None
    if found.disputed:
        nobodys = tuple(study.images[place].facts.sop_instance_uid for place in found.nobodys)
        separation = Separation(found.disputed, len(study.images), nobodys)
    ids = [[study.images[place].instance_id for place in group] for group in found.groups]
    patients = []
    for group, own in zip(found.groups, ids, strict=True):
        others = {instance for rest in ids if rest is not own for instance in rest}
        images = tuple(result.images[place] for place in group)
        part = replace(
            result,
            images=images,
            first_image=study.images[group[0]].facts.sop_instance_uid,
            separation=separation,
        )
        earlier = tuple(
            before
            for before in study.earlier
            if before.first_instance_id in own
            or (before.first_instance_id not in others and _is_of(runtime, before, part))
        )
        patients.append(PatientResult(part, own[0], earlier))
    return patients


def described(study: StudyToReport, found: Parts) -> dict[str, Any]:
    """Say for the audit log what is disputed and which images belong together."""

    def uids(places: Sequence[int]) -> list[str]:
        return [study.images[place].facts.sop_instance_uid for place in places]

    return {
        "attributes": list(found.disputed),
        "groups": [uids(group) for group in found.groups],
        "in_no_report": uids(found.nobodys),
    }


def _is_of(runtime: Runtime, before: EarlierResult, part: StudyResult) -> bool:
    """Whether an earlier result, whose first image was set aside since, is this patient's."""
    try:
        header = dcmread(runtime.layout.absolute(before.first_path), stop_before_pixels=True)
        return not parts([header, *headers_of(part)]).disputed
    except MALFORMED as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's fault and not the header's
        return part.separation is None
