"""A whole node under a steady load: where the time of an image goes, and how much memory."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from node.cli.tables import table
from node.demo.pacs import ReceivingPacs
from tests.factories import four_view_study, save_to_folder, stable_uid
from tests.running_node import RunningNode, running_node

ROWS, COLUMNS = 3328, 2560


def main(studies: Annotated[int, typer.Option(min=1, help="Studies of four images.")] = 5) -> None:
    """Send studies through a node and print what it took."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="mgnode-") as folder:
        root = Path(folder)
        sources = {
            uid: save_to_folder(
                four_view_study(study_instance_uid=uid, rows=ROWS, columns=COLUMNS), root / uid
            )
            for uid in (stable_uid("benchmark", str(number)) for number in range(studies))
        }
        with (
            ReceivingPacs(root / "pacs") as pacs,
            running_node(root / "node", destinations={"pacs": pacs.destination}) as node,
        ):
            began = time.monotonic()
            for paths in sources.values():
                node.send(paths)
            received = time.monotonic()
            for uid in sources:
                node.wait_until_delivered(uid, seconds=60.0 * studies)
            ended = time.monotonic()
            memory = {name: peak_mib(pid) for name, pid in node.embedded.pids.items()}
            analyses = _analyses(node)
    images = 4 * studies
    seconds = [analysis["seconds"] for analysis in analyses]
    network = [analysis["network_seconds"] for analysis in analyses]
    rows: list[list[object]] = [
        ["images", images],
        ["receive and store, MB/s", f"{images * ROWS * COLUMNS * 2e-6 / (received - began):.0f}"],
        ["first C-STORE to last result, s", f"{ended - began:.1f}"],
        ["worker: images per second", f"{len(seconds) / sum(seconds):.2f}"],
        ["worker: median s for an image", f"{statistics.median(seconds):.2f}"],
        ["worker: share that is not the network's", f"{1 - sum(network) / sum(seconds):.1%}"],
    ]
    rows += [[f"peak memory of {name}, MiB", f"{peak:.0f}"] for name, peak in memory.items()]
    console.print(table("A whole node", ["what", "value"], rows))


def peak_mib(pid: int) -> float:
    """Peak resident memory of a process in MiB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def _analyses(node: RunningNode) -> list[dict[str, float]]:
    lines = node.embedded.log_file.read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    return [event for event in events if event["event"] == "instance_analysed"]


if __name__ == "__main__":
    typer.run(main)
