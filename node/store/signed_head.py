r"""A head of the audit log with a signature: what a checkpoint says, and how it is written.

Signed is, for anybody who wants to check it without this program::

    "mgnode audit " + kind + " v1\n" + canonical_json(at, event, hash, installation, number)

in ASCII, with Ed25519 (RFC 8032): keys sorted, no white space, ``at`` as in the audit log.
``installation`` is the database's ``installation.uid_namespace``, ``number`` counts the
checkpoints from 1. The exported line is the same JSON with ``key`` (the SHA-256 of the
public key's 32 bytes), ``kind`` and ``signature`` (both in lower-case hex).
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final

from node.store.audit_key import PublicKeys, SigningKey

_HASH: Final = re.compile(r"[0-9a-f]{64}")


class HeadKind(StrEnum):
    """What is said of a head."""

    CHECKPOINT = "checkpoint"
    """The log had this row with this hash."""
    RESTORE = "restore"
    """The log was restored from a backup and goes on after this row: later heads are void."""


@dataclass(frozen=True, slots=True)
class SignedHead:
    """One statement; ``at`` is text, ``YYYY-MM-DDTHH:MM:SS.ffffffZ``.

    ``number`` is the checkpoint's; of a restore it is that of the last one that is kept.
    """

    kind: HeadKind
    number: int
    event: int
    hash: str
    at: str
    installation: str
    key: str = ""
    signature: str = ""

    def message(self) -> bytes:
        """Give the bytes that are signed."""
        said = {
            name: value
            for name, value in asdict(self).items()
            if name not in ("kind", "key", "signature")
        }
        return f"mgnode audit {self.kind} v1\n{_canonical(said)}".encode("ascii")

    def signed(self, key: SigningKey) -> SignedHead:
        """Give it with a signature."""
        return replace(self, key=key.key_id, signature=key.sign(self.message()))

    def trouble(self, keys: PublicKeys) -> str:
        """Say what is wrong with the signature; empty when one of the keys made it."""
        if self.key not in keys:
            return f"is signed by the key {self.key[:16]}, which is none of the public keys"
        if not keys.verify(self.key, self.signature, self.message()):
            return "has a signature that is not its own: it was changed, or forged"
        return ""

    def line(self) -> str:
        """Write it as one line of JSON, without its end."""
        return _canonical(asdict(self))


def read_line(line: str) -> SignedHead | None:
    """Read what ``line`` wrote; None for anything else."""
    try:
        values: Any = json.loads(line)
        head = SignedHead(**{**values, "kind": HeadKind(values["kind"])})
        is_right = (
            type(values["number"]) is type(values["event"]) is int
            and _HASH.fullmatch(head.hash)
            and head.line() == line.strip()
        )
    except (TypeError, ValueError, KeyError, RecursionError):
        return None
    return head if is_right else None


def _canonical(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
