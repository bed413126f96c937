"""Each fault of a sender has its status, its audit row, and leaves nothing visible."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import ComputedRadiographyImageStorage, JPEG2000Lossless, JPEGLSLossless

from node.db.session import Database
from node.dicom.part10 import encode
from tests.factories import make_mammogram, stable_uid
from tests.part10_files import data_set_digest
from tests.pdus import EXPLICIT, IMPLICIT, VERIFICATION
from tests.peer import RawRequestor
from tests.receiving import MG, UID, RunningScp, encoded, running_scp, scp_settings
from tests.servers import wait_until

CR = str(ComputedRadiographyImageStorage)
OTHER_UID = stable_uid("another image")


@pytest.fixture
def node(tmp_path: Path, database: Database) -> Iterator[RunningScp]:
    with running_scp(scp_settings(tmp_path / "data"), database) as running:
        yield running


@pytest.fixture
def line(node: RunningScp) -> Iterator[RawRequestor]:
    with RawRequestor(node.address) as opened:
        opened.associate((MG, [EXPLICIT]), (CR, [EXPLICIT]))
        yield opened


def test_a_good_image_is_answered_success_and_lies_in_the_store(
    node: RunningScp, line: RawRequestor
) -> None:
    data_set = encoded()

    assert line.store(data_set, sop_class=MG, sop_instance=UID) == (0x0000, "")

    (row,) = node.instances()
    stored = node.layout.absolute(row.path)
    assert row.sop_instance_uid == UID
    assert stored.read_bytes().endswith(data_set)
    assert data_set_digest(stored) == row.sha256
    assert stored.stat().st_size == row.bytes
    assert dcmread(stored).file_meta.TransferSyntaxUID == EXPLICIT
    assert node.files("spool") == []


def test_a_data_set_with_another_instance_uid_is_a900_and_quarantined(
    node: RunningScp, line: RawRequestor
) -> None:
    status, comment = line.store(encoded(), sop_class=MG, sop_instance=OTHER_UID)

    assert status == 0xA900
    assert "SOP Instance UID" in comment
    assert node.holds_nothing()
    (kept,) = node.files("quarantine")
    told = node.refusal("instance_quarantined")
    assert told["uid"] == OTHER_UID
    assert told["status"] == "0xA900"
    assert node.layout.absolute(str(told["path"])) == kept
    assert dcmread(kept).SOPInstanceUID == UID


def test_a_data_set_of_another_class_than_the_command_is_a900(
    node: RunningScp, line: RawRequestor
) -> None:
    status, _ = line.store(encoded(SOPClassUID=CR), sop_class=MG, sop_instance=UID)

    assert status == 0xA900
    assert node.holds_nothing()


def test_a_command_of_another_class_than_the_context_is_a900(
    node: RunningScp, line: RawRequestor
) -> None:
    status, _ = line.store(encoded(SOPClassUID=CR), sop_class=CR, sop_instance=UID, context=1)

    assert status == 0xA900
    assert node.holds_nothing()


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_an_image_that_belongs_to_no_study_or_series_is_a900(
    node: RunningScp, line: RawRequestor, keyword: str
) -> None:
    status, comment = line.store(encoded(**{keyword: None}), sop_class=MG, sop_instance=UID)

    assert status == 0xA900
    assert "no usable S" in comment
    assert node.holds_nothing()


def cut_pixel_data(data_set: bytes) -> bytes:
    return data_set[:-1000]


def random_bytes(_: bytes) -> bytes:
    return random.Random(7).randbytes(100_000)


def corrupt_header(data_set: bytes) -> bytes:
    return data_set[:60] + random.Random(7).randbytes(40) + data_set[100:]


def undefined_vr_length(data_set: bytes) -> bytes:
    # Modality (0008,0060) CS takes a length of two bytes: 0xFFFF runs far over its neighbours.
    place = data_set.index(b"\x08\x00\x60\x00CS")
    return data_set[: place + 6] + b"\xff\xff" + data_set[place + 8 :]


def unknown_vr(data_set: bytes) -> bytes:
    return data_set.replace(b"\x08\x00\x60\x00CS", b"\x08\x00\x60\x00??", 1)


@pytest.mark.parametrize(
    "damage", [cut_pixel_data, random_bytes, corrupt_header, undefined_vr_length, unknown_vr]
)
def test_bytes_that_are_no_data_set_are_c000(
    node: RunningScp, line: RawRequestor, damage: object
) -> None:
    assert callable(damage)

    status, comment = line.store(damage(encoded()), sop_class=MG, sop_instance=UID)

    assert status == 0xC000
    assert comment
    assert node.holds_nothing()
    assert node.files("quarantine") == []
    assert node.refusal()["status"] == "0xC000"


def test_an_image_that_was_cut_short_is_audited_as_one_of_its_study(
    node: RunningScp, line: RawRequestor
) -> None:
    """Its study's report must be able to say that it is missing."""
    data_set = encoded(StudyInstanceUID="1.2.3.4")

    line.store(cut_pixel_data(data_set), sop_class=MG, sop_instance=UID)

    (row,) = node.audited("instance_refused")
    assert (row.study_instance_uid, row.details["sop_class_uid"]) == ("1.2.3.4", MG)


def test_a_fault_before_its_study_leaves_a_damaged_image_without_one(
    node: RunningScp, line: RawRequestor
) -> None:
    line.store(undefined_vr_length(encoded()), sop_class=MG, sop_instance=UID)

    (row,) = node.audited("instance_refused")
    assert (row.uid, row.study_instance_uid) == (UID, "")


