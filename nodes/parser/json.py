"""The json node."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Literal

import orjson

from ...engine import jsontext
from ...engine.fields import Choices, PropertyPath, ShownIf
from ...engine.message import UNDEFINED, Message, compile_get, compile_set
from ...engine.node import Config, Field, Node, NodeError
from ...engine.values import parse_json

ACTIONS = Choices(("", "Convert between text and value"), ("obj", "Always to a value"), ("str", "Always to text"))


class JsonConfig(Config):
    property: Annotated[str, PropertyPath()] = Field(
        "payload", title="Property", description="What is converted, in place."
    )
    action: Annotated[Literal["", "obj", "str"], ACTIONS] = Field(
        "", title="Action", description="Toggle between text and value, always make a value, or always make text."
    )
    pretty: Annotated[bool, ShownIf("action", "", "str")] = Field(
        False, title="Indent", description="Write text with indentation by four blanks."
    )


class Json(Node[JsonConfig]):
    """Converts between JSON text and values.

    Text and buffers are parsed; objects, lists, numbers and truth values become text. A message without the property passes unchanged.

    With `msg.schema` (JSON Schema, draft 6 or 7) the value is validated first: a message that does not fit is an error,
    and `msg.schemaError` lists why.
    """

    type = "json"
    category = "parser"
    color = "#DEBD5C"
    icon = "parser-json.svg"
    label = "{name}"

    def start(self) -> None:
        config = self.config
        path = config.property or "payload"
        get, put = compile_get(path), compile_set(path)
        convert = {"": self._toggle, "obj": self._to_value, "str": self._to_text}[config.action]

        def on_message(msg: Message) -> Message:
            value = get(msg)
            if value is UNDEFINED:
                return msg
            schema = msg.pop("schema", None)
            put(msg, convert(value, _validator(msg, schema) if schema is not None else None))
            return msg

        self.on_message = on_message  # type: ignore[method-assign]

    def _toggle(self, value: Any, check: Callable[[Any], None] | None) -> Any:
        return self._to_value(value, check) if isinstance(value, (str, bytes)) else self._to_text(value, check)

    def _to_value(self, value: Any, check: Callable[[Any], None] | None) -> Any:
        if isinstance(value, (str, bytes)):
            value = parse_json(value)
        elif not isinstance(value, (dict, list)) and self.config.action == "obj":
            self.warn("Ignored unsupported payload type")
        if check is not None:
            check(value)
        return value

    def _to_text(self, value: Any, check: Callable[[Any], None] | None) -> Any:
        if check is not None:
            check(parse_json(value) if isinstance(value, (str, bytes)) else value)
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        return value if isinstance(value, str) else _write(value, self.config.pretty)


def _write(value: Any, pretty: bool) -> str:
    if not pretty:
        try:
            return orjson.dumps(value).decode()
        except TypeError:
            pass
    try:
        return jsontext.kept(value, pretty).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NodeError(f"the value cannot be written as JSON: {error}") from None


def _validator(msg: Message, schema: Any) -> Callable[[Any], None]:
    """Checks values against ``msg.schema``; raises NodeError, and leaves the reasons in ``msg.schemaError``."""
    try:
        validator = _compiled(orjson.dumps(schema))
    except ValueError:
        msg["schema"] = schema
        raise NodeError("JSON Schema error: failed to compile schema") from None

    def check(value: Any) -> None:
        errors = [{"instancePath": _path(e.instance_path), "message": e.message} for e in validator.iter_errors(value)]
        if errors:
            msg["schema"], msg["schemaError"] = schema, errors
            first = errors[0]
            raise NodeError(f"JSON Schema error: data{first['instancePath']} {first['message']}")

    return check


@lru_cache(maxsize=256)
def _compiled(schema: bytes) -> Any:
    import jsonschema_rs

    parsed = orjson.loads(schema)
    draft6 = isinstance(parsed, dict) and "draft-06" in str(parsed.get("$schema", ""))
    return (jsonschema_rs.Draft6Validator if draft6 else jsonschema_rs.Draft7Validator)(parsed)


def _path(parts: Any) -> str:
    return "".join(f"/{part}" for part in parts)
