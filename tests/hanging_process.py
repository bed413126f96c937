"""A process a part of which hangs while another part is about to end: run by tests."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from node.store.claim_sheet import ClaimSheet
from workers.watchdog import Draining, ProcessWatchdog

SECONDS = 1.0


def main(run: Path) -> None:
    asked: list[str] = []
    dog = ProcessWatchdog(ClaimSheet(run, "worker@host:1"), drain=lambda: asked.append("drain"))
    hangs, has_begun = threading.Event(), threading.Event()

    def hang() -> None:
        with dog.watching(SECONDS) as watch:
            watch.hold("delivery", [(7, "a token")])
            has_begun.set()
            hangs.wait()

    threading.Thread(target=hang, daemon=True).start()
    has_begun.wait()
    with dog.watching(20 * SECONDS):
        refused = False
        while not refused:
            try:
                with dog.watching(SECONDS):
                    threading.Event().wait(0.05)
            except Draining:
                refused = True
        sys.stdout.write(f"{asked} and the other one ends\n")
        sys.stdout.flush()
    hangs.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
