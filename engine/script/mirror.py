"""The context stores as JavaScript sees them.

Function bodies read and write a mirror inside JavaScript, without leaving it. What is set in Python is queued and goes in before the
next call. What is set in JavaScript stays there until somebody in Python asks for it, where the store is in memory: then the stored
objects are live in JavaScript as they are in Node-RED, and an object of thousands of entries that each message changes a little never
crosses. Values for stores that keep them elsewhere (files) cross with the call that set them. Stores that other processes share
have no mirror: they are asked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any, Protocol, TypeVar

from ..context import Context, Contexts, MemoryStore, parse_key
from ..message import UNDEFINED

log = logging.getLogger("busway.script")
T = TypeVar("T")


class Border(Protocol):
    """What the mirror needs of the JavaScript context."""

    def open_scope(self, info: dict[str, Any]) -> None:
        """Makes the scope's stores, empty."""

    def close_scope(self, id: int) -> None:
        """Forgets a scope."""

    def push(self, changes: list[list[Any]]) -> None:
        """Sets values: ``[scope, store, key, value]``, or without value to delete."""

    def pull(self, scope: int, store: str, key: str) -> Any:
        """The newest value of a key, UNDEFINED when there is none."""


class LiveValues(dict[str, Any]):
    """The values of one scope of a memory store, some of whose newest are in JavaScript: reading fetches them."""

    def __init__(self, values: dict[str, Any], fetch: Callable[[str], Any]) -> None:
        super().__init__(values)
        self.ahead: set[str] = set()
        self._fetch = fetch

    def catch_up(self, keys: Iterable[str]) -> None:
        """Fetches the newest values of keys."""
        for key in keys:
            self.ahead.discard(key)
            value = self._fetch(key)
            if value is UNDEFINED:
                super().pop(key, None)
            else:
                super().__setitem__(key, value)

    def get(self, key: str, default: Any = None) -> Any:
        if key in self.ahead:
            self.catch_up((key,))
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        if key in self.ahead:
            self.catch_up((key,))
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        if key in self.ahead:
            self.catch_up((str(key),))
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        self.catch_up(list(self.ahead))
        return super().__iter__()

    def keys(self) -> Any:
        self.catch_up(list(self.ahead))
        return super().keys()

    def items(self) -> Any:
        self.catch_up(list(self.ahead))
        return super().items()

    def values(self) -> Any:
        self.catch_up(list(self.ahead))
        return super().values()

    def clear(self) -> None:
        self.ahead.clear()
        super().clear()

    def __setitem__(self, key: str, value: Any) -> None:
        self.ahead.discard(key)
        super().__setitem__(key, value)

    def pop(self, key: str, *default: Any) -> Any:
        self.ahead.discard(key)
        return super().pop(key, *default)


class _Scope:
    """One mirrored scope."""

    def __init__(self, id: int, context: Context, parent: int | None) -> None:
        self.id, self.context, self.parent = id, context, parent
        self.live: dict[str, LiveValues] = {}

    def catch_up(self) -> None:
        """Fetches everything whose newest value is in JavaScript."""
        for live in self.live.values():
            live.catch_up(list(live.ahead))


