"""Turns a node's properties, as the flow file has them, into its typed :class:`~busway.engine.node.Config`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from .errors import ConfigError
from .fields import Credential
from .node import Config, ConfigNode

Resolve = Callable[[str], "ConfigNode[Any] | None"]


class FieldUse(NamedTuple):
    """How one field of a config is filled."""

    key: str
    is_text: bool
    reference: type[ConfigNode[Any]] | None
    optional: bool
    credential: Credential | None


@cache
def fields_of(config_class: type[Config]) -> tuple[FieldUse, ...]:
    """The fields of a config class, decided once."""
    return tuple(_use(name, info) for name, info in config_class.model_fields.items())


def references_of(config_class: type[Config]) -> dict[str, type[ConfigNode[Any]]]:
    """Property name -> config node class, for the fields that hold references."""
    return {use.key: use.reference for use in fields_of(config_class) if use.reference is not None}


def credentials_of(config_class: type[Config]) -> dict[str, str]:
    """Credential name -> ``text`` or ``password``."""
    return {use.key: use.credential.kind for use in fields_of(config_class) if use.credential is not None}


def configure(
    config_class: type[Config],
    properties: Mapping[str, Any],
    credentials: Mapping[str, Any],
    resolve: Resolve,
) -> Config:
    """The typed config of a node.

    ``properties`` are the flow file's, ``credentials`` the node's secrets, ``resolve(id)`` gives a running config node.
    Raises ConfigError, naming node, property and remedy.
    """
    values: dict[str, Any] = {}
    for key, is_text, reference, optional, credential in fields_of(config_class):
        value = credentials.get(key) if credential is not None else properties.get(key)
        if reference is not None:
            values[key] = _refer(properties, key, value, reference, optional, resolve)
        elif value is None or (not is_text and value == ""):
            continue
        else:
            values[key] = value if not is_text or isinstance(value, str) else _text(value)
    try:
        return config_class.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_sentence(properties, error)) from None


def _text(value: Any) -> Any:
    """Numbers and truth values in text fields, as older files and generated ones have them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else value


def _refer(
    properties: Mapping[str, Any],
    key: str,
    value: Any,
    reference: type[ConfigNode[Any]],
    optional: bool,
    resolve: Resolve,
) -> ConfigNode[Any] | None:
    if not value or value == "_ADD_":
        if optional:
            return None
        raise ConfigError(f"{_who(properties)}: {key!r} names no config node; choose a {reference.type}")
    node = resolve(str(value))
    if isinstance(node, reference):
        return node
    if node is None and optional:
        return None
    is_what = "does not exist, is disabled or did not start" if node is None else f"is of type {node.type!r}"
    raise ConfigError(f"{_who(properties)}: {key!r} refers to {value!r}, which {is_what}; choose a {reference.type}")


def _who(properties: Mapping[str, Any]) -> str:
    name = properties.get("name")
    named = f" {name!r}" if isinstance(name, str) and name else ""
    return f"node {properties.get('id')} ({properties.get('type')}{named})"


def _sentence(properties: Mapping[str, Any], error: ValidationError) -> str:
    parts = []
    for item in error.errors(include_url=False):
        where = ".".join(str(part) for part in item["loc"])
        value = repr(item.get("input"))
        shown = value if len(value) <= 60 else value[:57] + "..."
        parts.append(f"{where!r} is {shown}: {item['msg'][0].lower()}{item['msg'][1:]}")
    return f"{_who(properties)}: " + "; ".join(parts)


def _use(name: str, info: FieldInfo) -> FieldUse:
    kinds = _kinds(info.annotation)
    reference = next((k for k in kinds if isinstance(k, type) and issubclass(k, ConfigNode)), None)
    credential = next((m for m in info.metadata if isinstance(m, Credential)), None)
    return FieldUse(
        key=info.alias or name,
        is_text=str in kinds or Any in kinds or any(_literal_has_blank(k) for k in kinds),
        reference=reference,
        optional=type(None) in kinds,
        credential=credential,
    )


def _kinds(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, UnionType):
        return tuple(kind for arg in get_args(annotation) for kind in _kinds(arg))
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, ConfigNode):
        return (origin,)
    return (annotation,)


def _literal_has_blank(kind: Any) -> bool:
    return "" in get_args(kind)


def form_of(config_class: type[Config]) -> list[dict[str, Any]]:
    """What a form or a listing needs to know of each property: name, type, default, title, description, widget, choices."""
    schema = config_class.model_json_schema(mode="validation") if not references_of(config_class) else {}
    described = schema.get("properties", {})
    return [
        _form_field(use, info, described)
        for use, info in zip(fields_of(config_class), _infos(config_class), strict=True)
    ]


def _infos(config_class: type[Config]) -> list[FieldInfo]:
    return list(config_class.model_fields.values())


def _form_field(use: FieldUse, info: FieldInfo, described: Mapping[str, Any]) -> dict[str, Any]:
    field: dict[str, Any] = {"name": use.key, "default": _plain_default(info), "title": info.title or use.key}
    if info.description:
        field["description"] = info.description
    if use.reference is not None:
        field |= {"widget": "config", "type": use.reference.type, "required": not use.optional}
    else:
        kept = {"type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "anyOf", "items"}
        field |= {k: v for k, v in described.get(use.key, {}).items() if k in kept}
        choices = [
            choice for kind in _kinds(info.annotation) for choice in get_args(kind) if isinstance(choice, (str, int))
        ]
        if choices == [""]:
            field["blank"] = True
        elif choices:
            field["enum"] = choices
    for annotation in info.metadata:
        if hasattr(annotation, "form"):
            field |= annotation.form()
    return field


def _plain_default(info: FieldInfo) -> Any:
    default = info.get_default(call_default_factory=True) if not info.is_required() else None
    return default if isinstance(default, (str, int, float, bool, list, dict, type(None))) else None
