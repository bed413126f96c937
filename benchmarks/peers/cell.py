"""What one receiver did under one fault."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """One cell of the table; ``meets`` says whether it is what the node is to do."""

    text: str
    meets: bool