def test_an_implicit_data_set_on_an_explicit_context_is_c000(
    node: RunningScp, line: RawRequestor
) -> None:
    name = b"\x08\x00\x05\x00" + struct.pack("<L", 10) + b"ISO_IR 100"

    status, _ = line.store(name * 20, sop_class=MG, sop_instance=UID)

    assert status == 0xC000
    assert node.holds_nothing()


def test_a_store_that_names_verification_is_not_answered_success(
    node: RunningScp, line: RawRequestor
) -> None:
    status, _ = line.store(encoded(), sop_class=VERIFICATION, sop_instance=UID)

    assert status != 0x0000
    line.abort()
    wait_until(node.holds_nothing, "nothing is left")


def test_an_empty_data_set_is_c000(node: RunningScp, line: RawRequestor) -> None:
    status, _ = line.store(b"", sop_class=MG, sop_instance=UID)

    assert status == 0xC000
    assert node.holds_nothing()


def test_after_a_refusal_the_association_goes_on(node: RunningScp, line: RawRequestor) -> None:
    assert line.store(b"rubbish!", sop_class=MG, sop_instance=UID)[0] == 0xC000

    assert line.store(encoded(), sop_class=MG, sop_instance=UID)[0] == 0x0000
    assert len(node.instances()) == 1


def test_the_same_bytes_again_are_success_and_one_row(node: RunningScp, line: RawRequestor) -> None:
    data_set = encoded()

    statuses = [line.store(data_set, sop_class=MG, sop_instance=UID)[0] for _ in range(3)]

    assert statuses == [0x0000] * 3
    assert len(node.instances()) == 1
    assert len(node.files("instances")) == 1
    assert len(node.audited("instance_duplicate")) == 2
    assert node.files("spool") == []


def test_other_bytes_under_a_stored_uid_are_refused_for_good_and_audited(
    node: RunningScp, line: RawRequestor
) -> None:
    """Not 0x0111: senders take it for "stored", and the changed image would be lost."""
    first = encoded()
    line.store(first, sop_class=MG, sop_instance=UID)

    status, comment = line.store(encoded(PatientComments="changed"), sop_class=MG, sop_instance=UID)

    assert status & 0xF000 == 0xC000
    assert "already" in comment
    (row,) = node.instances()
    (kept,) = node.files("instances")
    assert node.layout.absolute(row.path) == kept
    assert kept.read_bytes().endswith(first)
    assert node.refusal()["error"] == "ConflictingInstance"
    assert node.files("spool") == []


def test_the_same_bytes_in_another_transfer_syntax_do_not_touch_the_stored_image(
    node: RunningScp,
) -> None:
    """The file meta is ours and outside of the hash: it must go on saying what it said."""
    image = make_mammogram(sop_instance_uid=UID)
    j2k = imagecodecs.jpeg2k_encode(image.pixel_array, codecformat="j2k", reversible=True, level=0)
    image.PixelData = encapsulate([j2k])
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    image.file_meta.TransferSyntaxUID = JPEG2000Lossless
    data_set = encode(image)

    statuses = []
    for syntax in [JPEG2000Lossless, JPEGLSLossless, JPEG2000Lossless]:
        with RawRequestor(node.address) as line:
            line.associate((MG, [syntax]))
            statuses.append(line.store(data_set, sop_class=MG, sop_instance=UID)[0])

    assert statuses == [0x0000, 0xC100, 0x0000]
    (row,) = node.instances()
    (kept,) = node.files("instances")
    assert node.layout.absolute(row.path) == kept
    assert row.transfer_syntax_uid == JPEG2000Lossless
    assert dcmread(kept).file_meta.TransferSyntaxUID == JPEG2000Lossless
    assert node.refusal()["error"] == "ConflictingInstance"


def test_a_fault_of_our_own_is_not_blamed_on_the_data_set(
    node: RunningScp,
    line: RawRequestor,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """pynetdicom's 0xC211 would say "cannot understand", and senders give up on it."""

    def broken(_: Dataset) -> None:
        raise ZeroDivisionError("a bug that quotes Yamada^Hanako")

    monkeypatch.setattr("node.scp.handlers.facts", broken)

    status, comment = line.store(encoded(), sop_class=MG, sop_instance=UID)

    assert status == 0x0110
    assert "bug" not in comment
    assert node.holds_nothing()
    assert node.refusal()["error"] == "ZeroDivisionError"
    # What the log says of it is where it happened; a patient's name is nobody's there.
    output = capsys.readouterr()
    assert "test_scp_status_table.py" in output.out + output.err
    assert "Yamada" not in output.out + output.err


def test_implicit_vr_is_taken_as_it_comes(node: RunningScp) -> None:
    with RawRequestor(node.address) as line:
        line.associate((MG, [IMPLICIT]))
        image = make_mammogram(sop_instance_uid=UID, transfer_syntax=IMPLICIT)
        path = node.layout.root / "implicit.dcm"
        image.save_as(path, enforce_file_format=True)
        raw = path.read_bytes()
        data_set = raw[raw.index(b"\x08\x00\x05\x00") :]

        assert line.store(data_set, sop_class=MG, sop_instance=UID)[0] == 0x0000

    (row,) = node.instances()
    assert row.transfer_syntax_uid == IMPLICIT
    assert node.layout.absolute(row.path).read_bytes().endswith(data_set)
