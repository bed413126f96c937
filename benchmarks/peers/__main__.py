"""`python -m benchmarks.peers`: four receivers under the same faults; a table for the docs."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from benchmarks.peers import crowd, data, hanging, rates, storage
from benchmarks.peers.cell import Cell
from benchmarks.peers.page import page
from benchmarks.peers.receivers import RECEIVERS, Receiver
from tests.servers import running, short_folder

ROWS: Final[dict[str, tuple[Callable[[Receiver], Cell], str]]] = {
    "data set's SOP Instance UID differs from the command's": (
        data.another_uid,
        "0xA900, not stored",
    ),
    "SOP class differs from the command's": (data.another_class, "0xA900, not stored"),
    "truncated pixel data": (data.truncated_pixels, "0xC000, nothing visible"),
    "100 kB of random bytes": (data.random_bytes, "0xC000"),
    "40 corrupt bytes in the header": (data.corrupt_header, "0xC000 within 1 s"),
    "undefined VR length": (data.undefined_length, "0xC000"),
    "A-ABORT, reset or kill -9 amid a data set": (data.cut_off, "nothing left"),
    "silent TCP connection": (hanging.silent, "closed at 15 s, nobody waits"),
    "half an A-ASSOCIATE-RQ": (hanging.half_request, "closed at 15 s, nobody waits"),
    "half a P-DATA-TF": (hanging.half_data, "closed at 15 s, nobody waits"),
    "1 byte a second": (hanging.drip, "closed at 15 s, nobody waits"),
    "PDU length 4 GiB": (hanging.four_gigabytes, "closed at once"),
    "HTTP GET": (hanging.web_page, "closed at once"),
    "command announces a data set, none comes": (data.no_data_set, "time-out, no leak"),
}
ALONE: Final[dict[str, tuple[Callable[[Receiver], Cell], str]]] = {
    "Success before durable?": (storage.durable, "no"),
    "200 associations, then an echo on each": (crowd.two_hundred, "all, within 3 s"),
    "20 idle associations": (crowd.idle_20, "under 2 % of a core"),
    "100 idle associations": (crowd.idle_100, "under 10 % of a core"),
}
FULL_DISK: Final = "disk full"
FULL_DISK_GOAL: Final = "0xA700, no partial file, serves again once there is space"


def main(
    output: Annotated[Path | None, typer.Option(help="Write the page to this file too.")] = None,
) -> None:
    """Let each receiver meet each fault, and print who did what."""
    console = Console()
    found: dict[str, dict[str, Cell]] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        receivers = []
        for make in RECEIVERS:
            receiver = make(folder / getattr(make, "__name__", "one"))
            receiver.folder.mkdir()
            receivers.append(stack.enter_context(running(receiver)))
        began = os.getloadavg()[0]
        for name, (row, _) in ALONE.items():
            # One after the other: these measure time, and share the processors with nobody.
            found[name] = {receiver.name: _met(row, receiver) for receiver in receivers}
            _tell(console, name, found)
        speeds = rates.measure(receivers)
        for name, by_name in speeds.items():
            console.print(f"{name}: {by_name}", markup=False, soft_wrap=True)
        load = f"{began:.1f} before, {os.getloadavg()[0]:.1f} after"
        for name, (row, _) in ROWS.items():
            found[name] = _side_by_side(row, receivers)
            _tell(console, name, found)
        found[FULL_DISK] = {
            receiver.name: storage.full_disk(type(receiver), folder / f"disk-{number}")
            for number, receiver in enumerate(receivers)
        }
        _tell(console, FULL_DISK, found)
    goals = {
        **{name: goal for name, (_, goal) in ROWS.items()},
        FULL_DISK: FULL_DISK_GOAL,
        **{name: goal for name, (_, goal) in ALONE.items()},
    }
    text = page(found, goals, speeds, [receiver.name for receiver in receivers], load)
    console.print(text, markup=False, soft_wrap=True)
    if output is not None:
        output.write_text(text, encoding="utf-8")


def _side_by_side(row: Callable[[Receiver], Cell], receivers: list[Receiver]) -> dict[str, Cell]:
    """Each waits for its own end: all at once."""
    cells: dict[str, Cell] = {}

    def measure(receiver: Receiver) -> None:
        cells[receiver.name] = _met(row, receiver)

    threads = [threading.Thread(target=measure, args=(receiver,)) for receiver in receivers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return cells


def _met(row: Callable[[Receiver], Cell], receiver: Receiver) -> Cell:
    try:
        return row(receiver)
    except (OSError, EOFError, AssertionError) as error:
        return Cell(f"not measured: {type(error).__name__}: {error}", meets=False)


def _tell(console: Console, name: str, found: dict[str, dict[str, Cell]]) -> None:
    words = ", ".join(f"{who}: {cell.text}" for who, cell in found[name].items())
    console.print(f"{name}: {words}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
