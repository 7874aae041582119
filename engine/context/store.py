"""What a context store is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any, ClassVar

from ..message import Keys

GLOBAL = "global"


class Store(ABC):
    """Keeps the values of all scopes: ``global``, a tab's or subflow instance's id, ``node id:flow id``.

    ``keys`` is a property path inside the scope, parsed. A store whose ``asynchronous`` is true may have to wait for
    I/O: flows reach it through the coroutines only; the plain methods block while they work, for nodes that cannot
    wait.
    """

    asynchronous: ClassVar[bool] = False
    refusal: ClassVar[str] = "only asynchronous access supported"
    """Why plain access by flow code is refused, when ``asynchronous``."""

    async def open(self) -> None:  # noqa: B027 - most stores have nothing to do
        """Makes the store ready. Raises StorageError when it cannot be."""

    async def close(self) -> None:  # noqa: B027
        """Writes what is pending; the store is not used afterwards."""

    @abstractmethod
    def get(self, scope: str, keys: Keys) -> Any:
        """The value at a path, UNDEFINED when there is none. May be the live object: changing it changes the
        context."""

    @abstractmethod
    def set(self, scope: str, keys: Keys, value: Any) -> bool:
        """Sets the value at a path, UNDEFINED deletes; false when a parent on the path is no object."""

    @abstractmethod
    def keys(self, scope: str) -> list[str]:
        """The names at the top of a scope."""

    @abstractmethod
    async def delete(self, scope: str) -> None:
        """Forgets a scope."""

    @abstractmethod
    async def clean(self, active: Collection[str]) -> None:
        """Forgets the scopes of nodes and flows whose id is not in ``active``; never the global one."""

    async def get_async(self, scope: str, keys: Keys) -> Any:
        """Like :meth:`get`."""
        return self.get(scope, keys)

    async def set_async(self, scope: str, keys: Keys, value: Any) -> bool:
        """Like :meth:`set`."""
        return self.set(scope, keys, value)

    async def keys_async(self, scope: str) -> list[str]:
        """Like :meth:`keys`."""
        return self.keys(scope)


def is_stale(scope: str, active: Collection[str]) -> bool:
    """Whether :meth:`Store.clean` forgets a scope."""
    return scope != GLOBAL and scope.partition(":")[0] not in active
