"""What was sent and what was answered, as the senders saw it."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

SUCCESS: Final = 0x0000
MAY_RETRY: Final = frozenset(range(0xA700, 0xA800)) | {0x0110}
"""Refused, out of resources (PS3.4 B.2.3), and processing failure: the sender comes again."""


@dataclass
class Sent:
    """One image; ``answers`` counts statuses, None for a C-STORE without any."""

    study_instance_uid: str
    calling_ae: str
    answers: Counter[int | None] = field(default_factory=Counter)

    @property
    def is_acknowledged(self) -> bool:
        """Whether the node ever answered success: from then on the image is the node's."""
        return self.answers[SUCCESS] > 0


class Ledger:
    """Kept by many senders at once; read when they have ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.images: dict[str, Sent] = {}
        self.intrusions: Counter[str] = Counter()
        self.never_valid: set[str] = set()
        self.accepted_intruders: list[str] = []

    def note(self, uid: str, study: str, calling_ae: str, status: int | None) -> None:
        """Write one C-STORE of an image down."""
        with self._lock:
            self.images.setdefault(uid, Sent(study, calling_ae)).answers[status] += 1

    def note_intrusion(self, kind: str, *, uid: str = "", status: int | None = None) -> None:
        """Write a peer's misbehaviour down; one that was answered success is kept apart."""
        with self._lock:
            self.intrusions[kind] += 1
            if uid:
                self.never_valid.add(uid)
            if status == SUCCESS:
                self.accepted_intruders.append(f"{kind} {uid}")

    @property
    def acknowledged(self) -> int:
        """How many images are the node's."""
        with self._lock:
            return sum(sent.is_acknowledged for sent in self.images.values())
