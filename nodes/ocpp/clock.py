"""The present time as OCPP messages write it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return round(time.time() * 1000)


def iso(moment: datetime) -> str:
    """``2026-01-01T12:00:00.123Z``; a moment without zone is taken as UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat(timespec="milliseconds")[:-6] + "Z"


def now_iso() -> str:
    """The present moment as :func:`iso` writes it."""
    return iso(datetime.fromtimestamp(time.time(), UTC))
