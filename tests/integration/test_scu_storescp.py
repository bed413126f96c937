"""Sending to DCMTK's storescp."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread

from node.scu.outcome import Outcome
from node.scu.sender import StoreAssociation
from tests.factories import make_mammogram, save_to_folder
from tests.part10_files import data_set_digest
from tests.pdus import EXPLICIT, IMPLICIT
from tests.requirements import program
from tests.sending import MG, SCU, SV1
from tests.storescp import storescp

pytestmark = pytest.mark.dcmtk


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (path,) = save_to_folder([make_mammogram()], tmp_path / "images")
    return path


def test_storescp_gets_the_bytes_as_they_lie_on_the_disk(tmp_path: Path, image: Path) -> None:
    with storescp(tmp_path / "pacs", "+B") as pacs:
        with StoreAssociation(pacs.destination, SCU, [(MG, EXPLICIT)]) as association:
            answer = association.store(image)

        assert (answer.outcome, answer.status) == (Outcome.DELIVERED, 0x0000)
        (received,) = pacs.received
        assert data_set_digest(received) == data_set_digest(image)


def test_a_compressed_image_arrives_compressed(tmp_path: Path, image: Path) -> None:
    compressed = tmp_path / "sv1.dcm"
    subprocess.run([str(program("dcmcjpeg")), "+e1", image, compressed], check=True, timeout=60)
    with storescp(tmp_path / "pacs", "+B", "+xa") as pacs:
        with StoreAssociation(pacs.destination, SCU, [(MG, SV1)]) as association:
            answer = association.store(compressed)

        assert answer.outcome is Outcome.DELIVERED
        (received,) = pacs.received
        assert dcmread(received).file_meta.TransferSyntaxUID == SV1
        assert data_set_digest(received) == data_set_digest(compressed)


def test_a_peer_of_implicit_vr_alone_gets_implicit_vr(tmp_path: Path, image: Path) -> None:
    with storescp(tmp_path / "pacs", "+B", "+xi") as pacs:
        with StoreAssociation(pacs.destination, SCU, [(MG, EXPLICIT)]) as association:
            answer = association.store(image)

        assert answer.outcome is Outcome.DELIVERED
        (received,) = pacs.received
        assert dcmread(received).file_meta.TransferSyntaxUID == IMPLICIT
        assert dcmread(received) == dcmread(image)


def test_a_compressed_image_is_refused_here_when_the_peer_takes_none(
    tmp_path: Path, image: Path
) -> None:
    compressed = tmp_path / "sv1.dcm"
    subprocess.run([str(program("dcmcjpeg")), "+e1", image, compressed], check=True, timeout=60)
    with (
        storescp(tmp_path / "pacs") as pacs,
        StoreAssociation(pacs.destination, SCU, [(MG, SV1), (MG, EXPLICIT)]) as association,
    ):
        refused = association.store(compressed)
        plain = association.store(image)

    assert (refused.outcome, refused.status) == (Outcome.REFUSED, None)
    assert "JPEG Lossless" in refused.detail
    assert plain.outcome is Outcome.DELIVERED


def test_a_peer_that_cannot_be_written_to_is_tried_again(tmp_path: Path, image: Path) -> None:
    with storescp(tmp_path / "pacs", "--abort-after") as pacs:
        with StoreAssociation(pacs.destination, SCU, [(MG, EXPLICIT)]) as association:
            answers = [association.store(image) for _ in range(2)]

        assert [answer.outcome for answer in answers] == [Outcome.RETRY] * 2
        assert answers[0].status is None
