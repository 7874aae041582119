"""Bodies and queries of requests in the forms that browsers send: ``a=1&b=2`` and multipart."""

from __future__ import annotations

import mimetypes
import secrets
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from busway.engine.http.payload import json_bytes, text_of, utf8

_UNESCAPED = "!'()*"


def form_text(values: Mapping[str, Any] | list[Any]) -> str:
    """``a=1&b=x%20y``: a list gives its name several times; what is no text, number or truth value becomes empty."""
    return "&".join(f"{_quoted(name)}={_quoted(_plain(item))}" for name, item in _pairs(values))


def multipart_body(fields: Mapping[str, Any], boundary: str = "") -> tuple[bytes, str]:
    """A ``multipart/form-data`` body and its boundary.

    A field is text, bytes, ``{value, options: {filename, contentType}}``, or a list of those; everything else is sent as JSON.
    """
    boundary = boundary or f"--------------------------{secrets.token_hex(12)}"
    parts = [_part(boundary, name, item) for name, item in _pairs(fields)]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), boundary


def _pairs(values: Mapping[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    members = values.items() if isinstance(values, Mapping) else ((str(at), item) for at, item in enumerate(values))
    for name, value in members:
        for item in value if isinstance(value, list) else [value]:
            yield str(name), item


def _plain(value: Any) -> str:
    return text_of(value) if isinstance(value, (str, bool, int, float)) else ""


def _quoted(text: str) -> str:
    return quote(utf8(text), safe=_UNESCAPED)


def _part(boundary: str, name: str, field: Any) -> bytes:
    options: Mapping[str, Any] = {}
    if isinstance(field, Mapping) and "value" in field:
        given = field.get("options")
        field, options = field["value"], given if isinstance(given, Mapping) else {}
    filename = options.get("filename")
    disposition = f'form-data; name="{_escaped(name)}"'
    if filename:
        disposition += f'; filename="{_escaped(text_of(filename))}"'
    head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
    kind = options.get("contentType") or (_type_of(text_of(filename)) if filename else _default_type(field))
    head += f"Content-Type: {_line(text_of(kind))}\r\n" if kind else ""
    return utf8(head) + b"\r\n" + _content(field) + b"\r\n"


def _content(value: Any) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    return utf8(value) if isinstance(value, str) else json_bytes(value)


def _type_of(filename: str) -> str:
    return mimetypes.guess_type(filename)[0] or "application/octet-stream"


def _default_type(value: Any) -> str:
    return "application/octet-stream" if isinstance(value, (bytes, bytearray, memoryview)) else ""


def _escaped(text: str) -> str:
    """A name inside quotes, as browsers escape it."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _line(text: str) -> str:
    return text.replace("\r", "").replace("\n", "")
