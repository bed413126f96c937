"""Orthanc keeps every kind of object, and keeps one when it is sent twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pydicom import dcmread

from node.scu.sender import StoreAssociation
from tests.contract.written import KINDS, StudyFiles
from tests.orthanc import OrthancServer
from tests.pdus import EXPLICIT
from tests.sending import SCU
from tests.servers import running, short_folder

pytestmark = pytest.mark.orthanc

NAMES = ("study with findings", "study Japanese", "study late image", "study mixed patients")


@pytest.fixture(scope="module")
def orthanc() -> Iterator[OrthancServer]:
    with short_folder() as folder, running(OrthancServer(folder)) as server:
        yield server


@pytest.mark.parametrize("name", NAMES)
def test_orthanc_stores_each_object_twice_as_one(
    files_named: Callable[[str], StudyFiles], orthanc: OrthancServer, name: str
) -> None:
    results = files_named(name).results
    classes = {
        str(dcmread(made.path, specific_tags=[]).file_meta.MediaStorageSOPClassUID)
        for made in results
    }
    contexts = [(uid, EXPLICIT) for uid in sorted(classes)]
    held = orthanc.count_instances()
    counts = []

    with StoreAssociation(orthanc.destination, SCU, contexts) as association:
        for _ in range(2):
            answers = [association.store(made.path) for made in results]
            assert {answer.status for answer in answers} == {0x0000}
            counts.append(orthanc.count_instances() - held)

    assert {made.kind for made in results} == set(KINDS)
    assert counts == [len(results)] * 2
