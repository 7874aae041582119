"""The kept deploys: every version of the flows that ran, with who deployed it, when, how, and what it changed.

In a folder: the flows of each version in ``<revision>.json.gz`` (named by content, so that the same flows deployed again take no
more room), and ``index.json``, oldest deploy first. A crash at any moment leaves the index before or after the deploy: a version
is written before the index names it, and removed after.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import jsontext
from .diff import diff
from .errors import StorageError
from .files import read, write_atomic
from .model import FlowModel

log = logging.getLogger("busway.storage")

_PRIVATE = 0o600
_FASTEST = 1
_DAMAGED = (gzip.BadGzipFile, EOFError, OSError)


@dataclass(frozen=True, slots=True)
class KeptDeploy:
    """A kept deploy.

    When (ISO 8601, UTC), by whom ("" is unknown), the revision of the flows, the type of the deploy (``full``, ``flows``,
    ``nodes``, ``reload``, ``restore`` into the file; "" where it was none), and how many nodes it added, changed, removed, rewired
    and moved.
    """

    when: str
    user: str
    revision: str
    type: str = ""
    changes: dict[str, int] = field(default_factory=dict)


def counts(before: FlowModel, after: FlowModel) -> dict[str, int]:
    """How many nodes were added, changed, removed, rewired and moved, and how many tabs, groups and subflows are touched."""
    found = diff(before, after)
    numbers = {name: len(getattr(found, name)) for name in ("added", "changed", "removed", "rewired", "moved")}
    for name in ("tabs", "groups", "subflows"):
        parts = getattr(found, name)
        numbers[name] = len(parts.added | parts.changed | parts.removed)
    return {name: number for name, number in numbers.items() if number}


class NotKept(StorageError):
    """No kept deploy, or more than one, has the revision that was asked for."""


class History:
    """The kept deploys in ``folder``: the last ``length``, fewer where they take more than ``size`` bytes, at least one.

    Its functions block; the caller sees to it that one runs at a time.
    """

    def __init__(self, folder: Path, length: int, size: int) -> None:
        self.folder, self.length, self.size = folder, length, size
        self._index = folder / "index.json"

    def add(self, content: bytes, deploy: KeptDeploy) -> None:
        """Keeps a deploy of the flow file ``content``. A history that cannot be written costs a warning, never the deploy."""
        if self.length < 1:
            return
        try:
            self._add(content, deploy)
        except StorageError as error:
            log.warning("the deploy is saved but not kept in the history: %s", error)

    def entries(self) -> list[KeptDeploy]:
        """The kept deploys, oldest first. Raises StorageError when the index is damaged."""
        content = read(self._index)
        try:
            return [KeptDeploy(**entry) for entry in json.loads(content)] if content else []
        except (ValueError, TypeError) as error:
            raise StorageError(f"{self._index} is damaged ({error}); move it away to start a new history") from None

    def newest(self) -> str:
        """The revision deployed last, "" when there is none or the index is damaged."""
        try:
            entries = self.entries()
        except StorageError:
            return ""
        return entries[-1].revision if entries else ""

    def find(self, revision: str) -> tuple[KeptDeploy, KeptDeploy | None]:
        """The last deploy of a revision, given whole or by its beginning, and the deploy before it.

        Raises NotKept when no revision, or more than one, begins so, StorageError when the index is damaged.
        """
        entries = self.entries()
        found = {entry.revision for entry in entries if revision and entry.revision.startswith(revision)}
        if len(found) != 1:
            what = "no kept deploy has" if not found else f"{len(found)} kept deploys have"
            raise NotKept(f"{what} a revision that begins with {revision!r}; the history lists those there are")
        at = max(i for i, entry in enumerate(entries) if entry.revision in found)
        return entries[at], entries[at - 1] if at else None

    def content(self, revision: str) -> bytes:
        """The flow file of a kept deploy. Raises StorageError."""
        path = self._path(self.find(revision)[0].revision)
        packed = read(path)
        if packed is None:
            raise StorageError(f"{path} is missing, so this deploy cannot be restored")
        try:
            return gzip.decompress(packed)
        except _DAMAGED as error:
            raise StorageError(f"{path} is damaged ({error}), so this deploy cannot be restored") from None

    def _add(self, content: bytes, deploy: KeptDeploy) -> None:
        path = self._path(deploy.revision)
        if not path.exists():
            write_atomic(path, gzip.compress(content, _FASTEST), _PRIVATE)
        kept = self._bounded([*self._entries_or_new(), deploy])
        write_atomic(self._index, jsontext.kept([asdict(entry) for entry in kept], pretty=True), _PRIVATE)
        wanted = {self._path(entry.revision) for entry in kept}
        for file in self.folder.glob("*.json.gz*"):  # also what an interrupted write has left
            if file not in wanted:
                file.unlink(missing_ok=True)

    def _entries_or_new(self) -> list[KeptDeploy]:
        try:
            return self.entries()
        except StorageError as error:
            aside = self._index.with_name("index.damaged")
            log.warning("%s; it is now %s", error, aside)
            os.replace(self._index, aside)
            return []

    def _bounded(self, deploys: list[KeptDeploy]) -> list[KeptDeploy]:
        """The newest that fit the bounds, at least one."""
        kept: list[KeptDeploy] = []
        sizes: dict[str, int] = {}
        for deploy in reversed(deploys[-self.length :]):
            path = self._path(deploy.revision)
            sizes[deploy.revision] = path.stat().st_size if path.exists() else 0
            if kept and sum(sizes.values()) > self.size:
                break
            kept.insert(0, deploy)
        return kept

    def _path(self, revision: str) -> Path:
        return self.folder / f"{revision}.json.gz"
