"""Answering a request: once, by whoever holds ``msg.res``; and what happens when nobody does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..errors import BuswayError
from ..message import UNDEFINED
from .cookies import clear_cookie, set_cookie
from .payload import json_bytes, text_of, utf8
from .request import HttpRequest

Headers = list[tuple[bytes, bytes]]

JSON_TYPE = (b"content-type", b"application/json; charset=utf-8")
_JSON = ((b"x-content-type-options", b"nosniff"), JSON_TYPE)
_HTML = ((b"content-type", b"text/html; charset=utf-8"),)
_BINARY = ((b"content-type", b"application/octet-stream"),)
_NOTHING = ()

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAD_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_OURS = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})
"""Headers that the server sets: they follow from what is sent."""
_TEXT_TYPE = re.compile(r"text/|application/(?:javascript|json)\b", re.IGNORECASE)
_CHARSET = re.compile(r";\s*charset\s*=\s*[^;]*", re.IGNORECASE)
_CALLBACK_REFUSED = re.compile(r"[^\[\]\w$.]", re.ASCII)


class ResponseError(BuswayError):
    """An answer cannot be sent as it is: a header name or value, or a status code, is not valid."""


class AlreadyAnswered(BuswayError):
    """A request is answered a second time; ``code`` is Node.js's name for it."""

    code = "ERR_HTTP_HEADERS_SENT"


class Answer(NamedTuple):
    """What goes back to the client."""

    status: int
    headers: Headers
    body: bytes
    chunks: AsyncIterator[bytes] | None = None
    """The body where it is sent piece by piece; ``body`` is empty then."""


