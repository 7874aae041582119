"""``busway check``: what can be said of flow files without running them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .engine.configure import fields_of, references_of
from .engine.errors import FlowFileError, suggest
from .engine.graph import Problem, check
from .engine.model import FlowModel, NodeDef
from .engine.node import ConfigNode
from .engine.registry import Registry
from .engine.settings import load_settings
from .palette import node_folders

EVERY_NODE = {
    "id",
    "type",
    "z",
    "g",
    "d",
    "l",
    "x",
    "y",
    "name",
    "wires",
    "info",
    "icon",
    "inputLabels",
    "outputLabels",
    "credentials",
}


@dataclass(frozen=True)
class Finding:
    """One finding in one file."""

    file: str
    level: str
    code: str
    node: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.level}: {self.message}"

    def as_dict(self) -> dict[str, str]:
        """For ``--json``."""
        return asdict(self)


def check_files(paths: Iterable[Path], user_dir: Path | None = None) -> list[Finding]:
    """All findings of all flow files; folders are searched for ``*.json``."""
    settings = load_settings(user_dir)
    files = [file for path in paths for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    registries = {file.parent: Registry(*node_folders(settings.user_dir, file), *settings.nodes_dir) for file in files}
    return [finding for file in files for finding in check_file(file, registries[file.parent])]


def check_file(path: Path, registry: Registry) -> list[Finding]:
    """The findings of one flow file."""
    try:
        model = FlowModel.parse(path.read_bytes())
    except FlowFileError as error:
        return [Finding(str(path), "error", "unreadable", "", str(error))]
    problems = check(model, registry.knows, lambda type: _references(registry, type))
    found = [_finding(path, problem) for problem in problems]
    found.extend(_without_position(path, model, registry))
    for definition in (*model.nodes.values(), *model.configs.values()):
        found.extend(_unknown_properties(path, definition, registry))
    return found + [Finding(str(path), "warning", "unanswered", node, text) for node, text in unanswered_actions(model)]


def _finding(path: Path, problem: Problem) -> Finding:
    return Finding(str(path), problem.level, problem.code, problem.node or "", problem.message)


def _references(registry: Registry, type: str) -> dict[str, str]:
    cls = registry.get(type)
    return {key: ref.type for key, ref in references_of(cls.config_class).items()} if cls is not None else {}


def _without_position(path: Path, model: FlowModel, registry: Registry) -> Iterable[Finding]:
    """Nodes that the rule of flow files (no position: a config node) keeps out of the flow by mistake."""
    for definition in model.configs.values():
        cls = registry.get(definition.type)
        if cls is not None and not issubclass(cls, ConfigNode):
            text = f"{definition.type} {definition.id} has no position (x and y), so it gets no messages; give it one"
            yield Finding(str(path), "warning", "no-position", definition.id, text)


def _unknown_properties(path: Path, definition: NodeDef, registry: Registry) -> Iterable[Finding]:
    """Properties that look like a slip of the pen: unknown, and near a known one that is absent."""
    cls = registry.get(definition.type) if not definition.is_subflow_instance else None
    if cls is None:
        return
    known = {use.key for use in fields_of(cls.config_class)}
    for key in definition.raw:
        if key in known or key in EVERY_NODE or key.startswith("_"):
            continue
        hint = suggest(key, known - set(definition.raw))
        if hint:
            text = f"node {definition.id} ({definition.type}): {key!r} is not a property{hint} It has: {', '.join(sorted(known))}"
            yield Finding(str(path), "warning", "unknown-property", definition.id, text)


def unanswered_actions(model: FlowModel) -> list[tuple[str, str]]:
    """ocpp-in nodes from which no wire leads to an ocpp-out: their CALLs get NotImplemented."""
    found = []
    for definition in model.nodes.values():
        if definition.type == "ocpp-in" and not _reaches(model, definition, "ocpp-out"):
            text = f"node {definition.id} (ocpp-in): no wire leads to an ocpp-out, so stations get NotImplemented; wire its branches to one"
            found.append((definition.id, text))
    return found


def _reaches(model: FlowModel, start: NodeDef, type: str) -> bool:
    seen: set[str] = set()
    waiting: list[Any] = [start.id]
    while waiting:
        id = waiting.pop()
        definition = model.nodes.get(id)
        if id in seen or definition is None:
            continue
        seen.add(id)
        if definition.type == type or definition.is_subflow_instance or definition.type in ("link out", "link call"):
            return True
        waiting.extend(target for wires in definition.wires for target in wires)
    return False
