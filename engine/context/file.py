"""Context in files, in Node-RED's ``localfilesystem`` layout.

    <folder>/global/global.json    <folder>/<flow>/flow.json    <folder>/<flow>/<node>.json

With a cache (the default) all files are read at the start, access is to memory, and what changed is written some
seconds later and at the end. Without, every access reads or writes its file.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ..errors import ContextError, StorageError
from ..message import Keys, copy_value, get_at, new_id, set_at
from .jsonable import Circular, values_text
from .memory import MemoryStore
from .store import GLOBAL, Change, Store

log = logging.getLogger("busway.context")

FLUSH_INTERVAL = 30.0


def file_store(config: Mapping[str, Any], user_dir: Path | None) -> Store:
    """A store from its settings: ``dir`` (default: the user directory), ``base`` (``context``), ``cache`` (true),
    ``flushInterval`` (seconds, 30). Raises ContextError when there is no folder to keep the files in."""
    parent = config.get("dir") or user_dir
    if parent is None:
        raise ContextError("context storage: a localfilesystem store needs a 'dir', or a user directory")
    folder = Path(parent) / str(config.get("base") or "context")
    if config.get("cache", True):
        return CachedFileStore(folder, _seconds(config.get("flushInterval", FLUSH_INTERVAL)))
    return FileStore(folder)


def _seconds(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ContextError(f"context storage: 'flushInterval' is {value!r}; it has to be a number of seconds") from None


# -- files ---------------------------------------------------------------------------------------------------------
_RESERVED = {"", GLOBAL, "flow"}


def _file_name(id: str) -> str:
    """An id as a file name: ids of flow files are any text. Reserved and hidden names are escaped too."""
    name = quote(id, safe="", errors="surrogatepass")
    if name in _RESERVED:
        return "".join(f"%{byte:02X}" for byte in id.encode()) or "%"
    return f"%2E{name[1:]}" if name.startswith(".") else name


def _id_of(name: str) -> str:
    return unquote(name, errors="surrogatepass") if name != "%" else ""


def scope_path(folder: Path, scope: str) -> Path:
    """The file of a scope."""
    if scope == GLOBAL:
        return folder / GLOBAL / "global.json"
    node, _, flow = scope.rpartition(":")
    return folder / _file_name(flow) / (f"{_file_name(node)}.json" if node else "flow.json")


def scopes_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """The scopes that have files, with those."""
    for path in sorted(folder.glob("[!.]*/*.json")):
        flow, name = _id_of(path.parent.name), _id_of(path.stem)
        if path.parent.name == GLOBAL:
            yield GLOBAL, path
        else:
            yield flow if path.name == "flow.json" else f"{name}:{flow}", path


def read_values(path: Path) -> dict[str, Any]:
    """The values in a context file; none when there is no file.

    A file that is not a JSON object is set aside with a new name and told in the log, so that nothing is lost and
    flows start. Raises StorageError when the file cannot be read.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StorageError(f"cannot read the context file {path}: {error}") from error
    try:
        values = json.loads(text or b"{}")
    except (ValueError, RecursionError) as error:
        return _set_aside(path, str(error))
    return values if isinstance(values, dict) else _set_aside(path, "it holds no object")


def _set_aside(path: Path, reason: str) -> dict[str, Any]:
    aside = path.with_name(f"{path.name}.broken-{new_id()}")
    path.replace(aside)
    log.error(
        "the context file %s is not usable (%s): kept as %s, starting without its values", path, reason, aside.name
    )
    return {}


