"""Context in memory: nothing outlives the process, values are live references."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..message import UNDEFINED, Keys, get_at, set_at
from .store import Store, is_stale


class MemoryStore(Store):
    """One dict a scope. What ``get`` returns is the stored object itself, as in Node-RED."""

    def __init__(self) -> None:
        self.data: dict[str, dict[str, Any]] = {}

    def get(self, scope: str, keys: Keys) -> Any:
        values = self.data.get(scope)
        if values is None:
            return UNDEFINED
        return values.get(keys[0], UNDEFINED) if len(keys) == 1 else get_at(values, keys)  # type: ignore[arg-type]

    def set(self, scope: str, keys: Keys, value: Any) -> bool:
        values = self.data.get(scope)
        if values is None:
            values = self.data[scope] = {}
        if len(keys) == 1 and value is not UNDEFINED:
            values[keys[0]] = value  # type: ignore[index]
            return True
        return set_at(values, keys, value)

    def keys(self, scope: str) -> list[str]:
        return list(self.data.get(scope, ()))

    async def delete(self, scope: str) -> None:
        self.data.pop(scope, None)

    async def clean(self, active: Collection[str]) -> None:
        for scope in [scope for scope in self.data if is_stale(scope, active)]:
            del self.data[scope]
