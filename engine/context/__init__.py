"""Context: values that nodes, flows and the whole runtime keep between messages, in one or more stores.

contexts = Contexts({"default": {"module": "memory"}, "disk": {"module": "localfilesystem"}}, user_dir)
await contexts.open()
contexts.flow("tab1").set("count", 1, "disk")
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from ..diff import same
from ..errors import ContextError, suggest
from ..message import UNDEFINED, Keys, get_at, has_references, parse_path
from ..message import Path as PropertyPath
from .memory import MemoryStore
from .store import GLOBAL, Change, Store, added

__all__ = [
    "GLOBAL",
    "Change",
    "Context",
    "ContextKey",
    "Contexts",
    "MemoryStore",
    "Store",
    "parse_key",
    "register_store_type",
]

log = logging.getLogger("busway.context")

Factory: TypeAlias = Callable[[Mapping[str, Any], Path | None], Store]
"""Makes a store from its ``config`` in the settings and the user directory."""
Listener: TypeAlias = Callable[[str, str, str], None]
"""Called with scope, store name and top-level key after a value was set or deleted."""


# -- stores by name ------------------------------------------------------------------------------------------------
def _memory(config: Mapping[str, Any], user_dir: Path | None) -> Store:
    return MemoryStore()


def _files(config: Mapping[str, Any], user_dir: Path | None) -> Store:
    from .file import file_store

    return file_store(config, user_dir)


def _redis(config: Mapping[str, Any], user_dir: Path | None) -> Store:
    from .redis_store import redis_store

    return redis_store(config, user_dir)


_store_types: dict[str, Factory] = {"memory": _memory, "localfilesystem": _files, "redis": _redis}


def register_store_type(module: str, factory: Factory) -> None:
    """Makes a further kind of store available as ``module`` in the settings."""
    _store_types[module] = factory


# -- keys ----------------------------------------------------------------------------------------------------------
class ContextKey(NamedTuple):
    """A context key, parsed: the store it names (None: none), how many ``$parent.`` it begins with, its path."""

    store: str | None
    levels: int
    path: PropertyPath


_STORE = re.compile(r"#:\((\S+?)\)::(.*)", re.DOTALL)
_PARENT = "$parent."


@lru_cache(maxsize=8192)
def parse_key(text: str) -> ContextKey:
    """Parses ``key``, ``#:(store)::key``, ``$parent.key``; the rest is a property path. Raises PathError,
    ContextError."""
    found = _STORE.fullmatch(text)
    store, key = (found[1], found[2]) if found else (None, text)
    levels = 0
    while key.startswith(_PARENT):
        key = key.removeprefix(_PARENT)
        levels += 1
    if key == "$parent":
        raise ContextError(f"the context key {text!r} names no value: write $parent.name")
    return ContextKey(store, levels, parse_path(key))


@lru_cache(maxsize=8192)
def _parse_plain_key(key: str) -> tuple[str | None, int, Keys]:
    found = parse_key(key) if key else None
    if found is None or has_references(found.path):
        why = "refers to a message, and there is none here" if key else "must have at least one character"
        raise ContextError(f"Invalid context key: {key!r} {why}")
    return found  # type: ignore[return-value]


def _parsed(key: Any) -> tuple[str | None, int, Keys]:
    if type(key) is str:
        return _parse_plain_key(key)
    raise ContextError(f"Invalid context key: {key!r} is not a text")


# -- one scope -----------------------------------------------------------------------------------------------------
class Context:
    """The values of one scope. A key is a name or a path into the stored value, or a list of those."""

    __slots__ = ("_contexts", "_seed", "_store_of", "parent", "scope")

    def __init__(self, contexts: Contexts, scope: str, seed: Mapping[str, Any] | None = None) -> None:
        self._contexts, self.scope, self._seed = contexts, scope, seed
        self._store_of = contexts.store
        self.parent: Context | None = None

    def get(self, key: str | Sequence[str], store: str | None = None) -> Any:
        """The value of ``key``, UNDEFINED when there is none; for a list of keys the list of values.

        Raises ContextError for a key that is no text and for stores that cannot answer at once, PathError for a bad
        path.
        """
        if type(key) is not str and isinstance(key, (list, tuple)):
            return [self.get(one, store) for one in _some(key)]
        named, levels, keys = _parsed(key)
        found = self._store_of(store or named)
        if found.asynchronous:
            raise ContextError(found.refusal)
        if levels or self._seed is not None:
            return self.read(keys, store or named, levels)
        return found.get(self.scope, keys)

    def set(self, key: str | Sequence[str], value: Any, store: str | None = None) -> bool:
        """Sets ``key``; UNDEFINED deletes it. With a list of keys ``value`` is the list of values, missing ones are
        None.

        False when the path leads below a value that is no object. Raises like :meth:`get`.
        """
        if type(key) is not str and isinstance(key, (list, tuple)):
            return min([self.set(one, item, store) for one, item in _pairs(key, value)])
        named, levels, keys = _parsed(key)
        found = self._store_of(store or named)
        if found.asynchronous:
            raise ContextError(found.refusal)
        return self.write(keys, value, store or named, levels)

    def keys(self, store: str | None = None) -> list[str]:
        """The names of all values. Raises ContextError for stores that cannot answer at once."""
        found = self._store_of(store)
        if found.asynchronous:
            raise ContextError(found.refusal)
        return self._with_seed(found.keys(self.scope))

    # -- awaited: works with every store ---------------------------------------------------------------------------
    async def aget(self, key: str | Sequence[str], store: str | None = None) -> Any:
        """Like :meth:`get`, for every store."""
        if type(key) is not str and isinstance(key, (list, tuple)):
            return [await self.aget(one, store) for one in _some(key)]
        named, levels, keys = _parsed(key)
        context = self.ancestor(levels)
        if context is None:
            return UNDEFINED
        return context._or_seed(await self._store_of(store or named).get_async(context.scope, keys), keys)

    async def aset(self, key: str | Sequence[str], value: Any, store: str | None = None) -> bool:
        """Like :meth:`set`, for every store."""
        if type(key) is not str and isinstance(key, (list, tuple)):
            return min([await self.aset(one, item, store) for one, item in _pairs(key, value)])
        named, levels, keys = _parsed(key)
        context = self.ancestor(levels)
        if context is None:
            return False
        done = await self._store_of(store or named).set_async(context.scope, keys, value)
        self._contexts.changed(context.scope, store or named, keys)
        return done

    async def akeys(self, store: str | None = None) -> list[str]:
        """Like :meth:`keys`, for every store."""
        return self._with_seed(await self._store_of(store).keys_async(self.scope))

    # -- read, changed and written at once ---------------------------------------------------------------------------
    async def increment(self, key: str, by: float = 1, store: str | None = None) -> float:
        """Adds to a number, 0 where there is none, and gives the new one. Nobody else, in any process, changes it in between.

        Raises ContextError when the value is no number, StorageError when the store does not answer.
        """
        context, found, name, keys = self._place(key, store)
        if context._or_seed(UNDEFINED, keys) is not UNDEFINED:
            value: float = await found.update_async(
                context.scope, keys, lambda value: added(context._or_seed(value, keys), by)
            )
        else:
            value = await found.increment_async(context.scope, keys, by)
        self._contexts.changed(context.scope, name, keys)
        return value

    async def compare_and_set(self, key: str, expected: Any, value: Any, store: str | None = None) -> bool:
        """Sets a value only if it is ``expected`` (None or UNDEFINED: there is none); whether it was. UNDEFINED deletes.

        Values are compared by content; true is not 1. Raises like :meth:`increment`.
        """
        was = False

        def change(found: Any) -> Any:
            nonlocal was
            was = (
                found is UNDEFINED or found is None
                if expected is None or expected is UNDEFINED
                else same(found, expected)
            )
            return value if was else found

        await self._update(key, change, store)
        return was

    async def update(self, key: str, change: Change, store: str | None = None, default: Any = None) -> Any:
        """Sets a value to ``change(value)`` and gives it; ``default`` stands for the value where there is none.

        ``change`` is a plain function. It may be called more than once, when somebody else was faster, so it should do nothing
        but compute; it may return UNDEFINED, which deletes. Raises what it raises, and like :meth:`increment`.
        """
        return await self._update(key, lambda value: change(default if value is UNDEFINED else value), store)

    async def _update(self, key: str, change: Change, store: str | None) -> Any:
        context, found, name, keys = self._place(key, store)
        value = await found.update_async(context.scope, keys, lambda value: change(context._or_seed(value, keys)))
        self._contexts.changed(context.scope, name, keys)
        return value

    def _place(self, key: str, store: str | None) -> tuple[Context, Store, str | None, Keys]:
        """What a key names: the context, the store with its name, the path."""
        named, levels, keys = _parsed(key)
        context = self.ancestor(levels)
        if context is None:
            raise ContextError(f"the context key {key!r} leads outside of the outermost flow")
        return context, self._store_of(store or named), store or named, keys

    # -- for compiled access ---------------------------------------------------------------------------------------
    def read(self, keys: Keys, store: str | None = None, levels: int = 0) -> Any:
        """The value at a parsed path, ``levels`` flows further out. Waits for I/O where the store needs it."""
        context = self if levels == 0 else self.ancestor(levels)
        if context is None:
            return UNDEFINED
        value = self._store_of(store).get(context.scope, keys)
        return value if value is not UNDEFINED or context._seed is None else get_at(context._seed, keys)

    def write(self, keys: Keys, value: Any, store: str | None = None, levels: int = 0) -> bool:
        """Sets the value at a parsed path, ``levels`` flows further out; UNDEFINED deletes."""
        context = self if levels == 0 else self.ancestor(levels)
        if context is None:
            return False
        done = self._store_of(store).set(context.scope, keys, value)
        if self._contexts.listeners:
            self._contexts.changed(context.scope, store, keys)
        return done

    def ancestor(self, levels: int) -> Context | None:
        """The context of the flow around this flow, ``levels`` times; None outside of the outermost."""
        context: Context | None = self
        for _ in range(levels):
            context = context.parent if context is not None else None
        return context

    def _or_seed(self, value: Any, keys: Keys) -> Any:
        return get_at(self._seed, keys) if value is UNDEFINED and self._seed is not None else value

    def _with_seed(self, keys: list[str]) -> list[str]:
        exported = self._seed if self._seed and self._contexts.export_seed else ()
        return list(dict.fromkeys([*exported, *keys]))


def _some(keys: Sequence[str]) -> Sequence[str]:
    if not keys:
        raise ContextError("Invalid context key: the list of keys is empty")
    for key in keys:
        _parsed(key)
    return keys


def _pairs(keys: Sequence[str], values: Any) -> list[tuple[str, Any]]:
    given = list(values) if isinstance(values, (list, tuple)) else [values]
    return [(key, given[at] if at < len(given) else None) for at, key in enumerate(_some(keys))]


# -- all scopes ----------------------------------------------------------------------------------------------------
_STORE_NAME = re.compile(r"[a-zA-Z0-9_]+")


class Contexts:
    """All contexts of a runtime.

    ``storage`` is Node-RED's ``contextStorage``: ``{name: {"module": "memory" | "localfilesystem" | "redis",
    "config": {...}}}``, with ``default`` as one of the names or as the name of another; without it the first is the default.
    Empty: one memory store. ``seed`` holds values that the global context starts with: ``set`` hides them, ``keys``
    lists them when ``export_seed``. ``redis_url`` is the Redis of ``redis`` stores that
    name none. Raises ContextError for settings that name no store.
    """

    def __init__(
        self,
        storage: Mapping[str, Any] | None = None,
        user_dir: Path | None = None,
        seed: Mapping[str, Any] | None = None,
        *,
        export_seed: bool = True,
        redis_url: str = "",
    ) -> None:
        self.configured = bool(storage)
        """Whether stores were chosen. If not, the runtime deletes a node's context when it stops."""
        self.export_seed = export_seed
        self.listeners: tuple[Listener, ...] = ()
        self.stores, self.default = _make_stores(_completed(storage or {}, redis_url), user_dir)
        self._default_store = self.stores[self.default]
        self._warned: set[str] = set()
        self._views: dict[str, Context] = {GLOBAL: Context(self, GLOBAL, seed)}

    # -- scopes ----------------------------------------------------------------------------------------------------
    def global_(self) -> Context:
        """The context shared by all flows."""
        return self._views[GLOBAL]

    def flow(self, flow_id: str, parent_id: str | None = None) -> Context:
        """The context of a tab or subflow instance; ``parent_id`` (for an instance) is the flow that ``$parent.``
        means."""
        context = self._view(flow_id)
        if parent_id is not None:
            context.parent = self._view(parent_id)
        return context

    def node(self, node_id: str, flow_id: str | None = None) -> Context:
        """A node's own context; ``flow_id`` is its tab or subflow instance (none, or ``global``: a global config
        node)."""
        return self._view(node_id if flow_id in (None, "", GLOBAL) else f"{node_id}:{flow_id}")

    def _view(self, scope: str) -> Context:
        found = self._views.get(scope)
        if found is None:
            found = self._views[scope] = Context(self, scope)
        return found

    # -- stores ----------------------------------------------------------------------------------------------------
    def store(self, name: str | None = None) -> Store:
        """A store by name; the default one for None and, with one warning, for an unknown name."""
        if name is None:
            return self._default_store
        return self.stores.get(name) or self._unknown(name)

    def _unknown(self, name: str) -> Store:
        if name not in self._warned and name not in ("_", "default"):
            self._warned.add(name)
            log.warning("unknown context store %r%s: using %r", name, suggest(name, self.stores), self.default)
        return self._default_store

    async def open(self) -> None:
        """Opens all stores. Raises StorageError."""
        for store in self.stores.values():
            await store.open()

    async def close(self) -> None:
        """Closes all stores: what is pending is written."""
        for store in self.stores.values():
            await store.close()

    # -- life of scopes --------------------------------------------------------------------------------------------
    async def clean(self, active: Collection[str]) -> None:
        """Deletes the contexts of nodes and flows whose ids are not in ``active``, from all stores; never the global
        one."""
        for store in self.stores.values():
            await store.clean(active)
        for scope in [scope for scope in self._views if scope != GLOBAL and scope.partition(":")[0] not in active]:
            del self._views[scope]

    async def delete(self, scope: str) -> None:
        """Deletes everything in one scope, from all stores."""
        for name, store in self.stores.items():
            names = await store.keys_async(scope)
            await store.delete(scope)
            for key in names:
                self.changed(scope, name, (key,))

    # -- listening -------------------------------------------------------------------------------------------------
    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Calls ``listener(scope, store, top-level key)`` after each change; returns a function that ends it.

        A change made by mutating an object that ``get`` returned is not told.
        """
        self.listeners = (*self.listeners, listener)

        def unsubscribe() -> None:
            self.listeners = tuple(other for other in self.listeners if other is not listener)

        return unsubscribe

    def changed(self, scope: str, store: str | None, keys: Keys) -> None:
        """Tells the listeners of a change."""
        name = store if store is not None and store in self.stores else self.default
        for listener in self.listeners:
            listener(scope, name, str(keys[0]))


def _completed(storage: Mapping[str, Any], redis_url: str) -> dict[str, Any]:
    """The settings of all stores, those of Redis with the ``url`` to use."""
    return {name: _with_url(settings, redis_url) for name, settings in storage.items()}


def _with_url(settings: Any, redis_url: str) -> Any:
    if not isinstance(settings, Mapping) or settings.get("module") != "redis":
        return settings
    return {**settings, "config": {"url": redis_url, **(settings.get("config") or {})}}


def _make_stores(storage: Mapping[str, Any], user_dir: Path | None) -> tuple[dict[str, Store], str]:
    alias = storage.get("default")
    names = [name for name in storage if name != "_" and not (name == "default" and isinstance(alias, str))]
    if isinstance(alias, str) and alias not in names:
        raise ContextError(
            f"context storage: 'default' names {alias!r}, which is not configured{suggest(alias, names)}"
        )
    stores = {name: _make_store(name, storage[name], user_dir) for name in names}
    if not stores:
        return {"memory": MemoryStore()}, "memory"
    return stores, alias if isinstance(alias, str) else "default" if "default" in stores else names[0]


def _make_store(name: str, settings: Any, user_dir: Path | None) -> Store:
    if not _STORE_NAME.fullmatch(name):
        raise ContextError(f"context storage: the store name {name!r} may hold letters, digits and _ only")
    module = settings.get("module") if isinstance(settings, Mapping) else None
    if module is None:
        raise ContextError(f"context storage: store {name!r} names no 'module'; there are: {', '.join(_store_types)}")
    factory = module if callable(module) else _store_types.get(module)
    if factory is None:
        known = f"{suggest(module, _store_types)}; there are: {', '.join(_store_types)}"
        raise ContextError(f"context storage: store {name!r} has the unknown module {module!r}{known}")
    made: Store = factory(settings.get("config") or {}, user_dir)
    return made
