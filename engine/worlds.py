"""What a case can play beside messages: the outside world that a flow's nodes talk to.

A world is made for each case, before the flow is started. The one here is that of HTTP clients; others are registered
by those who have nodes for them, so that the engine needs to know none.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from .casefile import add_steps
from .errors import BuswayError, suggest
from .http import Answer, Exchange, HttpRequest, HttpResponse
from .testing import Feed, RunningFlow

if TYPE_CHECKING:
    import asyncio


class Seen(NamedTuple):
    """What came out of a flow, beside what was expected, which is compared with it."""

    expected: Any
    actual: Any


class WorldError(BuswayError):
    """A step of a case asks for what its world does not have; says what would be right."""


class World(ABC):
    """One part of the outside world, for one run of a flow.

    ``verb`` is the step by which it acts on the flow; ``expect_<verb>``, or what ``expects`` says, the step that waits
    for what the flow does to it.
    """

    verb: ClassVar[str]
    expects: ClassVar[str]

    def __init__(self, flow: RunningFlow) -> None:
        self.flow = flow

    def prepare(self) -> None:  # noqa: B027 (most worlds need nothing)
        """Called before the flow is started: the place to put something in the way of the network."""

    @abstractmethod
    async def act(self, spec: Any) -> None:
        """Does what a step says. Raises WorldError when it cannot be done."""

    @abstractmethod
    async def observe(self, spec: Any) -> Seen:
        """Waits for the next thing that the flow does to the world. Raises WorldError when ``spec`` cannot be right."""


WORLDS: dict[str, type[World]] = {}


def register_world(world: type[World]) -> type[World]:
    """Lets case files use a world, by its steps. Also a decorator."""
    WORLDS[world.verb] = world
    add_steps(world.verb, world.expects)
    return world


def check_members(spec: Any, step: str, known: tuple[str, ...], needed: tuple[str, ...] = ()) -> dict[str, Any]:
    """``spec`` as an object with known members only. Raises WorldError with the nearest name."""
    if not isinstance(spec, dict):
        raise WorldError(f"{step} is a mapping with {', '.join(known)}")
    for name in spec:
        if name not in known:
            raise WorldError(f"{step} cannot say {name!r}{suggest(name, known)}; it may say {', '.join(known)}")
    for name in needed:
        if name not in spec:
            raise WorldError(f"{step} needs {name!r}")
    return spec


# -- HTTP clients ---------------------------------------------------------------------------------------------------
REQUEST = ("method", "url", "headers", "body")


@register_world
class HttpClients(World):
    """Sends requests to the flow's ``http in`` nodes, and hears the answers in the order of the requests."""

    verb = "request"
    expects = "expect_response"

    def __init__(self, flow: RunningFlow) -> None:
        super().__init__(flow)
        self._answers: Feed[asyncio.Future[Answer]] = Feed()

    def prepare(self) -> None:
        self.flow.runtime.keep_responses = False

    async def act(self, spec: Any) -> None:
        said = check_members(spec, self.verb, REQUEST, ("url",))
        method, url = str(said.get("method", "GET")).upper(), urlsplit(str(said["url"]))
        path = quote(url.path or "/", safe="/%:@!$&'()*+,;=~-._")
        found = self.flow.runtime.http.match(method.lower(), path)
        if found is None:
            raise WorldError(f"no http in node takes {method} {url.path}")
        body, headers = _body(said)
        scope = {
            "type": "http",
            "method": method,
            "path": url.path,
            "raw_path": path.encode(),
            "query_string": url.query.encode(),
            "headers": [(name.lower().encode(), str(value).encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 50_000),
        }
        route, params = found
        exchange = Exchange(self.flow.runtime.dispatcher.loop)
        self._answers.add(exchange.answer)
        request = HttpRequest(scope, body, params, route.path)
        route.handler(request, HttpResponse(exchange, request))

    async def observe(self, spec: Any) -> Seen:
        expected = check_members(spec, self.expects, ("status", "headers", "body"))
        return Seen(expected, _described(await (await self._answers.take())))


def _body(said: dict[str, Any]) -> tuple[bytes, dict[str, Any]]:
    """The bytes of a body, and the headers with its type where they do not say it: an object is JSON."""
    body, headers = said.get("body"), dict(said.get("headers") or {})
    if body is None:
        return b"", headers
    given = {name.lower() for name in headers}
    as_text = isinstance(body, str)
    if "content-type" not in given:
        headers["content-type"] = "text/plain" if as_text else "application/json"
    if not as_text and "urlencoded" in str(headers.get("content-type")):
        raw = urlencode(body).encode()
    else:
        raw = body.encode() if as_text else json.dumps(body).encode()
    return raw, headers | {"content-length": str(len(raw))}


def _described(answer: Answer) -> dict[str, Any]:
    """An answer as a case expects it: headers by name in lower case, JSON read."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
    body: Any = answer.body
    try:
        text = answer.body.decode()
        body = json.loads(text) if "json" in headers.get("content-type", "") else text
    except ValueError:
        pass
    return {"status": answer.status, "headers": headers, "body": body}
