"""Overlays go compressed to real peers that take it, and plain to those that do not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom import FileDataset, dcmread

from config.sending import Destination
from node.dicom.part10 import encode, to_bytes
from node.scu.outcome import Outcome
from node.scu.sender import StoreAnswer, StoreAssociation
from tests.factories import JAPANESE_CHARACTER_SET, JAPANESE_NAME
from tests.orthanc import OrthancServer
from tests.overlays import overlay_of_one
from tests.part10_files import data_set_digest
from tests.pdus import EXPLICIT
from tests.requirements import program
from tests.sending import SCU
from tests.servers import running
from tests.storescp import storescp

SC = "1.2.840.10008.5.1.4.1.1.7"
RLE = "1.2.840.10008.1.2.5"
JPEG_LS = "1.2.840.10008.1.2.4.80"
DCMTK_DECODERS = {RLE: "dcmdrle", JPEG_LS: "dcmdjpls"}


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    path = tmp_path / "overlay.dcm"
    names = {"patient_name": JAPANESE_NAME, "specific_character_set": JAPANESE_CHARACTER_SET}
    path.write_bytes(to_bytes(overlay_of_one(rows=333, columns=255, **names)))
    return path


def send(path: Path, destination: Destination, *compressions: str) -> StoreAnswer:
    before = path.read_bytes()
    with StoreAssociation(destination, SCU, [(SC, EXPLICIT)], compressions) as association:
        answer = association.store(path)
    assert path.read_bytes() == before
    return answer


def besides_pixels(picture: FileDataset) -> bytes:
    """Everything but the pixels, as it is stored: names in their own character set too."""
    del picture.PixelData
    return encode(picture)


def decoded_by_dcmtk(path: Path, folder: Path) -> FileDataset:
    tool = DCMTK_DECODERS[str(dcmread(path).file_meta.TransferSyntaxUID)]
    plain = folder / "plain.dcm"
    subprocess.run([str(program(tool)), path, plain], check=True, timeout=60)
    return dcmread(plain)


@pytest.mark.dcmtk
@pytest.mark.parametrize(
    ("options", "compressions", "expected"),
    [
        (["+xr"], ["RLE"], RLE),
        (["+xt"], ["JPEG-LS"], JPEG_LS),
        (["+xr"], ["JPEG-LS", "RLE"], RLE),
        (["+xa"], ["JPEG-LS", "RLE"], JPEG_LS),
        (["+xa"], ["RLE", "JPEG-LS"], RLE),
    ],
)
def test_storescp_gets_the_first_compression_that_it_takes(
    tmp_path: Path, overlay: Path, options: list[str], compressions: list[str], expected: str
) -> None:
    with storescp(tmp_path / "pacs", "+B", *options) as pacs:
        answer = send(overlay, pacs.destination, *compressions)

        (received,) = pacs.received
        assert (answer.outcome, answer.transfer_syntax) == (Outcome.DELIVERED, expected)
        compressed, plain = dcmread(received), dcmread(overlay)
        assert compressed.file_meta.TransferSyntaxUID == expected
        assert besides_pixels(dcmread(received)) == besides_pixels(dcmread(overlay))
        decoded = decoded_by_dcmtk(received, tmp_path)
        for arrived in (compressed, decoded):
            assert (arrived.pixel_array == plain.pixel_array).all()


@pytest.mark.dcmtk
def test_the_same_file_is_sent_with_the_same_bytes(tmp_path: Path, overlay: Path) -> None:
    digests = set()
    for name in ("one", "two"):
        with storescp(tmp_path / name, "+B", "+xa") as pacs:
            send(overlay, pacs.destination, "JPEG-LS")
            digests.add(data_set_digest(pacs.received[0]))

    assert len(digests) == 1


@pytest.mark.dcmtk
@pytest.mark.parametrize("compressions", [["RLE", "JPEG-LS"], []])
def test_a_peer_that_takes_no_compression_gets_the_bytes_of_the_file(
    tmp_path: Path, overlay: Path, compressions: list[str]
) -> None:
    with storescp(tmp_path / "pacs", "+B") as pacs:
        answer = send(overlay, pacs.destination, *compressions)

        (received,) = pacs.received
        assert (answer.outcome, answer.transfer_syntax) == (Outcome.DELIVERED, EXPLICIT)
        assert data_set_digest(received) == data_set_digest(overlay)


@pytest.mark.dcmtk
def test_nothing_is_compressed_for_a_profile_that_names_none(tmp_path: Path, overlay: Path) -> None:
    with storescp(tmp_path / "pacs", "+B", "+xa") as pacs:
        send(overlay, pacs.destination)

        assert data_set_digest(pacs.received[0]) == data_set_digest(overlay)


@pytest.mark.orthanc
@pytest.mark.parametrize(("name", "syntax"), [("RLE", RLE), ("JPEG-LS", JPEG_LS)])
def test_orthanc_keeps_what_was_compressed_once(
    tmp_path: Path, overlay: Path, name: str, syntax: str
) -> None:
    with running(OrthancServer(tmp_path)) as orthanc:
        answers = [send(overlay, orthanc.destination, name) for _ in range(2)]
        count, (content,) = orthanc.count_instances(), orthanc.files()

    assert [(a.outcome, a.transfer_syntax) for a in answers] == [(Outcome.DELIVERED, syntax)] * 2
    assert count == 1
    stored = tmp_path / "stored.dcm"
    stored.write_bytes(content)
    assert dcmread(stored).file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(dcmread(stored).pixel_array, dcmread(overlay).pixel_array)
