"""The process that decodes, and what a worker makes of its crashes, hangs and limits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import FileDataset
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless

from config.settings import AnalysisSettings
from node.dicom.pixels import to_grey
from node.errors import RejectedInstance
from tests.factories import make_mammogram, phantom, with_frame
from tests.servers import wait_until
from workers.decoding import Decoder, DecodingFailed

UID = "1.2.3"
MIB = 1 << 20


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    made = Decoder()
    yield made
    made.close()


def saved(folder: Path, image: FileDataset) -> Path:
    path = folder / "image.dcm"
    image.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return saved(tmp_path, make_mammogram())


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[Path]:
    """A file whose reader waits for ever: that process is at work when a test strikes it."""
    path = tmp_path / "endless"
    os.mkfifo(path)
    descriptor = os.open(path, os.O_RDWR)
    yield path
    os.close(descriptor)


def running(decoder: Decoder) -> int:
    pid = decoder.pid
    assert pid is not None
    return pid


def opened(pid: int) -> list[str]:
    """What the process has open; a descriptor that is closed meanwhile is left out."""
    names = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            names.append(str(entry.readlink()))
    return names


def struck(decoder: Decoder, path: Path, number: int) -> BaseException | None:
    """Send a signal to the process as soon as it reads a file; give what is raised here."""
    with ThreadPoolExecutor() as pool:
        decoding = pool.submit(decoder.decode, path, UID)
        wait_until(
            lambda: decoder.pid is not None and str(path) in opened(decoder.pid),
            "the process has the file",
            seconds=60.0,
        )
        os.kill(running(decoder), number)
        return decoding.exception(60.0)


NOISE = np.random.default_rng(5).integers(0, 4096, (331, 257)).astype(np.uint16)
IMAGES: dict[str, Callable[[], FileDataset]] = {
    "native": make_mammogram,
    "JPEG Lossless": lambda: with_frame(
        JPEGLosslessSV1, imagecodecs.jpeg8_encode(phantom(), lossless=True, bitspersample=12)
    ),
    "JPEG-LS": lambda: with_frame(JPEGLSLossless, imagecodecs.jpegls_encode(NOISE)),
    "JPEG 2000": lambda: with_frame(
        JPEG2000Lossless, imagecodecs.jpeg2k_encode(NOISE, codecformat="j2k")
    ),
}


@pytest.mark.parametrize("make", IMAGES.values(), ids=IMAGES)
def test_the_picture_is_the_one_that_is_decoded_here(
    decoder: Decoder, tmp_path: Path, make: Callable[[], FileDataset]
) -> None:
    dataset = make()

    picture = decoder.decode(saved(tmp_path, dataset), UID, only_eligible=True)

    np.testing.assert_array_equal(picture.grey, to_grey(dataset))
    assert picture.grey.flags.writeable


def test_what_the_detector_may_not_look_at_is_rejected_only_when_asked(
    decoder: Decoder, tmp_path: Path
) -> None:
    path = saved(tmp_path, make_mammogram(PresentationIntentType="FOR PROCESSING"))

    with pytest.raises(RejectedInstance, match=r"1\.2\.3 rejected: FOR_PROCESSING"):
        decoder.decode(path, UID, only_eligible=True)

    assert decoder.decode(path, UID).grey.any()


def test_the_notes_come_along(decoder: Decoder, tmp_path: Path) -> None:
    path = saved(tmp_path, make_mammogram(BreastImplantPresent="YES"))

    assert decoder.decode(path, UID, only_eligible=True).notes == ("IMPLANT",)


def test_one_process_serves_all_images_and_threads(decoder: Decoder, image: Path) -> None:
    decoder.decode(image, UID)
    pid = decoder.pid

    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(lambda _: decoder.decode(image, UID).grey.sum(), range(24)))

    assert len(set(pictures)) == 1
    assert decoder.pid == pid


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_an_image_that_crashes_a_fresh_process_is_rejected_and_the_next_is_decoded(
    decoder: Decoder, endless: Path, image: Path, number: signal.Signals
) -> None:
    raised = struck(decoder, endless, number)

    assert isinstance(raised, RejectedInstance)
    assert (raised.reason, raised.detail) == ("DECODER_CRASHED", number.name)
    assert decoder.decode(image, UID).grey.any()


def test_a_process_that_crashed_after_others_is_replaced_and_the_image_is_not_blamed(
    decoder: Decoder, image: Path
) -> None:
    """What came before may have written where it should not."""
    decoder.decode(image, UID)
    old = running(decoder)
    os.kill(old, signal.SIGSEGV)

    assert decoder.decode(image, UID).grey.any()
    assert decoder.pid != old


def test_a_process_that_was_killed_for_want_of_memory_is_no_fault_of_the_image(
    decoder: Decoder, endless: Path, image: Path
) -> None:
    raised = struck(decoder, endless, signal.SIGKILL)

    assert isinstance(raised, DecodingFailed)
    assert decoder.decode(image, UID).grey.any()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_for_the_worker_leave_its_process_alone(
    decoder: Decoder, image: Path, number: signal.Signals
) -> None:
    """Ctrl-C and a service manager's stop reach both; the worker ends what it has begun."""
    decoder.decode(image, UID)
    pid = running(decoder)

    os.kill(pid, number)

    assert decoder.decode(image, UID).grey.any()
    assert decoder.pid == pid


