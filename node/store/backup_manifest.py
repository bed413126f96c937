r"""What a backup holds, in one signed file that is written last: without it there is no backup.

Signed, where the node has an audit key, is ``"mgnode backup v1\n"`` and the canonical JSON of
the manifest without ``key`` and ``signature``, as checkpoints are.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from node.errors import StopError
from node.store.audit_key import PublicKeys, SigningKey
from node.store.files import write_durably

NAME: Final = "manifest.json"
FORMAT: Final = 1


@dataclass(frozen=True)
class Manifest:
    """The manifest.

    Attributes
    ----------
    began_at : str
        Nothing that was received later is in the backup for certain.
    event, hash, checkpoint : int, str, int
        The audit log's head, and the number of its last checkpoint.
    removed : tuple of str
        Files that the retention policy removed while the backup was made.
    missing : tuple of str
        Files that rows name and that were not there, or had another size.
    """

    mgnode: str
    revision: str
    installation: str
    began_at: str
    event: int
    hash: str
    checkpoint: int
    database: str
    database_sha256: str
    sums_sha256: str
    files: int
    total_bytes: int
    removed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    format: int = FORMAT
    key: str = ""
    signature: str = ""

    def message(self) -> bytes:
        """Give the bytes that are signed."""
        said = {k: v for k, v in asdict(self).items() if k not in ("key", "signature")}
        canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
        return f"mgnode backup v1\n{canonical}".encode("ascii")

    def signed(self, key: SigningKey) -> Manifest:
        """Give it with a signature."""
        return replace(self, key=key.key_id, signature=key.sign(self.message()))

    def trouble(self, keys: PublicKeys) -> str:
        """Say what is wrong with the signature; empty when a key made it, or none is known."""
        if not len(keys):
            return ""
        if not self.key:
            return "is not signed, and the node has public keys"
        if self.key not in keys:
            return f"is signed by the key {self.key[:16]}, which is none of the public keys"
        is_right = keys.verify(self.key, self.signature, self.message())
        return "" if is_right else "was changed after it was signed"

    def write(self, folder: Path) -> None:
        """Write it durably: from now on the folder is a backup."""
        text = json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"
        write_durably(folder / NAME, text.encode())


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a backup.

    Raises
    ------
    StopError
        The folder is no backup, an unfinished one, or one of a newer mgnode.
    """
    try:
        values: Any = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if values.get("format") != FORMAT:
            raise StopError(f"{folder} is a backup of another version of mgnode")
        lists = {name: tuple(values[name]) for name in ("removed", "missing")}
        return Manifest(**{**values, **lists})
    except FileNotFoundError as error:
        raise StopError(f"{folder} is no backup, or one that was not finished") from error
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise StopError(f"{folder / NAME} cannot be read") from error
