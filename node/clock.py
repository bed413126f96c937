"""The one clock: moments are aware and in UTC everywhere."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Give the moment now."""
    return datetime.now(UTC)
