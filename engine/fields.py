"""What a form needs to know about a field beyond its type: annotations for the fields of a :class:`~busway.engine.node.Config`.

property: Annotated[str, TypedValue("propertyType", "msg", "flow", "global")] = "payload"
password: Annotated[str, Credential("password")] = ""
timeout: Annotated[float, Unit("s")] = Field(30, title="Give up after")
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

TYPES = {
    "msg": "Message property",
    "flow": "Flow context",
    "global": "Global context",
    "str": "Text",
    "num": "Number",
    "bool": "True or false",
    "json": "JSON",
    "bin": "Bytes, as JSON",
    "re": "Regular expression",
    "date": "Time of now",
    "jsonata": "JSONata expression",
    "env": "Environment variable",
    "cred": "Secret",
}
"""The types of values that are the same in all nodes, and what forms call them."""


def _key(value: Any) -> str:
    """A choice as a key of an object in JSON."""
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class TypedValue:
    """A value whose type is kept in another property, as Node-RED stores them.

    Each type is a name, or a pair of name and label: the names of :data:`TYPES` have labels. ``fixed`` are those that need
    no value beside them, as pairs too.
    """

    type_field: str
    types: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    fixed: tuple[str, ...]

    def __init__(self, type_field: str, *types: str | tuple[str, str], fixed: tuple[tuple[str, str], ...] = ()) -> None:
        pairs = [kind if isinstance(kind, tuple) else (kind, TYPES.get(kind, kind)) for kind in (*types, *fixed)]
        object.__setattr__(self, "type_field", type_field)
        object.__setattr__(self, "types", tuple(name for name, _ in pairs))
        object.__setattr__(self, "labels", tuple(pairs))
        object.__setattr__(self, "fixed", tuple(name for name, _ in fixed))

    def form(self) -> dict[str, Any]:
        fixed = {"fixedTypes": list(self.fixed)} if self.fixed else {}
        types = {"types": list(self.types), "typeLabels": dict(self.labels)}
        return {"widget": "typed", "typeField": self.type_field, **types, **fixed}


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
class Placeholder:
    """An example, shown in the field while it is empty."""

    text: str

    def form(self) -> dict[str, Any]:
        return {"placeholder": self.text}


@dataclass(frozen=True)
class NodeIds:
    """A list of ids of other nodes (a catch node's scope, link targets); remapped on import and inside subflows.

    ``choices`` are value and label of what the property may hold in place of a list.
    """

    types: tuple[str, ...] = ()
    choices: tuple[tuple[Any, str], ...] = ()

    def form(self) -> dict[str, Any]:
        choices = [{"value": value, "label": label} for value, label in self.choices]
        return {"widget": "nodes", "types": list(self.types), **({"choices": choices} if choices else {})}


@dataclass(frozen=True)
class Widget:
    """A front-end widget of its own, chosen by name, for what a schema cannot say."""

    name: str

    def form(self) -> dict[str, Any]:
        return {"widget": self.name}


@dataclass(frozen=True)
class Choices:
    """What the choices of a field are called, by value; as pairs of value and label where a value is no name."""

    labels: tuple[tuple[Any, str], ...]

    def __init__(self, *pairs: tuple[Any, str], **labels: str) -> None:
        object.__setattr__(self, "labels", (*pairs, *labels.items()))

    def form(self) -> dict[str, Any]:
        return {"labels": {_key(value): label for value, label in self.labels}}


@dataclass(frozen=True)
class Stored:
    """What a new node stores in the flow file, where Node-RED writes the default in another form: the number 5 as ``"5"``."""

    value: Any

    def form(self) -> dict[str, Any]:
        return {"default": self.value}


@dataclass(frozen=True)
class When:
    """A condition: a property has one of these values. ``field`` may lead into it: ``rules.0.t``, ``rules.length``."""

    field: str
    values: tuple[Any, ...]

    def __init__(self, field: str, *values: Any) -> None:
        object.__setattr__(self, "field", field)
        object.__setattr__(self, "values", values)

    def condition(self) -> dict[str, Any]:
        return {"field": self.field, "in": list(self.values)}


@dataclass(frozen=True, init=False)
class ShownIf(When):
    """The field is shown only while another one has one of these values."""

    def form(self) -> dict[str, Any]:
        return {"visible": self.condition()}


@dataclass(frozen=True)
class Label:
    """A text on the canvas: a template over the properties, for a node that meets all conditions and has a value for each
    ``{name}`` in it."""

    text: str
    conditions: tuple[When, ...]

    def __init__(self, text: str, *conditions: When) -> None:
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "conditions", conditions)

    def form(self) -> dict[str, Any]:
        return {"text": self.text, "when": [condition.condition() for condition in self.conditions]}


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
    type: Literal["string", "number", "boolean"] = "string"

    def form(self) -> dict[str, Any]:
        part = self.part or self.name
        shown: dict[str, Any] = {"name": self.name, "title": self.title, "part": part, "type": self.type}
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


@dataclass(frozen=True)
class RowsFrom:
    """Some rows keep members in properties of the node: a row whose member ``by`` is a key of ``kept`` has the named members
    in the named properties, where it lacks them itself."""

    by: str
    kept: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]

    def __init__(self, by: str, **kept: dict[str, str]) -> None:
        object.__setattr__(self, "by", by)
        object.__setattr__(self, "kept", tuple((key, tuple(names.items())) for key, names in kept.items()))

    def form(self) -> dict[str, Any]:
        return {"rowsFrom": {"by": self.by, "kept": {key: dict(names) for key, names in self.kept}}}


@dataclass(frozen=True)
class Pairs:
    """An object, edited as rows of a name and a value, which are called so in the form."""

    name: str = "Name"
    value: str = "Value"

    def form(self) -> dict[str, Any]:
        columns = [Column("key", self.name).form(), Column("value", self.value).form()]
        return {"widget": "pairs", "columns": columns}


@dataclass(frozen=True)
class Items:
    """A list of texts, edited as rows of one; ``name`` is what each is called."""

    name: str

    def form(self) -> dict[str, Any]:
        return {"widget": "items", "columns": [Column("item", self.name).form()]}
