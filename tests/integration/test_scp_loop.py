"""Results that come back, ours and others': stored at most, and nothing is ever made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, FileDataset
from pydicom.uid import (
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    MammographyCADSRStorage,
    SecondaryCaptureImageStorage,
)
from sqlalchemy import select

from config.profiles import OverlayOptions, Profile, SummaryOverlayOptions
from node.db.events import Event
from node.db.session import Database
from node.db.tables import Result, Study
from node.db.transitions import move
from node.dicom.part10 import to_bytes
from node.dicom.reasons import STORED_ONLY, Reason
from node.scu.outcome import Outcome
from node.scu.sender import StoreAssociation
from node.states import InstanceState, StudyState
from tests.every_kind import KINDS, built
from tests.factories import coded, make_mammogram, stable_uid
from tests.orthanc import OrthancServer
from tests.receiving import RunningScp, running_scp, scp_settings
from tests.results import DEVICE, LESION, make_study
from tests.rows import NOON
from tests.sending import SCU, at
from tests.servers import running

# The rows do not depend on the database here; tests/unit/node/db has both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

STUDY = stable_uid("looped")
AS_MG = Profile(
    manufacturer="Clinic",
    overlay=OverlayOptions(modality="MG"),
    summary_overlay=SummaryOverlayOptions(modality="MG"),
)
KEPT = {
    MammographyCADSRStorage,
    KeyObjectSelectionDocumentStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    SecondaryCaptureImageStorage,
}


@pytest.fixture
def node(tmp_path: Path, database: Database) -> Iterator[RunningScp]:
    with running_scp(scp_settings(tmp_path / "data"), database) as running:
        yield running


def send(node: RunningScp, folder: Path, *objects: Dataset) -> list[Outcome]:
    """Send objects over one association; the outcome of each."""
    paths = []
    for number, made in enumerate(objects):
        path = folder / f"{number}.dcm"
        path.write_bytes(to_bytes(made))
        paths.append((path, str(made.SOPClassUID)))
    wanted = [(sop_class, "1.2.840.10008.1.2.1") for _, sop_class in paths]
    with StoreAssociation(at(node.address, "MGNODE"), SCU, wanted) as association:
        return [association.store(path).outcome for path, _ in paths]


def image(**attributes: Any) -> FileDataset:
    return make_mammogram(study_instance_uid=STUDY, **attributes)


def results_of(kind: str, *, model_name: str = "mgnode") -> list[Dataset]:
    """Results as a node makes them that shows a manufacturer of its own."""
    study = make_study(
        [image()],
        findings={0: (LESION,)},
        profile=AS_MG,
        device=replace(DEVICE, manufacturer="Clinic", model_name=model_name),
    )
    return built(kind, study)


def report(node: RunningScp) -> None:
    """Bring the study to REPORTED, as the other processes would."""
    with node.database.begin() as session:
        study = session.scalars(select(Study)).one()
        for state in (StudyState.COMPLETE, StudyState.REPORTED):
            event = Event.STUDY_COMPLETE
            move(session, study, state, at=NOON, event=event, actor="test", completed_at=NOON)


def assert_stored_only(node: RunningScp, reason: Reason, *, count: int) -> None:
    """The study's one image is as it was; all that came later is kept and left alone."""
    image, *others = node.instances()
    assert (image.state, image.reason) == (InstanceState.RECEIVED, "")
    assert len(others) == count
    assert {(row.state, row.reason) for row in others} <= {(InstanceState.REJECTED, reason)}
    assert reason in STORED_ONLY
    with node.database.read() as session:
        assert session.scalars(select(Study.state)).one() is StudyState.REPORTED
    assert node.audited("study_reopened") == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("model_name", "reason"),
    [("mgnode", Reason.OWN_OBJECT), ("OtherCAD", None)],
    ids=["of a node of any site", "of another vendor"],
)
def test_results_are_stored_at_most_and_reopen_nothing(
    node: RunningScp, tmp_path: Path, kind: str, model_name: str, reason: Reason | None
) -> None:
    """No result table knows these: a node of another site made them, under its own name."""
    send(node, tmp_path, image())
    report(node)
    made = results_of(kind, model_name=model_name)
    is_kept = all(one.SOPClassUID in KEPT for one in made)
    if reason is None:
        pictures = made[0].SOPClassUID == SecondaryCaptureImageStorage
        reason = Reason.PICTURE if pictures else Reason.NOT_AN_ANALYSED_CLASS

    outcomes = send(node, tmp_path, *made)

    assert set(outcomes) == {Outcome.DELIVERED if is_kept else Outcome.REFUSED}
    assert_stored_only(node, reason, count=len(made) if is_kept else 0)


@pytest.mark.parametrize(
    "attributes",
    [
        {"Modality": "OT", "ConversionType": "WSD", "ImageType": ["DERIVED", "SECONDARY"]},
        {"Modality": "MG", "ConversionType": "WSD", "ImageType": ["DERIVED", "SECONDARY"]},
        {"Modality": "MG", "SourceImageSequence": [coded("121322", "DCM", "Source image")]},
        {"Modality": "OT", "ConversionType": "DI"},
        {"Modality": "DOC", "ConversionType": "SD", "BodyPartExamined": None},
    ],
)
def test_pictures_of_others_are_stored_only(
    node: RunningScp, tmp_path: Path, attributes: dict[str, Any]
) -> None:
    send(node, tmp_path, image())
    report(node)
    values = {"SOPClassUID": SecondaryCaptureImageStorage, "ImageType": None, **attributes}

    send(node, tmp_path, image(view="MLO", **values))

    assert_stored_only(node, Reason.PICTURE, count=1)


def test_a_result_is_known_by_its_uid_whatever_became_of_its_header(
    node: RunningScp, tmp_path: Path
) -> None:
    """An archive may write its own equipment over ours, and make an MG image of it."""
    send(node, tmp_path, image())
    report(node)
    came_back = image(view="MLO")
    result = a_result(sop_instance_uid=came_back.SOPInstanceUID)
    with node.database.begin() as session:
        session.add(result)

    send(node, tmp_path, came_back)

    assert_stored_only(node, Reason.OWN_OBJECT, count=1)


@pytest.mark.orthanc
def test_orthanc_may_send_back_all_that_it_got(node: RunningScp, tmp_path: Path) -> None:
    send(node, tmp_path, image())
    report(node)
    made = [one for kind in KINDS for one in results_of(kind) if one.SOPClassUID in KEPT]
    with running(OrthancServer(tmp_path)) as orthanc:
        for number, one in enumerate(made):
            path = tmp_path / f"result{number}.dcm"
            path.write_bytes(to_bytes(one))
            orthanc.import_file(path)

        answer = orthanc.send(orthanc.get("/instances"), at(node.address, "MGNODE"))

    assert answer["FailedInstancesCount"] == 0
    assert len(made) == 5
    assert_stored_only(node, Reason.OWN_OBJECT, count=len(made))


def a_result(**values: Any) -> Result:
    return Result(
        **{
            "study_id": 1,
            "generation": 1,
            "kind": "overlay",
            "sop_class_uid": SecondaryCaptureImageStorage,
            "series_instance_uid": "1.2.3",
            "transfer_syntax_uid": "1.2.840.10008.1.2.1",
            "sha256": "0" * 64,
            "bytes": 1,
            "path": "results/none",
            "created_at": NOON,
            **values,
        }
    )
