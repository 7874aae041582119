"""Libraries of flows, functions and templates that editors import from and export to: folders of files.

An entry of a library of texts begins with its properties, one a line, as ``// name: value``; that is Node-RED's form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from . import jsontext
from .errors import BuswayError, StorageError
from .files import read, write_atomic

TYPES = ("flows", "functions", "templates")
"""What a library may hold; flows are JSON, the others are texts."""
_PROPERTY = re.compile(r"// (\w+): (.*)")
_PROPERTY_NAME = re.compile(r"\w+", re.ASCII)


class LibraryError(BuswayError):
    """An entry is not there, or is not what a library holds."""


class ForbiddenPath(BuswayError):
    """A path leads out of its library, or the library is read-only."""


@dataclass(frozen=True)
class Library:
    """A folder with a folder for each of ``types`` in it; ``flat`` means that ``root`` itself is the only type's folder."""

    id: str
    root: Path
    label: str
    icon: str
    types: tuple[str, ...] = TYPES
    read_only: bool = False
    flat: bool = False

    def get(self, type: str, path: str) -> list[Any] | str:
        """What is at a path: of a folder the names of its folders, then ``{fn: name, ...properties}`` of its files; of a
        file the text without its properties. Raises LibraryError, ForbiddenPath, StorageError."""
        found = self._path(type, path)
        if found.is_dir() or (not path.strip("/") and not found.exists()):
            return _listed(found, type) if found.is_dir() else []
        return _split(_text(found, path), type)[0]

    def put(self, type: str, path: str, text: str, properties: Mapping[str, str]) -> None:
        """Keeps an entry, in folders that are made as needed. Raises LibraryError, ForbiddenPath, StorageError."""
        if self.read_only:
            raise ForbiddenPath(f"library {self.id!r} is read-only")
        found = self._path(type, path if type != "flows" or path.endswith(".json") else f"{path}.json")
        if not path.strip("/") or found.is_dir():
            raise LibraryError(f"{path!r} is a folder; name a file in it")
        lines = [_property_line(name, value) for name, value in properties.items()]
        write_atomic(found, "".join([*lines, text]).encode())

    def _path(self, type: str, path: str) -> Path:
        """The file of an entry. Raises LibraryError for a type that this library does not hold, ForbiddenPath."""
        if type not in self.types:
            raise LibraryError(f"Unknown library type: {type}")
        parts = PurePosixPath(path.strip("/")).parts
        if ".." in path.split("/") or "\\" in path or "\0" in path or any(part.startswith(".") for part in parts):
            raise ForbiddenPath(f"{path!r} leads out of the library or names a hidden file")
        root = (self.root if self.flat else self.root / type).resolve()
        found = root.joinpath(*parts).resolve()
        if not found.is_relative_to(root):
            raise ForbiddenPath(f"{path!r} leads out of the library")
        return found


def local_library(user_dir: Path) -> Library:
    """The user's own, in ``lib`` of the user directory."""
    return Library("local", user_dir / "lib", "editor:library.types.local", "font-awesome/fa-hdd-o")


def examples() -> Library:
    """The flows that come with Busway."""
    root = Path(__file__).resolve().parents[1] / "flows"
    label, icon = "editor:library.types.examples", "font-awesome/fa-life-ring"
    return Library("examples", root, label, icon, types=("flows",), read_only=True, flat=True)


def _listed(folder: Path, type: str) -> list[Any]:
    try:
        shown = [item for item in sorted(folder.iterdir()) if not item.name.startswith((".", "_"))]
        folders: list[Any] = [item.name for item in shown if item.is_dir() and _holds(item, type)]
        files = [item for item in shown if item.is_file() and _belongs(item, type)]
        return folders + [{**_split(_text(item, item.name), type)[1], "fn": item.name} for item in files]
    except OSError as error:
        raise StorageError(f"{folder} cannot be read: {error.strerror}") from error


def _holds(folder: Path, type: str) -> bool:
    """Folders with nothing but files of another kind are not shown; empty ones are."""
    items = [item for item in folder.iterdir() if not item.name.startswith((".", "_"))]
    return not items or any(item.is_dir() or _belongs(item, type) for item in items)


def _belongs(file: Path, type: str) -> bool:
    return type != "flows" or file.suffix == ".json"


def _text(file: Path, path: str) -> str:
    if file.is_dir():
        raise LibraryError(f"{path!r} is a folder")
    try:
        content = read(file)
    except ValueError as error:
        raise LibraryError(f"{path!r} is no path: {error}") from None
    if content is None:
        raise LibraryError(f"there is no entry {path!r}")
    return content.decode("utf-8", "replace")


def _split(text: str, type: str) -> tuple[str, dict[str, str]]:
    """The text of a file, and the properties that stand before it."""
    properties: dict[str, str] = {}
    while type != "flows" and (found := _PROPERTY.match(text)):
        properties[found[1]] = found[2]
        text = text[found.end() :].removeprefix("\r").removeprefix("\n")
    return text, properties


def _property_line(name: str, value: str) -> str:
    if not _PROPERTY_NAME.fullmatch(name):
        raise LibraryError(f"{name!r} is no name of a property; letters, digits and _ are allowed")
    if "\n" in value or "\r" in value:
        raise LibraryError(f"property {name!r} has more than one line")
    return f"// {name}: {value}\n"


def flows_text(flows: Any) -> str:
    """Flows as the text of an entry."""
    return jsontext.kept(flows).decode()
