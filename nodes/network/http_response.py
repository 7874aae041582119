"""The http response node: answers the request that an http in node took in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from busway.engine.errors import ConfigError
from busway.engine.fields import Label, Pairs, Placeholder
from busway.engine.http import HttpResponse, ResponseError
from busway.engine.message import UNDEFINED, Message
from busway.engine.node import Config, Field, Node

from .request_mark import set_by_flow

_INTEGER = re.compile(r"\s*([+-]?\d+)")


class HttpResponseConfig(Config):
    statusCode: Annotated[str, Placeholder("200")] = Field(
        "", title="Status code", description="HTTP status of the answer; empty takes `msg.statusCode`, else 200."
    )
    headers: Annotated[dict[str, Any], Pairs()] = Field(
        default_factory=dict, title="Headers", description="Headers of the answer; they win over `msg.headers`."
    )


class HttpReply(Node[HttpResponseConfig]):
    """Answers a request that came from an **http in** node.

    ### Inputs

    - `payload`: the body. Objects, arrays and null become JSON (with a `callback` in the query: JSONP); text, numbers and
      true or false are sent as text; bytes as they are; what a Python generator yields piece by piece; without a payload the
      body is empty.
    - `statusCode`: HTTP status, where the node has none. Default 200.
    - `headers`: headers as an object. A list of values sends the header several times.
    - `cookies`: cookies as an object: `{name: "value"}`, `{name: {value, path, domain, maxAge, expires, httpOnly, secure,
      sameSite}}` (`maxAge` in milliseconds), or `{name: null}` to remove one.
    - `res`: which request is answered. It comes with the message from the **http in** node.

    ### Details

    Text is sent as `text/html` unless a header `content-type` says otherwise. Headers that came from an **http request** node
    and were not changed are left out. A request is answered once: a second answer is an error.
    """

    type = "http response"
    category = "network"
    color = "#E7E7AE"
    icon = "white-globe.svg"
    label = "http"
    labels = (Label("http ({statusCode})"),)
    align = "right"
    inputs = 1
    outputs = 0

    def start(self) -> None:
        self._headers = {name.lower(): value for name, value in self.config.headers.items()}
        self._status = _whole(self.config.statusCode)
        if self.config.statusCode.strip() and not 200 <= self._status <= 599:
            raise ConfigError(f"statusCode is {self.config.statusCode!r}; it is a number from 200 to 599, or empty")

    def on_message(self, msg: Message) -> None:
        response = msg.get("res")
        if not isinstance(response, HttpResponse):
            self.warn("No response object")
            return
        headers, cookies = msg.get("headers"), msg.get("cookies")
        if headers and isinstance(headers, Mapping):
            self._add_headers(response, set_by_flow(headers))
        if self._headers:
            response.set(self._headers)
        if cookies and isinstance(cookies, Mapping):
            _add_cookies(response, cookies)
        response.status(self._status or _whole(msg.get("statusCode")) or 200)
        payload = msg.get("payload", UNDEFINED)
        if payload is None or isinstance(payload, (dict, list)):
            response.jsonp(payload)
        else:
            response.send(payload)

    def _add_headers(self, response: HttpResponse, headers: Mapping[str, Any]) -> None:
        for name, value in headers.items():
            if not (isinstance(name, str) and name.lower() in self._headers):
                response.set(name, value)


def _add_cookies(response: HttpResponse, cookies: Mapping[str, Any]) -> None:
    for name, cookie in cookies.items():
        if not isinstance(cookie, Mapping):
            response.clearCookie(name) if cookie is None else response.cookie(name, cookie)
        elif "value" not in cookie:
            raise ResponseError(f"cookie {name!r} has no value; give it as text, or in an object under 'value'")
        elif cookie["value"] is None:
            response.clearCookie(name, cookie)
        else:
            response.cookie(name, cookie["value"], cookie)


def _whole(value: Any) -> int:
    """``parseInt``, with 0 for what is no number."""
    if type(value) is int:
        return value
    if isinstance(value, bool):
        return 0
    found = _INTEGER.match(str(value)) if isinstance(value, (str, float)) else None
    return int(found[1]) if found else 0
