"""A whole node between real peers: DCMTK and Orthanc send, DCMTK and Orthanc receive.

Two nodes: on SQLite with the embedded broker, and on PostgreSQL with Redis. One study is
uncompressed, the other has a transfer syntax of its own for each view.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    ComprehensiveSRStorage,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MammographyCADSRStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
)
from sqlalchemy import select

from config.sending import Destination
from node.db.tables import AuditEvent, Delivery, Instance, Result, Study
from node.states import UNFINISHED_INSTANCE, DeliveryState, StudyState
from tests.factories import (
    JAPANESE_CHARACTER_SET,
    JAPANESE_NAME,
    four_view_study,
    save_to_folder,
    stable_uid,
)
from tests.orthanc import OrthancServer
from tests.requirements import program
from tests.running_node import RunningNode, running_node
from tests.servers import (
    PostgresqlServer,
    RedisServer,
    Server,
    free_port,
    running,
    short_folder,
    wait_until,
)

pytestmark = [pytest.mark.tensorflow, pytest.mark.orthanc, pytest.mark.dcmtk]

# storescu proposes one transfer syntax at a time: the option for each.
PROPOSAL = {
    "1.2.840.10008.1.2.1": "-R",
    RLELossless: "-xr",
    JPEGLosslessSV1: "-xs",
    JPEGLSLossless: "-xt",
    JPEG2000Lossless: "-xv",
}


class StoreScp(Server):
    """DCMTK's storescp, which writes what comes to a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.received = folder / "received"
        self.received.mkdir()

    @property
    def destination(self) -> Destination:
        return Destination(ae_title="STORESCP", host="127.0.0.1", port=self.port)

    def arguments(self) -> list[str]:
        where = ["-od", str(self.received), "-aet", "STORESCP"]
        return [str(program("storescp")), "--accept-all", *where, str(self.port)]

    def is_ready(self) -> bool:
        echo = [str(program("echoscu")), "127.0.0.1", str(self.port)]
        return subprocess.run(echo, capture_output=True, check=False).returncode == 0

    def objects(self) -> list[Dataset]:
        return [dcmread(path) for path in sorted(self.received.iterdir())]


@pytest.fixture(scope="module")
def peers() -> Iterator[tuple[OrthancServer, StoreScp]]:
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        (folder / "orthanc").mkdir()
        (folder / "storescp").mkdir()
        orthanc = stack.enter_context(running(OrthancServer(folder / "orthanc")))
        storescp = stack.enter_context(running(StoreScp(folder / "storescp")))
        yield orthanc, storescp


@pytest.fixture(
    scope="module",
    params=[
        "sqlite",
        pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.redis]),
    ],
)
def node(
    request: pytest.FixtureRequest, peers: tuple[OrthancServer, StoreScp]
) -> Iterator[RunningNode]:
    orthanc, storescp = peers
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        groups = {}
        if request.param == "postgresql":
            server: PostgresqlServer = request.getfixturevalue("postgresql_server")
            broker: RedisServer = request.getfixturevalue("redis_server")
            broker.empty()
            groups = {
                "database": {"url": server.create("whole_node")},
                "broker": {"url": broker.url},
            }
        yield stack.enter_context(
            running_node(
                folder / "node",
                destinations={
                    "orthanc": orthanc.destination,
                    "storescp": storescp.destination,
                },
                routes={"ORTHANC": ["orthanc"], "DCMTK": ["storescp"]},
                **groups,
            )
        )


def _study(folder: Path, name: str, *, compressed: bool) -> tuple[str, list[Path]]:
    """Write a four-view study of a Japanese patient; give its UID and files."""
    images = four_view_study(
        study_instance_uid=stable_uid(name),
        patient_name=JAPANESE_NAME,
        specific_character_set=JAPANESE_CHARACTER_SET,
    )
    if compressed:
        syntaxes = (RLELossless, JPEGLSLossless, JPEG2000Lossless)
        for image, syntax in zip(images, syntaxes, strict=False):
            image.compress(syntax, generate_instance_uid=False)
    paths = save_to_folder(images, folder)
    if compressed:
        # No Python encoder writes JPEG Lossless: DCMTK's does.
        plain = paths[3].rename(folder / "plain")
        _run("dcmcjpeg", "+e1", str(plain), str(paths[3]))
        plain.unlink()
    return str(images[0].StudyInstanceUID), paths


