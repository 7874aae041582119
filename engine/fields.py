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
    """Source text in ``language`` (javascript, python, mustache, json, jsonata, ...), or in the one that another property,
    ``language_field``, names."""

    language: str
    language_field: str = ""

    def form(self) -> dict[str, Any]:
        named = {"languageField": self.language_field} if self.language_field else {}
        return {"widget": "code", "language": self.language, **named}


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


@dataclass(frozen=True)
class Choices:
    """What the choices of a field are called, by value."""

    labels: tuple[tuple[str, str], ...]

    def __init__(self, **labels: str) -> None:
        object.__setattr__(self, "labels", tuple(labels.items()))

    def form(self) -> dict[str, Any]:
        return {"labels": dict(self.labels)}


@dataclass(frozen=True)
class Stored:
    """What a new node stores in the flow file, where Node-RED writes the default in another form: the number 5 as ``"5"``."""

    value: Any

    def form(self) -> dict[str, Any]:
        return {"default": self.value}


@dataclass(frozen=True)
class ShownIf:
    """The field is shown only while another one has one of these values."""

    field: str
    values: tuple[Any, ...]

    def __init__(self, field: str, *values: Any) -> None:
        object.__setattr__(self, "field", field)
        object.__setattr__(self, "values", values)

    def form(self) -> dict[str, Any]:
        return {"visible": {"field": self.field, "in": list(self.values)}}


@dataclass(frozen=True)
class Hidden:
    """The field is kept in the flow file but has no place in the form: other fields or older files use it."""

    def form(self) -> dict[str, Any]:
        return {"hidden": True}


@dataclass(frozen=True)
class Column:
    """A part of each row of a list: the member ``name`` of the row, and what is edited there.

    ``part`` is what the part is called in the form. ``choices`` are value and label of each choice; ``hints`` are
    annotations as those of a field (:class:`TypedValue`, :class:`ShownIf` over members of the same row, ...).
    """

    name: str
    title: str
    part: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    hints: tuple[Any, ...] = ()

    def form(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"name": self.name, "title": self.title, "part": self.part or self.name}
        if self.choices:
            shown |= {"enum": [value for value, _ in self.choices], "labels": dict(self.choices)}
        for hint in self.hints:
            shown |= hint.form()
        return shown


@dataclass(frozen=True)
class Rows:
    """A list of rows, each an object with the members that the columns name. ``new`` are the members of a new row."""

    columns: tuple[Column, ...]
    new: tuple[tuple[str, Any], ...]

    def __init__(self, *columns: Column, **new: Any) -> None:
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "new", tuple(new.items()))

    def form(self) -> dict[str, Any]:
        return {"widget": "rows", "columns": [column.form() for column in self.columns], "new": dict(self.new)}
