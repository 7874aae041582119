"""Which node types exist: built in, from entry points (group ``busway.nodes``), from the user's folder.

Modules are imported when a flow first needs one of their types: a scan of the source for ``type = "..."`` tells where each
built-in type lives, so that a start pays only for what it uses.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import BuswayError
from .node import Node

NodeClass = type[Node[Any]]
_TYPE_LINE = re.compile(r'^    type(?:: ClassVar\[str\])? = "([^"]+)"', re.MULTILINE)
ENTRY_POINTS = "busway.nodes"


class NodeTypeError(BuswayError):
    """A module of nodes cannot be imported, or offers no node class of the type it declares."""


@dataclass
class Place:
    """Where a node type comes from."""

    type: str
    module: str
    path: Path | None
    kind: str
    """``core``, ``module`` (entry point) or ``user``."""


class Registry:
    """Finds node classes by type name. Each of ``folders`` may hold nodes of the user's own, one module each."""

    def __init__(self, *folders: Path, packages: Iterable[str] = ("busway.nodes",)) -> None:
        self.folders = tuple(dict.fromkeys(folder.resolve() for folder in folders))
        self.errors: dict[str, str] = {}
        """Why a type or module could not be loaded, by type or module name."""
        self.disabled: frozenset[str] = frozenset()
        """Types that are switched off: flows see them as missing. See :meth:`switch`."""
        self._classes: dict[str, NodeClass] = {}
        self._places: dict[str, Place] = {}
        self._entry_points_read = False
        for package in packages:
            self._index_package(package)
        self._index_folders()

    # -- questions --------------------------------------------------------------------------------------------------
    def get(self, type: str) -> NodeClass | None:
        """The class of a node type, imported now if need be; None when there is none, it is broken (see ``errors``) or
        switched off."""
        if type in self.disabled:
            return None
        found = self._classes.get(type)
        if found is not None:
            return found
        if type not in self._places:
            self._read_entry_points()
        if type in self._classes:
            return self._classes[type]
        return self._import(type) if type in self._places else None

    def knows(self, type: str) -> bool:
        """Whether ``type`` can be built, without importing it when it is built in."""
        if type in self.disabled:
            return False
        return type in self._classes or type in self._places or self.get(type) is not None

    def types(self) -> list[str]:
        """Every known type name, built-in ones first."""
        self._read_entry_points()
        return list(dict.fromkeys([*self._places, *self._classes]))

    def place(self, type: str) -> Place | None:
        """Where a type comes from."""
        return self._places.get(type)

    def all(self) -> list[NodeClass]:
        """Every node class that can be imported; what cannot is in ``errors``."""
        return [cls for name in self.types() if (cls := self.get(name)) is not None]

    # -- adding -----------------------------------------------------------------------------------------------------
    def add(self, cls: NodeClass, kind: str = "module") -> None:
        """Registers a class by hand (tests, entry points)."""
        self._classes[cls.type] = cls
        file = inspect.getsourcefile(cls)
        self._places.setdefault(cls.type, Place(cls.type, cls.__module__, Path(file) if file else None, kind))

    def switch(self, types: Iterable[str], enabled: bool) -> None:
        """Switches types on or off."""
        self.disabled = self.disabled - set(types) if enabled else self.disabled | set(types)

    def reload_folders(self) -> set[str]:
        """Reads the user's folders anew; returns the types whose code was added, changed or removed."""
        before = {name: place for name, place in self._places.items() if place.kind == "user"}
        for name, place in before.items():
            del self._places[name]
            self._classes.pop(name, None)
            sys.modules.pop(place.module, None)
        self.errors = {k: v for k, v in self.errors.items() if k not in before}
        self._index_folders()
        after = {name for name, place in self._places.items() if place.kind == "user"}
        return set(before) | after

    # -- finding ----------------------------------------------------------------------------------------------------
    def _index_package(self, package: str) -> None:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            root = Path(folder)
            for path in sorted(root.glob("*/*.py")):
                self._index_file(path, ".".join((package, path.parent.name, path.stem)), "core")

    def _index_folders(self) -> None:
        for path in (path for folder in self.folders for path in sorted(folder.glob("*.py"))):
            if not path.name.startswith("test_"):
                self._index_file(path, f"busway_user_nodes.{path.stem}", "user")

    def _index_file(self, path: Path, module: str, kind: str) -> None:
        for name in _TYPE_LINE.findall(path.read_text(encoding="utf-8", errors="replace")):
            self._places[name] = Place(name, module, path, kind)

    def _read_entry_points(self) -> None:
        if self._entry_points_read:
            return
        self._entry_points_read = True
        from importlib.metadata import entry_points

        for point in entry_points(group=ENTRY_POINTS):
            try:
                loaded = point.load()
            except Exception as error:
                self.errors[point.name] = f"entry point {point.name} ({point.value}): {error}"
                continue
            for cls in _classes_of(loaded):
                self.add(cls)

    def _import(self, type: str) -> NodeClass | None:
        place = self._places[type]
        try:
            module = _load_file(place) if place.kind == "user" else importlib.import_module(place.module)
        except Exception as error:
            self.errors[type] = f"{place.path or place.module}: {error.__class__.__name__}: {error}"
            return None
        for cls in _classes_of(module):
            self._classes[cls.type] = cls
        if type not in self._classes:
            self.errors[type] = f"{place.path}: no Node class with type {type!r} in it"
        return self._classes.get(type)


def _load_file(place: Place) -> ModuleType:
    if place.path is None:
        raise NodeTypeError(f"{place.module} has no file")
    spec = importlib.util.spec_from_file_location(place.module, place.path)
    if spec is None or spec.loader is None:
        raise NodeTypeError(f"{place.path} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[place.module] = module
    spec.loader.exec_module(module)
    return module


def _classes_of(found: Any) -> list[NodeClass]:
    """The node classes in a module, or the class itself, or what a callable returns."""
    if inspect.isclass(found) and issubclass(found, Node):
        return [found]
    if isinstance(found, ModuleType):
        members: Iterable[Any] = vars(found).values()
        return [m for m in members if _is_node_class(m) and m.__module__ == found.__name__]
    if isinstance(found, Callable):  # type: ignore[arg-type]
        return [m for m in found() if _is_node_class(m)]
    raise NodeTypeError(f"{found!r} is neither a module nor a Node class")


def _is_node_class(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, Node) and "type" in vars(value)