class Mirror:
    """Keeps the mirror of those scopes that function bodies use."""

    def __init__(self, contexts: Contexts, border: Border) -> None:
        self._contexts, self._border = contexts, border
        self._scopes: dict[str, _Scope] = {}
        self._by_id: dict[int, _Scope] = {}
        self._ids = count(1)
        self.changed: dict[tuple[str, str, str], None] = {}
        """What was set in Python and has not gone in: ``(scope, store, key)``, in order."""
        self._applying = False
        self._unsubscribe = contexts.subscribe(self._note)

    def close(self) -> None:
        """Ends the mirror; what is newest in JavaScript is fetched first."""
        self._unsubscribe()
        for scope in self._by_id.values():
            scope.catch_up()

    # -- scopes -----------------------------------------------------------------------------------------------------
    def open(self, context: Context) -> int:
        """Mirrors a scope and those of the flows around it; its number in JavaScript."""
        parent = self.open(context.parent) if context.parent is not None else None
        known = self._scopes.get(context.scope)
        if known is not None and known.parent == parent and known.context is context and self._is_live(known):
            return known.id
        scope = _Scope(known.id if known is not None else next(self._ids), context, parent)
        self._take_over(scope)
        self._scopes[context.scope] = self._by_id[scope.id] = scope
        stores = [[name, isinstance(store, MemoryStore), store.shared] for name, store in self._contexts.stores.items()]
        self._border.open_scope({"id": scope.id, "parent": parent, "first": self._contexts.default, "stores": stores})
        return scope.id

    def forget(self, context: Context) -> None:
        """A scope is not used in JavaScript any more."""
        scope = self._scopes.pop(context.scope, None)
        if scope is not None:
            scope.catch_up()
            del self._by_id[scope.id]
            self._border.close_scope(scope.id)

    def _is_live(self, scope: _Scope) -> bool:
        """Whether the stores still hold the values that are mirrored: deleting a scope throws them away."""
        for name, live in scope.live.items():
            store = self._contexts.stores.get(name)
            if not isinstance(store, MemoryStore) or store.data.get(scope.context.scope) is not live:
                return False
        return True

    def _take_over(self, scope: _Scope) -> None:
        """Puts values that fetch what is ahead in the place of those in memory, and notes all values as to be sent in."""
        name_of_scope = scope.context.scope
        for name, store in self._contexts.stores.items():
            if store.shared:
                continue
            if isinstance(store, MemoryStore):
                values = dict(store.data.get(name_of_scope, {}).items())
                scope.live[name] = store.data[name_of_scope] = LiveValues(values, self._fetcher(scope.id, name))
            seeded = scope.context.keys(name) if not store.asynchronous else []
            for key in {**dict.fromkeys(store.keys(name_of_scope)), **dict.fromkeys(seeded)}:
                self.changed[name_of_scope, name, key] = None

    def _fetcher(self, scope: int, store: str) -> Callable[[str], Any]:
        return lambda key: self._border.pull(scope, store, key)

    def context(self, scope: int) -> Context:
        """The context that a number in JavaScript means."""
        return self._by_id[scope].context

    # -- from Python to JavaScript ----------------------------------------------------------------------------------
    def _note(self, scope: str, store: str, key: str) -> None:
        if scope in self._scopes and not self._applying and not self._contexts.stores[store].shared:
            self.changed[scope, store, key] = None

    def flush(self) -> None:
        """Sends in what was set in Python."""
        changes = [self._change(*names) for names in self.changed if names[0] in self._scopes]
        self.changed.clear()
        self._border.push(changes)

    def _change(self, scope: str, store: str, key: str) -> list[Any]:
        mirrored = self._scopes[scope]
        value = mirrored.context.read((key,), store)
        return [mirrored.id, store, key] if value is UNDEFINED else [mirrored.id, store, key, value]

    # -- from JavaScript to Python ----------------------------------------------------------------------------------
    def ahead(self, scope: int, store: str, key: str) -> None:
        """The newest value of a key is in JavaScript from now on."""
        mirrored = self._by_id[scope]
        live = mirrored.live[store]
        held = self._contexts.stores[store]
        if isinstance(held, MemoryStore) and held.data.get(mirrored.context.scope) is not live:
            live.clear()
            held.data[mirrored.context.scope] = live
        live.ahead.add(key)

    def stored(self, scope: int, store: str, values: list[list[Any]]) -> None:
        """Values that were set in JavaScript, for a store that keeps them elsewhere: ``[key, value]`` or ``[key]``."""
        context = self._by_id[scope].context
        self._applying = True
        try:
            for key, *value in values:
                context.write(parse_key(key).path, value[0] if value else UNDEFINED, store)  # type: ignore[arg-type]
        finally:
            self._applying = False
