"""What a form needs to know about a field beyond its type: annotations for the fields of a :class:`~busway.engine.node.Config`.

property: Annotated[str, TypedValue("propertyType", "msg", "flow", "global")] = "payload"
password: Annotated[str, Credential("password")] = ""
timeout: Annotated[float, Unit("s")] = Field(30, title="Give up after")
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class TypedValue:
    """A value whose type is kept in another property, as Node-RED stores them. ``types`` lists the allowed ones."""

    type_field: str
    types: tuple[str, ...]

    def __init__(self, type_field: str, *types: str) -> None:
        object.__setattr__(self, "type_field", type_field)
        object.__setattr__(self, "types", types)

    def form(self) -> dict[str, Any]:
        return {"widget": "typed", "typeField": self.type_field, "types": list(self.types)}


@dataclass(frozen=True)
class PropertyPath:
    """A property path; ``root`` says of what (``msg``, ``flow``, ``global``)."""

    root: str = "msg"

    def form(self) -> dict[str, Any]:
        return {"widget": "path", "root": self.root}


@dataclass(frozen=True)
class Code:
    """Source text in ``language`` (javascript, python, mustache, json, jsonata, ...)."""

    language: str

    def form(self) -> dict[str, Any]:
        return {"widget": "code", "language": self.language}


@dataclass(frozen=True)
class Credential:
    """A secret: kept in the credentials file, never in the flow file. ``password`` is write-only, ``text`` can be read back."""

    kind: Literal["text", "password"] = "password"

    def form(self) -> dict[str, Any]:
        return {"widget": "credential", "kind": self.kind}


@dataclass(frozen=True)
class Unit:
    """The unit of a number, shown behind the field."""

    name: str

    def form(self) -> dict[str, Any]:
        return {"unit": self.name}


@dataclass(frozen=True)
class NodeIds:
    """A list of ids of other nodes (a catch node's scope, link targets); remapped on import and inside subflows."""

    types: tuple[str, ...] = ()

    def form(self) -> dict[str, Any]:
        return {"widget": "nodes", "types": list(self.types)}


@dataclass(frozen=True)
class Widget:
    """A front-end widget of its own, chosen by name, for what a schema cannot say."""

    name: str

    def form(self) -> dict[str, Any]:
        return {"widget": self.name}
