"""Node types in the HTML that Node-RED's editor loads: a form, a definition and the help of each, made of their schemas.

The form has one row for each field. What HTML has no input for (lists, objects) is edited as JSON; typed values, property
paths and references to config nodes get the editor's own widgets. The script beside this module turns the description of a
type into the definition that ``RED.nodes.registerType`` takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from busway.engine.http.payload import json_bytes
from busway.engine.registry import NodeClass, Registry

from .palette import describe_type

Field = Mapping[str, Any]

_SCRIPT = Path(__file__).with_suffix(".js")
_DEBUG = Path(__file__).with_name("node_red_debug.js")
_LOOK = (
    "type",
    "color",
    "icon",
    "label",
    "labels",
    "outputRule",
    "paletteLabel",
    "align",
    "inputs",
    "outputs",
    "outputNames",
    "button",
    "isConfig",
)
_NUMBERS = ("integer", "number")


def page(registry: Registry, sets: Iterable[Mapping[str, Any]]) -> str:
    """The HTML of the types in these sets that are switched on and can be loaded, and a debug panel."""
    parts = [_set(registry, found) for found in sets if found["enabled"]]
    scripts = [
        f'<script type="text/javascript">\n{file.read_text(encoding="utf-8")}</script>' for file in (_SCRIPT, _DEBUG)
    ]
    return "\n".join([*scripts, *parts])


def _set(registry: Registry, found: Mapping[str, Any]) -> str:
    classes = [cls for type in found["types"] if (cls := registry.get(type)) is not None]
    parts = [_type(cls, registry) for cls in classes]
    return "\n".join([f"<!-- --- [red-module:{found['id']}] --- -->", *parts])


def _type(cls: NodeClass, registry: Registry) -> str:
    described = describe_type(cls, registry.place(cls.type))
    name = escape(cls.type, quote=True)
    form = "\n".join(_row(field, described["isConfig"]) for field in _visible(described))
    return "\n".join(
        (
            f'<script type="text/html" data-template-name="{name}">\n{form}\n</script>',
            f'<script type="text/html" data-help-name="{name}">\n{_markdown().render(described["help"])}</script>',
            f'<script type="text/javascript">\nRED.nodes.registerType({_js(cls.type)}, buswayNode({_js(_definition(described))}));\n</script>',
        )
    )


def _definition(described: Mapping[str, Any]) -> dict[str, Any]:
    """What the editor has to know of a type, beside its form."""
    secrets = described["credentials"]
    fields = [_plain(field) for field in described["fields"] if field["name"] not in secrets]
    return {
        **{name: described[name] for name in _LOOK},
        "category": _category(described),
        "fields": fields,
        "credentials": {name: {"type": kind} for name, kind in secrets.items()},
    }


def _category(described: Mapping[str, Any]) -> str:
    if described["isConfig"]:
        return "config"
    return str(described["category"]) if described["inPalette"] else "unknown"


def _plain(field: Field) -> dict[str, Any]:
    kept = ("name", "default", "type", "required", "types", "typeLabels", "fixedTypes", "typeField", "root", "visible")
    return {"widget": _widget(field), **{name: field[name] for name in kept if name in field}}


def _widget(field: Field) -> str:
    """Which input a field gets."""
    widget = field.get("widget")
    if widget in ("typed", "path", "config", "code", "credential"):
        return str(widget)
    default, kind = field["default"], field.get("type")
    if isinstance(default, (list, dict)) or kind in ("array", "object"):
        return "json"
    if "enum" in field:
        return "choice"
    if isinstance(default, bool) or kind == "boolean":
        return "boolean"
    return "number" if isinstance(default, (int, float)) or kind in _NUMBERS else "text"


# -- the form -----------------------------------------------------------------------------------------------------------
def _visible(described: Mapping[str, Any]) -> list[Field]:
    """The fields that have an input. Types of typed values belong to their value's, as the number of outputs does to the
    rows it follows from; what the form hides beside these has none, so that it is left as it is."""
    fields, rule = described["fields"], described["outputRule"] or {}
    bound = {field["typeField"] for field in fields if "typeField" in field}
    if "rows" in rule and "property" in rule:
        bound.add(rule["property"])
    kept = {name for field in fields for name in _kept_for_rows(field)}
    shown = [field for field in fields if not field.get("hidden") or field["name"] in bound | kept]
    return [{**field, "hidden": field["name"] in bound} for field in shown]


def _kept_for_rows(field: Field) -> set[str]:
    """The properties in which some rows of a list keep what they hold: the list's own input does not show them."""
    rows = field.get("rowsFrom", {"kept": {}})["kept"].values()
    return {name for names in rows for name in names.values()}


def _row(field: Field, is_config: bool) -> str:
    id = f"node-{'config-' if is_config else ''}input-{escape(field['name'], quote=True)}"
    if field["hidden"]:
        return f'<input type="hidden" id="{id}">'
    widget = _widget(field)
    if widget == "json":
        id = f"busway-input-{escape(field['name'], quote=True)}"
    title, hint = escape(field["title"]), escape(field.get("description", ""), quote=True)
    unit = f" {escape(field['unit'])}" if "unit" in field else ""
    return f'<div class="form-row"><label for="{id}" title="{hint}">{title}</label> {_input(widget, id, field)}{unit}</div>'


def _input(widget: str, id: str, field: Field) -> str:
    if widget == "boolean":
        return f'<input type="checkbox" id="{id}" style="display:inline-block; width:auto; vertical-align:top">'
    if widget == "choice":
        return f'<select id="{id}" style="width:70%">{_options(field["enum"], field.get("labels", {}))}</select>'
    if widget in ("json", "code"):
        return f'<textarea id="{id}" rows="8" spellcheck="false" style="width:70%; font-family:monospace"></textarea>'
    kind = {"number": "number", "credential": field.get("kind")}.get(widget)
    step = ' step="any"' if kind == "number" else ""
    kind = kind if kind in ("password", "number") else "text"
    example = f' placeholder="{escape(field["placeholder"], quote=True)}"' if "placeholder" in field else ""
    return f'<input type="{kind}"{step}{example} id="{id}" style="width:70%">'


def _options(choices: Iterable[Any], labels: Mapping[str, str]) -> str:
    return "".join(
        f'<option value="{escape(text, quote=True)}">{escape(labels.get(text, text))}</option>'
        for text in map(_text, choices)
    )


def _text(choice: Any) -> str:
    return str(choice).lower() if isinstance(choice, bool) else str(choice)


# -- text in scripts ------------------------------------------------------------------------------------------------------
def _js(value: Any) -> str:
    """A value as JavaScript that cannot end the script it stands in."""
    return json_bytes(value).decode().replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@cache
def _markdown() -> Any:
    """Renders help; HTML in it is shown, not taken."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")
