"""What ``busway nodes list`` and ``show`` print."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from .engine.configure import form_of
from .engine.errors import BuswayError, suggest
from .engine.registry import NodeClass, Registry
from .engine.settings import load_settings


def describe_all(user_dir: Path | None) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Every node type with its category and first sentence, and what could not be loaded."""
    registry = _registry(user_dir)
    rows = [{"type": cls.type, "category": cls.category, "summary": _summary(cls)} for cls in registry.all()]
    return sorted(rows, key=lambda row: (row["category"], row["type"])), registry.errors


def describe(type: str, user_dir: Path | None) -> dict[str, Any]:
    """One node type with its properties and help. Raises BuswayError when there is none."""
    registry = _registry(user_dir)
    cls = registry.get(type)
    if cls is None:
        why = registry.errors.get(type) or f"there is no node type {type!r}{suggest(type, registry.types())}"
        raise BuswayError(why)
    place = registry.place(type)
    return {
        "type": cls.type,
        "category": cls.category,
        "inputs": cls.inputs,
        "outputs": cls.outputs,
        "file": str(place.path) if place is not None else None,
        "properties": form_of(cls.config_class),
        "help": inspect.cleandoc(cls.__doc__ or ""),
    }


def render(found: dict[str, Any]) -> str:
    """The description as text for a terminal."""
    lines = [
        f"{found['type']}  ({found['category']}; inputs {found['inputs']}, outputs {found['outputs']})",
        "",
        found["help"],
        "",
    ]
    for field in found["properties"]:
        lines.append(f"  {field['name']:<18} {field['default']!r}  {field.get('title', '')}")
        if field.get("description"):
            lines.append(f"  {'':<18} {field['description']}")
    return "\n".join(lines)


def node_folders(user_dir: Path, flow_file: Path | None = None) -> list[Path]:
    """Where custom nodes are looked for: in the user directory, and beside the flow file."""
    return [user_dir / "nodes"] + ([flow_file.parent / "nodes"] if flow_file is not None else [])


def _registry(user_dir: Path | None) -> Registry:
    settings = load_settings(user_dir)
    return Registry(*node_folders(settings.user_dir), *settings.nodes_dir)


def _summary(cls: NodeClass) -> str:
    return (cls.__doc__ or "").strip().split("\n", 1)[0]