def test_no_picture_in_time_ends_the_process_and_the_next_image_is_decoded(
    endless: Path, image: Path
) -> None:
    decoder = Decoder(AnalysisSettings(decode_seconds=1.0))
    try:
        with pytest.raises(DecodingFailed, match="no time"):
            decoder.decode(endless, UID)

        assert decoder.pid is None
        wait_until(lambda: can_decode(decoder, image), "the next image is decoded")
    finally:
        decoder.close()


def can_decode(decoder: Decoder, image: Path) -> bool:
    try:
        return bool(decoder.decode(image, UID).grey.any())
    except DecodingFailed:  # a second may be too little on a busy machine
        return False


def test_an_image_beyond_the_memory_limit_is_rejected_and_the_next_is_decoded(
    tmp_path: Path, image: Path
) -> None:
    decoder = Decoder(AnalysisSettings(decode_memory_mib=256))
    segment = b"\x81\0" * 1000
    head = np.zeros(16, "<u4")
    head[:3] = [2, 64, 64 + len(segment)]
    bomb = with_frame(RLELossless, head.tobytes() + segment * 2, Rows=16_000, Columns=16_000)
    large = tmp_path / "large"
    large.mkdir()
    try:
        with pytest.raises(RejectedInstance, match=r"DECODER_MEMORY \(256 MiB"):
            decoder.decode(saved(large, bomb), UID)

        assert decoder.decode(image, UID).grey.any()
    finally:
        decoder.close()


def test_a_file_that_is_gone_is_said_as_such(decoder: Decoder, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        decoder.decode(tmp_path / "none", UID)


def test_a_fault_of_ours_comes_with_its_place_and_without_its_text(
    decoder: Decoder, tmp_path: Path
) -> None:
    path = tmp_path / "text"
    path.write_text("Doe^Jane")

    with pytest.raises(DecodingFailed) as caught:
        decoder.decode(path, UID)

    assert caught.value.failure is not None
    assert caught.value.failure.kind == "InvalidDicomError"
    assert "dcmread" in caught.value.failure.place
    assert "Doe" not in str(caught.value.failure)


def test_the_process_has_no_secret_no_network_and_no_tensorflow(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MGNODE_DATABASE__URL", "postgresql://user:secret@host/db")
    monkeypatch.setenv("PGPASSWORD", "secret")
    decoder = Decoder()
    try:
        decoder.decode(image, UID)
        process = Path(f"/proc/{decoder.pid}")

        assert b"secret" not in (process / "environ").read_bytes()
        assert b"secret" not in (process / "cmdline").read_bytes()
        maps = (process / "maps").read_text()
        assert "tensorflow" not in maps
        assert "psycopg" not in maps
        files = opened(running(decoder))
        assert len([name for name in files if name.startswith("socket:")]) == 1
        assert {name for name in files if not name.startswith("socket:")} <= {"/dev/null"}
    finally:
        decoder.close()


WORKER = """
import sys, time
from pathlib import Path
from workers.decoding import Decoder
decoder = Decoder()
decoder.decode(Path(sys.argv[1]), "1.2.3")
print(decoder.pid, flush=True)
time.sleep(600)
"""


def test_the_process_ends_with_a_worker_that_is_killed(image: Path) -> None:
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(image)], stdout=subprocess.PIPE)
    try:
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())
    finally:
        worker.kill()
        worker.communicate()

    wait_until(lambda: has_ended(pid), "the process ends")


def has_ended(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"
