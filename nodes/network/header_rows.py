"""The header list of http request and websocket client nodes: rows of a name and a value, each fixed or taken from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, Field

from busway.engine.fields import Column, Rows, TypedValue
from busway.engine.message import UNDEFINED, Message, compile_get
from busway.engine.values import Variables

Value = Callable[[Message], Any]
Row = tuple[Value, Value]
NAMES = tuple(
    (name, name)
    for name in (
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "Authorization",
        "Content-Type",
        "Cache-Control",
        "User-Agent",
    )
)
MEDIA = tuple(
    (name, name)
    for name in (
        *("application/json", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data"),
        *("text/plain", "text/html", "*/*"),
    )
)
OTHER = ("other", "Text")
HEADERS = Rows(
    Column("keyValue", "Name", "name", hints=(TypedValue("keyType", OTHER, "msg", "env", fixed=NAMES),)),
    Column("valueValue", "Value", "value", hints=(TypedValue("valueType", OTHER, "msg", "env", fixed=MEDIA),)),
    keyType="other",
    keyValue="",
    valueType="other",
    valueValue="",
)


class HeaderRow(BaseModel):
    """One header. A type of ``other`` takes the text beside it, ``msg`` a property of the message, ``env`` an environment
    variable; any other type is itself the name or value."""

    keyType: str = Field("other", title="Name", description="The name, or `other`, `msg`, `env`.")
    keyValue: str = Field("", title="Name's text", description="The name, property or variable.")
    valueType: str = Field("other", title="Value", description="The value, or `other`, `msg`, `env`.")
    valueValue: str = Field("", title="Value's text", description="The value, property or variable.")


def compile_rows(rows: list[HeaderRow], env: Variables) -> list[Row]:
    """How name and value of each row are found. Raises PathError for a property path that does not parse."""
    return [(_value(row.keyType, row.keyValue, env), _value(row.valueType, row.valueValue, env)) for row in rows]


def _value(kind: str, text: str, env: Variables) -> Value:
    if kind == "msg":
        get = compile_get(text)
        return lambda msg: None if (found := get(msg)) is UNDEFINED else found
    if kind == "env":
        return lambda msg: None if (found := env.get(text)) is UNDEFINED else found
    fixed = text if kind == "other" else kind
    return lambda msg: fixed
