"""UIDs that the same input always derives again."""

from __future__ import annotations

import uuid
from typing import Final

# Names the software in the File Meta Information, PS3.7 D.3.3.2; never changes.
IMPLEMENTATION_CLASS_UID: Final = "2.25.303106936446297138302412325867834120161"


def derive(namespace: uuid.UUID, *key: str) -> str:
    """Derive the UID of ``key`` within one installation.

    Parameters
    ----------
    namespace : UUID
        The installation's own; two installations never derive the same UID.
    *key : str
        Parts of any length and content; their borders count, so ``("ab", "c")``
        and ``("a", "bc")`` give two UIDs.

    Returns
    -------
    str
        ``2.25.`` and the decimal UUIDv5, 44 characters at most.

    References
    ----------
    PS3.5 B.2: UUID derived UID.
    """
    if not key:
        raise ValueError("a UID needs a key to derive it from")
    name = "".join(f"{len(part)}:{part}" for part in key)
    return f"2.25.{uuid.uuid5(namespace, name).int}"
