"""Values as stores outside of the process keep them: as JSON."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..jsontext import kept
from ..message import UNDEFINED

log = logging.getLogger("busway.context")


class Jsonable:
    """Turns values into what JSON can hold, as ``JSON.stringify`` does; links that lead back to an object around are
    dropped."""

    def __init__(self) -> None:
        self.circular = False
        self._around: set[int] = set()

    def convert(self, value: Any) -> Any:
        if value is None or isinstance(value, (str, int, float)):
            return value
        if isinstance(value, (bytes, bytearray)):
            return {"type": "Buffer", "data": list(value)}
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if isinstance(value, (dict, list, tuple, set, frozenset)):
            return self._container(value)
        return UNDEFINED

    def _container(self, value: Any) -> Any:
        if id(value) in self._around:
            self.circular = True
            return UNDEFINED
        self._around.add(id(value))
        try:
            if isinstance(value, dict):
                pairs = [(str(key), self.convert(item)) for key, item in value.items()]
                return {key: item for key, item in pairs if item is not UNDEFINED}
            return [None if item is UNDEFINED else item for item in map(self.convert, value)]
        finally:
            self._around.discard(id(value))


def values_text(values: Mapping[str, Any]) -> tuple[bytes, bool]:
    """The values of a scope as the text of its file, and whether a circular link was dropped."""
    writer = Jsonable()
    return kept(writer.convert(dict(values)), pretty=True), writer.circular


class Circular:
    """Tells once for each scope that circular links are not stored."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def tell(self, scope: str, circular: bool) -> None:
        if circular and scope not in self._known:
            log.warning("the context %s holds a value that contains itself: that link is not stored", scope)
        (self._known.add if circular else self._known.discard)(scope)


def value_text(value: Any) -> tuple[bytes, bool]:
    """One value as JSON, b"" for what JSON has no form for, and whether a circular link was dropped."""
    writer = Jsonable()
    plain = writer.convert(value)
    return b"" if plain is UNDEFINED else kept(plain), writer.circular
