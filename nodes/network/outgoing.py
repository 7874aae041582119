"""What an http request node sends: its URL, headers and body, made of the message and the node's properties."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from busway.engine.http.payload import json_bytes, text_of, utf8

from .form_body import form_text, multipart_body

_BAD_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
_PATH_UNSAFE = re.compile(r'[\x00-\x20"<>`{}^\x7f-\U0010ffff]')
_QUERY_UNSAFE = re.compile(r"[\x00-\x20\"<>'\x7f-\U0010ffff]")
_SET_BY_US = frozenset({"content-length", "transfer-encoding", "host", "cookie"})


class Headers:
    """Headers with their names as the user spells them, found in any spelling."""

    def __init__(self) -> None:
        self._lines: dict[str, tuple[str, Any]] = {}

    def set(self, name: str, value: Any) -> None:
        """Sets a header; a list gives several lines, nothing (None, "") removes it."""
        self._lines.pop(name.lower(), None)
        if value is not None and value != "":
            self._lines[name.lower()] = (name, value)

    def get(self, name: str) -> str:
        """A header's value, or ""."""
        found = self._lines.get(name.lower())
        return "" if found is None else text_of(found[1][0] if isinstance(found[1], list) and found[1] else found[1])

    def lines(self) -> Iterator[tuple[str, str]]:
        """All lines but those that follow from the request itself."""
        for lower, (name, value) in self._lines.items():
            if lower not in _SET_BY_US or (lower == "host" and value):
                for item in value if isinstance(value, list) else [value]:
                    yield name, text_of(item)


@dataclass
class Outgoing:
    """A request to be made."""

    method: str
    url: str
    headers: Headers = field(default_factory=Headers)
    body: bytes | None = None


def clean_url(url: str) -> str:
    """A URL in which all is encoded that has to be, and nothing twice: ``?a=20%`` becomes ``?a=20%25``.

    Raises ValueError when it is no URL with a host.
    """
    parts = urlsplit(url.strip())
    if not parts.hostname:
        raise ValueError("there is no host in it")
    parts.port  # noqa: B018 (raises ValueError)
    path = _encoded(parts.path or "/", _PATH_UNSAFE)
    query = _encoded(parts.query, _QUERY_UNSAFE)
    return urlunsplit((parts.scheme.lower(), _netloc(parts.netloc), path, query, ""))


def split_user(url: str) -> tuple[str, str]:
    """A URL without user and password, and those as ``user:password`` ("" when there are none)."""
    parts = urlsplit(url)
    who, at, host = parts.netloc.rpartition("@")
    return (urlunsplit(parts._replace(netloc=host)), unquote(who)) if at else (url, "")


def basic(who: str) -> str:
    """The ``Authorization`` header for ``user:password``."""
    return "Basic " + base64.b64encode(utf8(who)).decode()


def _netloc(netloc: str) -> str:
    if netloc.isascii():
        return netloc
    who, at, host = netloc.rpartition("@")
    name, colon, port = host.partition(":")
    return f"{quote(who, safe=':%')}{at}{name.encode('idna').decode()}{colon}{port}"


def _encoded(text: str, unsafe: re.Pattern[str]) -> str:
    return unsafe.sub(lambda found: quote(found[0], errors="replace"), _BAD_PERCENT.sub("%25", text))


def with_query(url: str, values: Mapping[str, Any] | list[Any]) -> str:
    """The URL with more in its query."""
    url, hash_, fragment = url.partition("#")
    between = "?" if "?" not in url else "" if url.endswith(("?", "&")) else "&"
    return f"{url}{between}{form_text(values)}{hash_}{fragment}"


def set_body(request: Outgoing, payload: Any) -> None:
    """Turns a payload into the body; its form is that of the content type, which is set where there is none.

    Raises TypeError for what has no JSON form.
    """
    kind = request.headers.get("content-type").partition(";")[0].strip().lower()
    if isinstance(payload, (bytes, bytearray, memoryview)):
        request.body = bytes(payload)
    elif isinstance(payload, str):
        request.body = utf8(payload)
    elif isinstance(payload, (int, float)) and not isinstance(payload, bool):
        request.body = text_of(payload).encode()
    elif kind == "application/x-www-form-urlencoded" and isinstance(payload, (dict, list)):
        request.body = form_text(payload).encode()
    elif kind == "multipart/form-data" and isinstance(payload, dict):
        request.body, boundary = multipart_body(payload)
        request.headers.set("content-type", f"multipart/form-data; boundary={boundary}")
    else:
        request.body = json_bytes(payload)
        if not kind:
            request.headers.set("content-type", "application/json")
