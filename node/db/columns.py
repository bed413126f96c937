"""The types of the columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Dialect,
    Integer,
    String,
    TypeDecorator,
)
from sqlalchemy.orm import InstrumentedAttribute
from typing_extensions import override


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; refuses naive datetimes, gives aware ones on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value} where a moment in UTC is due")
        return value.astimezone(UTC)

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def is_set(moment: InstrumentedAttribute[datetime | None]) -> ColumnElement[bool]:
    """Ask for rows that have a moment, over the index on it: SQLite takes none for IS NOT NULL."""
    return moment > _BEFORE_ALL


_BEFORE_ALL: Final = datetime(1, 1, 2, tzinfo=UTC)

Uid = String(64)
AeTitle = String(16)
BigId = BigInteger().with_variant(Integer, "sqlite")