def _run(name: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(program(name)), *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _storescu(node: RunningNode, paths: list[Path]) -> None:
    peer = node.address
    for path in paths:
        syntax = dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
        where = ["-aet", "DCMTK", "-aec", peer.ae_title, peer.host, str(peer.port)]
        _run("storescu", PROPOSAL[syntax], *where, str(path))


def _assert_results(objects: list[Dataset], study: str, sources: list[Path]) -> None:
    """One report of each kind, an overlay of each image with a box, the name as it was."""
    images = [dcmread(path, stop_before_pixels=True) for path in sources]
    results = [item for item in objects if item.StudyInstanceUID == study]
    kinds = Counter(str(item.SOPClassUID) for item in results)
    assert kinds[ComprehensiveSRStorage] == kinds[MammographyCADSRStorage] == 1
    assert 1 <= kinds[SecondaryCaptureImageStorage] <= len(images)
    reports = {ComprehensiveSRStorage, MammographyCADSRStorage}
    assert set(kinds) == {*reports, SecondaryCaptureImageStorage}
    name = images[0].get_item("PatientName").value
    for item in results:
        assert item.get_item("PatientName").value == name
        assert item.PatientID == images[0].PatientID
    for report in (item for item in results if item.SOPClassUID in reports):
        evidence = {
            reference.ReferencedSOPInstanceUID
            for item in report.CurrentRequestedProcedureEvidenceSequence
            for series in item.ReferencedSeriesSequence
            for reference in series.ReferencedSOPSequence
        }
        assert evidence == {image.SOPInstanceUID for image in images}


@pytest.mark.parametrize("compressed", [False, True], ids=["uncompressed", "compressed"])
def test_storescu_to_node_to_storescp(
    node: RunningNode,
    peers: tuple[OrthancServer, StoreScp],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    *,
    compressed: bool,
) -> None:
    storescp = peers[1]
    study, paths = _study(tmp_path, request.node.name, compressed=compressed)

    _storescu(node, paths)
    node.wait_until_delivered(study)

    _assert_results(storescp.objects(), study, paths)
    _assert_sending_again_adds_nothing(node, lambda: _storescu(node, paths))
    _assert_results(storescp.objects(), study, paths)


@pytest.mark.parametrize("compressed", [False, True], ids=["uncompressed", "compressed"])
def test_orthanc_to_node_to_orthanc(
    node: RunningNode,
    peers: tuple[OrthancServer, StoreScp],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    *,
    compressed: bool,
) -> None:
    orthanc = peers[0]
    study, paths = _study(tmp_path, request.node.name, compressed=compressed)
    instances = [orthanc.import_file(path) for path in paths]

    orthanc.send(instances, node.address)
    node.wait_until_delivered(study)

    sources = {dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in paths}

    def results() -> list[Dataset]:
        objects = [dcmread(BytesIO(content)) for content in orthanc.files()]
        return [item for item in objects if item.SOPInstanceUID not in sources]

    _assert_results(results(), study, paths)
    held = orthanc.count_instances()
    _assert_sending_again_adds_nothing(node, lambda: orthanc.send(instances, node.address))
    assert orthanc.count_instances() == held
    _assert_our_own_overlays_sent_back_change_nothing(node, orthanc, study)
    assert orthanc.count_instances() == held
    received = _syntaxes(node, study)
    assert received == {dcmread(path).file_meta.TransferSyntaxUID for path in paths}


def _assert_sending_again_adds_nothing(node: RunningNode, send: Callable[[], object]) -> None:
    before = [node.count(kind) for kind in (Instance, Result, Delivery)]
    duplicates = node.events("instance_duplicate")

    send()

    wait_until(
        lambda: node.events("instance_duplicate") == duplicates + 4, "four duplicates in the audit"
    )
    assert [node.count(kind) for kind in (Instance, Result, Delivery)] == before
    assert node.count(Instance, Instance.state.in_(UNFINISHED_INSTANCE)) == 0
    assert node.count(Delivery, Delivery.state != DeliveryState.DELIVERED) == 0
    assert node.count(AuditEvent, AuditEvent.event == "study_reopened") == 0
    assert node.audit_problem() is None


def _assert_our_own_overlays_sent_back_change_nothing(
    node: RunningNode, orthanc: OrthancServer, study: str
) -> None:
    """A PACS that routes every new object to us would go round in circles otherwise."""
    made = set(node.results_of(study))
    overlays = [
        instance
        for instance in orthanc.get("/instances")
        if (tags := orthanc.get(f"/instances/{instance}/simplified-tags"))["SOPInstanceUID"] in made
        and tags["Modality"] == "OT"
    ]
    before = [node.count(Result), node.count(Delivery)]

    orthanc.send(overlays, node.address)

    wait_until(
        lambda: node.count(Instance, Instance.reason == "OWN_OBJECT") >= len(overlays) > 0,
        "the overlays are recorded as our own",
    )
    assert node.state_of(study) is StudyState.REPORTED
    assert [node.count(Result), node.count(Delivery)] == before


def _syntaxes(node: RunningNode, study: str) -> set[str]:
    with node.embedded.database.read() as session:
        return set(
            session.scalars(
                select(Instance.transfer_syntax_uid)
                .join(Instance.study)
                .where(Study.study_instance_uid == study, Instance.reason == "")
            )
        )
