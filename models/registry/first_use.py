"""Size and checksum of a download: recorded at its first use, checked ever after."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from models.registry import durable
from models.registry.errors import WrongDownload

FOLDER: Final = ".first-use"


class Seen(NamedTuple):
    """A file as it came the first time."""

    size: int
    sha256: str


def check_first_use(root: Path, url: str, found: Seen) -> None:
    """Refuse a file that is not the one that this URL gave the first time.

    Raises
    ------
    WrongDownload
        The text has both checksums and the way out.
    """
    path = _path(root, url)
    if not path.is_file():
        return
    record = json.loads(path.read_bytes())
    if Seen(record["size"], record["sha256"]) != found:
        raise WrongDownload(
            f"{url} gave another file than on {record['first_used_at'][:10]}: {found.size} bytes "
            f"with sha256 {found.sha256}, then {record['size']} bytes with {record['sha256']}. "
            "If you trust the new one, download it yourself and use `mgnode model import FILE`"
        )


def record_first_use(root: Path, url: str, found: Seen, *, now: datetime) -> None:
    """Keep size and checksum of a file whose model was registered; the first record stays."""
    path = _path(root, url)
    if path.is_file():
        return
    durable.make_folder(path.parent)
    values = {"url": url, **found._asdict(), "first_used_at": now.isoformat()}
    durable.replace_file(path, (json.dumps(values, indent=2) + "\n").encode())


def _path(root: Path, url: str) -> Path:
    return root / FOLDER / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"
