"""Where files lie below the storage root.

Names come from checksums, never from what a peer sent: a UID or a file name of
somebody else is data, not a path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from node.store.folders import make_folder

FILE_MODE: Final = 0o600

_SHA256 = re.compile(r"[0-9a-f]{64}")
# PS3.5 9.1; of the characters of a UID none has a meaning in a path, beside others.
_UID = re.compile(r"[0-9][0-9.]{0,63}")


def instance_path(sha256: str, transfer_syntax_uid: str) -> str:
    """Path of a received instance, relative to the root.

    Parameters
    ----------
    sha256 : str
        Of its data set.
    transfer_syntax_uid : str
        One that we accept. It stands outside of the data set and decides what the
        bytes mean, so it is a part of the name.

    Raises
    ------
    ValueError
        When ``sha256`` is not 64 lower-case hexadecimal digits, or the other no UID.
    """
    if not _UID.fullmatch(transfer_syntax_uid):
        raise ValueError(f"{transfer_syntax_uid!r} is not a UID")
    return f"instances/{_two_levels(sha256, f'.{transfer_syntax_uid}')}"


def result_path(sha256: str) -> str:
    """Path of a result, relative to the root, from the SHA-256 of its file.

    Other bytes have another name: a worker that is late cannot replace the file of a
    result that another one has recorded.

    Raises
    ------
    ValueError
        When ``sha256`` is not 64 lower-case hexadecimal digits.
    """
    return f"results/{_two_levels(sha256)}"


def _two_levels(sha256: str, ending: str = "") -> str:
    # 256 folders: a million images are 4000 files a folder, which every file system lists fast.
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"{sha256!r} is not a SHA-256 in lower-case hexadecimal")
    return f"{sha256[:2]}/{sha256}{ending}.dcm"


@dataclass(frozen=True)
class Layout:
    """The folders below one storage root.

    Parameters
    ----------
    root : Path
        ``storage.root`` of the settings.
    """

    root: Path

    @property
    def spool(self) -> Path:
        """Data sets on their way in; one folder for each SCP."""
        return self.root / "spool"

    @property
    def instances(self) -> Path:
        """Received instances, by the SHA-256 of their data set and its transfer syntax."""
        return self.root / "instances"

    @property
    def results(self) -> Path:
        """The objects we made, by the SHA-256 of their file."""
        return self.root / "results"

    @property
    def quarantine(self) -> Path:
        """Refused data sets that somebody should look at."""
        return self.root / "quarantine"

    @property
    def run(self) -> Path:
        """Sockets and process files; nothing in it outlives a reboot."""
        return self.root / "run"

    @property
    def models(self) -> Path:
        """Weights that the node wrote itself."""
        return self.root / "models"

    def create(self) -> None:
        """Make every folder that is missing, durably and readable for the owner alone."""
        try:
            make_folder(self.root)
        except PermissionError:
            # Below a folder that we may not read, somebody else made the root and its name.
            if not self.root.is_dir():
                raise
        for folder in (
            self.spool,
            self.instances,
            self.results,
            self.quarantine,
            self.run,
            self.models,
        ):
            make_folder(folder)

    def absolute(self, relative: str) -> Path:
        """Path of a file that a row names.

        Raises
        ------
        ValueError
            When ``relative`` would lead out of the root.
        """
        path = PurePosixPath(relative)
        if not path.parts or path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{relative!r} is not a path below the storage root")
        return self.root.absolute() / path
