"""What a context store is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import Any, ClassVar

from ..errors import ContextError
from ..message import UNDEFINED, Keys

GLOBAL = "global"
Change = Callable[[Any], Any]
"""Makes a new value of the old one, UNDEFINED where there is none; UNDEFINED deletes. May be called more than once."""


class Store(ABC):
    """Keeps the values of all scopes: ``global``, a tab's or subflow instance's id, ``node id:flow id``.

    ``keys`` is a property path inside the scope, parsed. A store whose ``asynchronous`` is true may have to wait for
    I/O: flows reach it through the coroutines only; the plain methods block while they work, for nodes that cannot
    wait.
    """

    asynchronous: ClassVar[bool] = False
    refusal: ClassVar[str] = "only asynchronous access supported"
    """Why plain access by flow code is refused, when ``asynchronous``."""
    shared: ClassVar[bool] = False
    """Whether other processes change the values too, so that no copy of them may be relied on."""

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

    def update(self, scope: str, keys: Keys, change: Change) -> Any:
        """Sets the value at a path to what ``change`` makes of it, at once; the new value. Raises ContextError."""
        value = change(self.get(scope, keys))
        if not self.set(scope, keys, value):
            raise ContextError(f"cannot set {keys!r}: what it leads through is no object")
        return value

    async def update_async(self, scope: str, keys: Keys, change: Change) -> Any:
        """Like :meth:`update`: nobody else, in any process, writes the value in between."""
        return self.update(scope, keys, change)

    async def increment_async(self, scope: str, keys: Keys, by: float) -> float:
        """Adds to a number, 0 where there is none; the new number. Raises ContextError when the value is no number."""
        found: float = await self.update_async(scope, keys, lambda value: added(value, by))
        return found


def added(value: Any, by: float) -> float:
    """A stored value and a number, added. Raises ContextError when the value is no number."""
    if value is UNDEFINED:
        return by
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value + by
    raise ContextError(f"cannot add {by:g} to {value!r:.80}: it is no number")


def is_stale(scope: str, active: Collection[str]) -> bool:
    """Whether :meth:`Store.clean` forgets a scope."""
    return scope != GLOBAL and scope.partition(":")[0] not in active
