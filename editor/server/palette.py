"""Node types as data for an editor: look, ports, form, schema, help. No type is known by name."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from busway.engine.configure import credentials_of, form_of, references_of
from busway.engine.node import Config, ConfigNode
from busway.engine.registry import NodeClass, Place

_FROM_SCHEMA = ("type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "anyOf", "items")


def describe_type(cls: NodeClass, place: Place | None) -> dict[str, Any]:
    """Everything an editor has to know of a node type."""
    names = list(cls.outputs) if isinstance(cls.outputs, tuple) else None
    is_config = issubclass(cls, ConfigNode)
    return {
        "type": cls.type,
        "category": cls.category,
        "color": cls.color,
        "icon": cls.icon,
        "label": cls.label,
        "labels": [label.form() for label in cls.labels],
        "paletteLabel": cls.palette_label or cls.type,
        "align": cls.align,
        "inputs": cls.inputs,
        "outputs": len(names) if names is not None else cls.outputs,
        "outputNames": names,
        "outputRule": output_rule(cls),
        "button": cls.button,
        "inPalette": cls.in_palette and not is_config,
        "isConfig": is_config,
        "kind": place.kind if place is not None else "module",
        "fields": fields_of(cls.config_class),
        "references": {name: node.type for name, node in references_of(cls.config_class).items()},
        "credentials": credentials_of(cls.config_class),
        "schema": schema_of(cls.config_class),
        "help": help_of(cls, place),
    }


def output_rule(cls: NodeClass) -> dict[str, Any] | None:
    """How the number of outputs follows from the properties; None where it is fixed.

    ``{"property": name}``: the property holds it. ``{"rows": name, "property": name}``: one for each row of a list, at least
    one, and the property is to hold the number. ``{"field": name, "in": [values], "then": n, "else": n}``: by a choice.
    """
    if cls.output_rule is not None:
        return cls.output_rule
    return {"property": "outputs"} if "outputs" in cls.config_class.model_fields else None


def fields_of(config_class: type[Config]) -> list[dict[str, Any]]:
    """The fields of the form, in their order: name, title, description, type, choices, widget and hints, and the default that
    a new node stores in the flow file."""
    described = schema_of(config_class).get("properties", {})
    fields = form_of(config_class)
    typed_by = {field["typeField"] for field in fields if "typeField" in field}
    return [_completed(field, described.get(field["name"], {}), typed_by) for field in fields]


def _completed(field: dict[str, Any], described: dict[str, Any], typed_by: set[str]) -> dict[str, Any]:
    """With what the schema knows. The type of a typed value has no place of its own in the form."""
    kept = {key: described[key] for key in _FROM_SCHEMA if key in described}
    shown = _simple({**kept, **field})
    if shown.get("widget") == "config":
        shown["default"] = field["default"] or ""
    if field["name"] in typed_by:
        shown["hidden"] = True
    return shown


def _simple(field: dict[str, Any]) -> dict[str, Any]:
    """Without the alternatives that the widget or the choices say already; what may be blank or absent is of its value's type."""
    rest = {key: value for key, value in field.items() if key != "anyOf"}
    if field.get("widget") == "nodes":
        return {key: value for key, value in rest.items() if key != "enum"}
    wanted = [kind for kind in field.get("anyOf", ()) if kind.get("type") != "null" and kind.get("const") != ""]
    if field.get("widget") == "config" or "enum" in field:
        return rest
    return {**wanted[0], **rest} if len(wanted) == 1 else field


def help_of(cls: NodeClass, place: Place | None) -> str:
    """The docstring, and what stands in the Markdown file beside the module."""
    text = inspect.cleandoc(cls.__doc__ or "")
    beside = Path(place.path).with_suffix(".md") if place is not None and place.path is not None else None
    if beside is not None and beside.is_file():
        text = f"{text}\n\n{beside.read_text(encoding='utf-8').strip()}"
    return text


class _Schema(GenerateJsonSchema):
    """A reference to a config node is its id."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def is_instance_schema(self, schema: core_schema.IsInstanceSchema) -> JsonSchemaValue:
        cls = schema["cls"]
        if isinstance(cls, type) and issubclass(cls, ConfigNode):
            return {"type": "string", "configNode": cls.type}
        return {}


def schema_of(config_class: type[Config]) -> dict[str, Any]:
    """The JSON Schema of the properties, by their names in the flow file."""
    return config_class.model_json_schema(by_alias=True, schema_generator=_Schema)
