"""The SCP in a process of its own, for tests that kill it: root, database URL, port."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from config.receiving import ScpSettings
from config.settings import Settings, StorageSettings
from node.db.session import Database
from node.scp.server import StorageScp


def main(root: str, url: str, port: str) -> None:
    signals = (signal.SIGTERM, signal.SIGINT)
    # Blocked before any thread starts, so that only sigwait gets them.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    settings = Settings(
        storage=StorageSettings(root=Path(root), free_space_gib=0.01),
        scp=ScpSettings(port=int(port)),
    )
    database = Database(url)
    scp = StorageScp(settings, database)
    scp.start()
    signal.sigwait(signals)
    scp.stop()
    database.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