def write_text(path: Path, text: bytes) -> None:
    """Replaces a file in one step: a crash leaves the old content or the new. Raises StorageError."""
    temporary = path.with_name(f".{path.name}.{new_id()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StorageError(f"cannot write the context file {path}: {error}") from error


# -- stores --------------------------------------------------------------------------------------------------------
class CachedFileStore(MemoryStore):
    """Values in memory, written ``flush_interval`` seconds after the first change and at the end."""

    def __init__(self, folder: Path, flush_interval: float = FLUSH_INTERVAL) -> None:
        super().__init__()
        self.folder, self.flush_interval = folder, max(0.0, flush_interval)
        self._dirty: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._circular = Circular()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        for scope, path in await asyncio.to_thread(lambda: list(scopes_in(self.folder))):
            self.data.setdefault(scope, {}).update(await asyncio.to_thread(read_values, path))

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._loop = None
        await self.flush()

    def set(self, scope: str, keys: Keys, value: Any) -> bool:
        done = super().set(scope, keys, value)
        self._dirty.add(scope)
        if self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(self.flush_interval, self._flush_soon)
        return done

    def _flush_soon(self) -> None:
        self._timer = None
        if self._loop is not None:
            self._writing = self._loop.create_task(self._flush_and_tell())

    async def _flush_and_tell(self) -> None:
        try:
            await self.flush()
        except StorageError as error:
            log.error("%s; it is tried again with the next change", error)

    async def flush(self) -> None:
        """Writes what changed. Raises StorageError; what was not written stays pending."""
        async with self._lock:
            while self._dirty:
                scope = self._dirty.pop()
                text, circular = values_text(self.data.get(scope, {}))
                self._circular.tell(scope, circular)
                try:
                    await asyncio.to_thread(write_text, scope_path(self.folder, scope), text)
                except StorageError:
                    self._dirty.add(scope)
                    raise

    async def delete(self, scope: str) -> None:
        await super().delete(scope)
        async with self._lock:
            self._dirty.discard(scope)
            await asyncio.to_thread(scope_path(self.folder, scope).unlink, missing_ok=True)

    async def clean(self, active: Collection[str]) -> None:
        await super().clean(active)
        async with self._lock:
            self._dirty &= self.data.keys()
            await asyncio.to_thread(_remove_stale, self.folder, active)


class FileStore(Store):
    """Every access reads or writes the file of its scope: for values that are too large to keep in memory."""

    asynchronous = True
    refusal = "File Store cache disabled - only asynchronous access supported"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._turn = asyncio.Lock()  # coroutines get their turn in the order they asked
        self._file = threading.Lock()
        self._circular = Circular()

    def get(self, scope: str, keys: Keys) -> Any:
        with self._file:
            return get_at(read_values(scope_path(self.folder, scope)), keys)

    def set(self, scope: str, keys: Keys, value: Any) -> bool:
        path = scope_path(self.folder, scope)
        with self._file:
            values = read_values(path)
            done = set_at(values, keys, value)
            text, circular = values_text(values)
            self._circular.tell(scope, circular)
            write_text(path, text)
        return done

    def keys(self, scope: str) -> list[str]:
        with self._file:
            return list(read_values(scope_path(self.folder, scope)))

    async def get_async(self, scope: str, keys: Keys) -> Any:
        async with self._turn:
            return await asyncio.to_thread(self.get, scope, keys)

    async def set_async(self, scope: str, keys: Keys, value: Any) -> bool:
        kept_value = copy_value(value)
        async with self._turn:
            return await asyncio.to_thread(self.set, scope, keys, kept_value)

    async def keys_async(self, scope: str) -> list[str]:
        async with self._turn:
            return await asyncio.to_thread(self.keys, scope)

    async def update_async(self, scope: str, keys: Keys, change: Change) -> Any:
        # Not in a thread: ``change`` belongs to a node, and whoever cannot wait must not write in between.
        async with self._turn:
            return self.update(scope, keys, change)

    async def delete(self, scope: str) -> None:
        async with self._turn:
            await asyncio.to_thread(scope_path(self.folder, scope).unlink, missing_ok=True)

    async def clean(self, active: Collection[str]) -> None:
        async with self._turn:
            await asyncio.to_thread(_remove_stale, self.folder, active)


def _remove_stale(folder: Path, active: Collection[str]) -> None:
    """Removes the files of nodes, and the folders of flows, that are no longer in use."""
    for scope, path in list(scopes_in(folder)):
        node, _, flow = scope.rpartition(":")
        if scope == GLOBAL:
            continue
        if flow not in active:
            shutil.rmtree(path.parent, ignore_errors=True)
        elif node and node not in active:
            path.unlink(missing_ok=True)