class Exchange:
    """One request and its answer: the server waits for :attr:`answer`, which is set exactly once."""

    __slots__ = ("answer", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.answer: asyncio.Future[Answer] = loop.create_future()

    def respond(self, answer: Answer) -> None:
        """Answers. Raises AlreadyAnswered."""
        if self.answer.done():
            raise AlreadyAnswered("the request has already been answered; one request takes one http response")
        self.answer.set_result(answer)

    def fail(self, status: int, code: str, message: str) -> None:
        """Answers with an error, unless there is an answer."""
        if not self.answer.done():
            self.answer.set_result(error_answer(status, code, message))

    def abandoned(self) -> None:
        """Nobody can answer any more: the last reference to the response has gone, in whatever thread."""
        if not self.answer.done() and not self.loop.is_closed():
            text = "the flow took the request and ended without an http response node answering it"
            self.loop.call_soon_threadsafe(self.fail, 504, "no_response", text)


def error_answer(status: int, code: str, message: str, headers: Headers | None = None) -> Answer:
    """An error as the admin API words it: ``{"code": ..., "message": ...}``."""
    body = json_bytes({"code": code, "message": message})
    return Answer(status, [*(headers or []), JSON_TYPE, (b"content-length", b"%d" % len(body))], body)


class HttpResponse:
    """``msg.res``: the way back to the client, with Express' names; carried by reference.

    Whoever holds it may answer, at any time: a flow may keep it in its context. When nobody holds it any more and there is no
    answer, the client gets 504.
    """

    __slots__ = ("_exchange", "_headers", "_request", "_status")

    def __init__(self, exchange: Exchange, request: HttpRequest) -> None:
        self._exchange, self._request = exchange, request
        self._status = 200
        self._headers: dict[str, list[str]] = {}

    def __del__(self) -> None:
        self._exchange.abandoned()

    @property
    def exchange(self) -> Exchange:
        """The request that this answers; holding it does not keep the response alive."""
        return self._exchange

    @property
    def request(self) -> HttpRequest:
        """What is answered."""
        return self._request

    @property
    def answered(self) -> bool:
        """Whether the answer is on its way (Express: ``headersSent``)."""
        return self._exchange.answer.done()

    # -- status and headers -----------------------------------------------------------------------------------------
    def status(self, code: int) -> HttpResponse:
        """Sets the status code. Raises ResponseError outside of 200 to 599."""
        if not isinstance(code, int) or not 200 <= code <= 599:
            raise ResponseError(f"{code!r} is no HTTP status code; it is a number from 200 to 599")
        self._status = code
        return self

    def set(self, name: str | Mapping[str, Any], value: Any = None) -> HttpResponse:
        """Sets a header (a list gives several lines), or all headers of a mapping. Raises ResponseError."""
        for key, item in name.items() if isinstance(name, Mapping) else [(name, value)]:
            lines = [self._line(key, line) for line in (item if isinstance(item, (list, tuple)) else [item])]
            if key.lower() not in _OURS:
                self._headers[key.lower()] = lines
        return self

    def append(self, name: str, value: Any) -> HttpResponse:
        """Adds a header line. Raises ResponseError."""
        self._headers.setdefault(name.lower(), []).append(self._line(name, value))
        return self

    def get(self, name: str) -> str | None:
        """A header set so far."""
        lines = self._headers.get(name.lower())
        return ", ".join(lines) if lines else None

    def type(self, content_type: str) -> HttpResponse:
        """Sets the content type."""
        return self.set("content-type", content_type)

    def cookie(self, name: str, value: Any, options: Mapping[str, Any] | None = None) -> HttpResponse:
        """Sets a cookie, see :func:`busway.engine.http.cookies.set_cookie`. Raises CookieError."""
        return self.append("set-cookie", set_cookie(name, value, options or {}))

    def clearCookie(self, name: str, options: Mapping[str, Any] | None = None) -> HttpResponse:
        """Removes a cookie. Raises CookieError."""
        return self.append("set-cookie", clear_cookie(name, options or {}))

    @staticmethod
    def _line(name: Any, value: Any) -> str:
        text = text_of(value)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ResponseError(f"{name!r} is no header name: letters, digits and - are allowed")
        if _BAD_VALUE.search(text):
            raise ResponseError(
                f"header {name!r} has a character that headers cannot carry in {text[:60]!r}; encode it"
            )
        return text

    # -- answering --------------------------------------------------------------------------------------------------
    def send(self, payload: Any = UNDEFINED) -> None:
        """Answers: text and numbers as HTML unless a content type is set, bytes as they are, an iterator's pieces one by one,
        everything else as JSON; nothing for UNDEFINED. Raises AlreadyAnswered."""
        if isinstance(payload, (bytes, bytearray, memoryview)):
            self._finish(bytes(payload), _BINARY)
        elif isinstance(payload, (str, int, float)):
            self._finish(utf8(text_of(payload)), _HTML, is_text=True)
        elif payload is UNDEFINED:
            self._finish(b"", _NOTHING)
        elif isinstance(payload, (AsyncIterable, Iterator)):
            lines = self._lines(_BINARY, False) if self._headers else [*_BINARY]
            self._exchange.respond(Answer(self._status, lines, b"", pieces(payload)))
        else:
            self.json(payload)

    def json(self, value: Any) -> None:
        """Answers with JSON. Raises AlreadyAnswered, TypeError when a value has no JSON form."""
        self._finish(json_bytes(value), _JSON, is_text=True)

    def jsonp(self, value: Any) -> None:
        """Answers with JSON, inside a call when the query names a ``callback``. Raises as :meth:`json`."""
        callback = self._request.query.get("callback")
        given = callback[0] if isinstance(callback, list) and callback else callback
        name = _CALLBACK_REFUSED.sub("", given) if isinstance(given, str) else ""
        if not name:
            self.json(value)
            return
        self.set({"content-type": "text/javascript", "x-content-type-options": "nosniff"})
        text = json_bytes(value).decode().replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        self._finish(f"/**/ typeof {name} === 'function' && {name}({text});".encode(), _NOTHING, is_text=True)

    def redirect(self, url: str, status: int = 302) -> None:
        """Answers with the way to another URL. Raises AlreadyAnswered, ResponseError."""
        self.status(status).set("location", url).send(UNDEFINED)

    def sendStatus(self, code: int) -> None:
        """Answers with a status code only. Raises AlreadyAnswered, ResponseError."""
        self.status(code).send(UNDEFINED)

    def end(self, payload: Any = UNDEFINED) -> None:
        """As :meth:`send`."""
        self.send(payload)

    def _finish(self, body: bytes, default: tuple[tuple[bytes, bytes], ...], is_text: bool = False) -> None:
        lines = self._lines(default, is_text) if self._headers else [*default]
        self._exchange.respond(complete(self._status, lines, body))

    def _lines(self, default: Iterable[tuple[bytes, bytes]], is_text: bool) -> Headers:
        """The headers set so far; with the default ones where no content type is among them."""
        given = self._headers.pop("content-type", [""])[-1]
        lines = [(name.encode(), line.encode("latin-1")) for name, found in self._headers.items() for line in found]
        own = [(b"content-type", with_charset(given, is_text).encode("latin-1"))] if given else default
        return [*lines, *own]


async def pieces(source: AsyncIterable[Any] | Iterator[Any]) -> AsyncIterator[bytes]:
    """The pieces of a body: bytes as they are, text in UTF-8, everything else as a line of JSON."""
    if isinstance(source, Iterator):
        for piece in source:
            yield _piece(piece)
    else:
        async for piece in source:
            yield _piece(piece)


def _piece(piece: Any) -> bytes:
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(piece)
    return utf8(piece) if isinstance(piece, str) else json_bytes(piece) + b"\n"


def complete(status: int, headers: Headers, body: bytes) -> Answer:
    """The answer with its length; 204 and 304 have neither body nor type, 205 has no body."""
    if status in (204, 304):
        return Answer(status, [line for line in headers if line[0] != b"content-type"], b"")
    if status == 205:
        body = b""
    headers.append((b"content-length", b"%d" % len(body)))
    return Answer(status, headers, body)


def with_charset(content_type: str, is_text: bool) -> str:
    """A content type with its charset: always UTF-8 for what was text, and where it is missing on a text type."""
    if is_text:
        return _CHARSET.sub("", content_type) + "; charset=utf-8"
    if _TEXT_TYPE.match(content_type) and not _CHARSET.search(content_type):
        return content_type + "; charset=utf-8"
    return content_type
