"""Downloads into one folder, and what is seen of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from models.registry.download import download
from models.registry.partial import opened_part

WHOLE: Final = bytes(range(256)) * 4000


class Fetching:
    """Downloads into one folder, again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pauses: list[float] = []
        self.told: list[tuple[int, int | None]] = []

    def __call__(self, url: str) -> bytes:
        """Give what is there at the end."""
        with opened_part(self.folder, url) as part:
            download(
                url,
                part,
                accept=lambda start: "a web page" if start.startswith(b"<") else "",
                progress=lambda done, size: self.told.append((done, size)),
                pause=self.pauses.append,
            )
            return part.path.read_bytes()

    def kept(self) -> int:
        """Give the bytes that an earlier attempt has left."""
        return sum(path.stat().st_size for path in self.folder.rglob("*.part"))
