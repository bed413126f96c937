"""What it costs to decode in a process of its own, beside decoding in the worker's."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import imagecodecs
import typer
from pydicom import FileDataset, dcmread
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless
from rich.console import Console

from node.cli.tables import table
from node.dicom.eligibility import check
from node.dicom.pixels import to_grey
from tests.factories import make_mammogram, phantom, with_frame
from workers.decoding import Decoder

ROWS, COLUMNS = 3328, 2560


def main(rounds: Annotated[int, typer.Option(min=3, help="Turns of each.")] = 9) -> None:
    """Decode by turns here and there, and print the medians and their ratio."""
    started = 0.0
    decoder = Decoder()
    with tempfile.TemporaryDirectory(prefix="mgnode-") as folder:
        rows: list[list[object]] = []
        for name, image in _images().items():
            path = Path(folder) / "image.dcm"
            image.save_as(path, enforce_file_format=True)
            if not rows:
                started = _milliseconds(partial(decoder.decode, path, "1.2.3")) / 1000
            here, there = _by_turns(path, decoder, rounds)
            rows.append([name, f"{here:.0f}", f"{there:.0f}", f"{there / here:.2f}"])
    peak = _peak_mib(decoder.pid)
    decoder.close()
    console = Console()
    heads = ["3328 x 2560", "in the worker, ms", "in its own process, ms", "ratio"]
    console.print(table("Decode and window one image", heads, rows))
    console.print(f"start and first image {started:.2f} s, peak memory {peak:.0f} MiB")


def _images() -> dict[str, FileDataset]:
    pixels = phantom(rows=ROWS, columns=COLUMNS)

    def framed(syntax: str, frame: bytes | bytearray) -> FileDataset:
        return with_frame(syntax, bytes(frame), rows=ROWS, columns=COLUMNS)

    lossless = imagecodecs.jpeg8_encode(pixels, lossless=True, bitspersample=12)
    j2k = imagecodecs.jpeg2k_encode(pixels, codecformat="j2k")
    return {
        "uncompressed": make_mammogram(rows=ROWS, columns=COLUMNS),
        "JPEG Lossless": framed(JPEGLosslessSV1, lossless),
        "JPEG-LS": framed(JPEGLSLossless, imagecodecs.jpegls_encode(pixels)),
        "JPEG 2000": framed(JPEG2000Lossless, j2k),
    }


def _by_turns(path: Path, decoder: Decoder, rounds: int) -> tuple[float, float]:
    here: list[float] = []
    there: list[float] = []
    for _ in range(rounds):
        here.append(_milliseconds(lambda: _in_this_process(path)))
        there.append(_milliseconds(lambda: decoder.decode(path, "1.2.3", only_eligible=True)))
    return statistics.median(here), statistics.median(there)


def _in_this_process(path: Path) -> None:
    dataset = dcmread(path)
    check(dataset)
    to_grey(dataset)


def _milliseconds(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return 1000 * (time.perf_counter() - began)


def _peak_mib(pid: int | None) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


if __name__ == "__main__":
    typer.run(main)
