"""The admin API as a table of endpoints, with what they all share: how they are asked, how they answer, how they fail.

Endpoints are plain coroutines: the ASGI application calls them without a framework between, the FastAPI application
documents them and serves them as well. One module of :mod:`busway.editor.server.routers` holds one resource.
"""

from __future__ import annotations

import codecs
import importlib
import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from busway.engine.errors import BuswayError
from busway.engine.http import JSON_TYPE, Answer, HttpRequest, compile_path, error_answer, parameters
from busway.engine.http.payload import json_bytes
from busway.engine.runtime import Runtime

from .revalidation import revalidated
from .sameorigin import is_same_origin

if TYPE_CHECKING:
    from .models import Contract
    from .security import Guard
    from .users import User

M = TypeVar("M", bound=BaseModel)

log = logging.getLogger("busway.http")

RETRY = [(b"retry-after", b"1")]
TEXT_TYPE = (b"content-type", b"text/plain; charset=utf-8")
_PHRASES = {200: b"OK", 201: b"Created", 400: b"Bad Request", 404: b"Not Found", 500: b"Internal Server Error"}


class ApiError(BuswayError):
    """An endpoint refuses: ``status`` is the HTTP status, ``code`` a word for programs, the text is for people.

    ``details`` become members of the answer beside ``code`` and ``message``.
    """

    def __init__(self, status: int, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.details = status, code, details


@dataclass(slots=True)
class Call:
    """One call of an endpoint: the runtime it is about, the request, the parameters of its path."""

    runtime: Runtime
    request: HttpRequest
    params: dict[str, str]
    user: User | None = None
    """Who asks; None while there are no users, and on a public route for who is not known."""
    guard: Guard | None = None

    def json(self) -> Any:
        """The body as JSON, nothing lost of its numbers; None when it is empty. Raises ApiError."""
        body = self.request.raw_body
        return _parse(body.removeprefix(codecs.BOM_UTF8)) if body else None

    @property
    def user_name(self) -> str:
        """The name of who asks; "" while there are no users and for who is not known."""
        return self.user.name if self.user is not None and not self.user.anonymous else ""

    def fits(self, model: type[M], code: str = "invalid_request") -> M:
        """The body as a model; an empty one is an empty object. Raises ApiError 400, which names field and reason."""
        return checked(model, self.json() if self.request.raw_body else {}, code)


def checked(model: type[M], value: Any, code: str = "invalid_request") -> M:
    """A value as a model. Raises ApiError 400, which names field and reason."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ApiError(400, code, "; ".join(_reason(item) for item in error.errors(include_url=False))) from None


def _reason(item: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in item["loc"])
    if item["type"] == "missing":
        return f"missing {path} property"
    where = repr(path) if path else "the body"
    shown = repr(item.get("input"))
    found = shown if len(shown) <= 60 else shown[:57] + "..."
    reason = item["msg"].removeprefix("Value error, ").replace("a valid dictionary", "an object")
    return f"{where} is {found}: {reason[0].lower()}{reason[1:]}"


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True)
class Endpoint:
    """One route of the admin API. ``permission`` is what a user needs for it; "" is open to all."""

    method: str
    path: str
    handler: Handler
    permission: str
    resource: str
    pattern: re.Pattern[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", compile_path(self.path))

    @property
    def summary(self) -> str:
        """The first sentence of its description."""
        return self.description.partition("\n")[0]

    @property
    def description(self) -> str:
        """What it does, as Markdown."""
        lines = (self.handler.__doc__ or "").strip().splitlines()
        return "\n".join(line.strip() for line in lines)

    @property
    def contract(self) -> Contract:
        """What it takes and gives: in the resource's module of :mod:`busway.editor.server.models`, by the handler's name.

        Raises AttributeError or ImportError when nobody has described it.
        """
        module = importlib.import_module(f".models.{self.resource}", __package__)
        return getattr(module, self.handler.__name__)  # type: ignore[no-any-return]


class Resource:
    """Collects the endpoints of one resource, as decorators."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.endpoints: list[Endpoint] = []

    def get(self, path: str, permission: str) -> Callable[[Handler], Handler]:
        return self._route("get", path, permission)

    def post(self, path: str, permission: str) -> Callable[[Handler], Handler]:
        return self._route("post", path, permission)

    def put(self, path: str, permission: str) -> Callable[[Handler], Handler]:
        return self._route("put", path, permission)

    def delete(self, path: str, permission: str) -> Callable[[Handler], Handler]:
        return self._route("delete", path, permission)

    def _route(self, method: str, path: str, permission: str) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            self.endpoints.append(Endpoint(method, path, handler, permission, self.name))
            return handler

        return add


class Api:
    """All endpoints. ``segments`` are the first parts of their paths; ``guard`` knows who may do what, None lets all do all."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.guard: Guard | None = None
        self.endpoints = [endpoint for resource in resources for endpoint in resource.endpoints]
        self.segments = frozenset(endpoint.path.split("/")[1] for endpoint in self.endpoints)

    def match(self, method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
        """The endpoint for a request (``method`` in lower case) and its path parameters."""
        method = "get" if method == "head" else method
        for endpoint in self.endpoints:
            if endpoint.method == method and (found := endpoint.pattern.fullmatch(path)):
                return endpoint, parameters(found)
        return None

    async def answer(self, endpoint: Endpoint, call: Call) -> Answer:
        """Calls an endpoint, unless who asks may not; what it raises becomes an answer too."""
        return self.refusal(endpoint, call) or await self.carry_out(endpoint, call)

    def refusal(self, endpoint: Endpoint, call: Call) -> Answer | None:
        """The refusal if a page of another origin asks for a change, or somebody without the permission; needs no body."""
        header = call.request.header
        if endpoint.method != "get" and not is_same_origin(header(b"origin"), header(b"host")):
            return error_answer(403, "forbidden_origin", "a page of another origin may not do this")
        return None if self.guard is None else self.guard.admit(endpoint, call)

    async def carry_out(self, endpoint: Endpoint, call: Call) -> Answer:
        """Calls an endpoint for who may; what it raises becomes an answer."""
        answer = await self._called(endpoint, call)
        if self.guard is not None and endpoint.method != "get" and endpoint.permission:
            self.guard.done(endpoint, call, answer.status)
        if endpoint.method != "get":
            return answer
        header = call.request.header
        return revalidated(answer, header(b"if-none-match"), header(b"cache-control"))

    async def _called(self, endpoint: Endpoint, call: Call) -> Answer:
        try:
            return await endpoint.handler(call)
        except ApiError as error:
            return _refusal(error)
        except Exception as error:
            log.exception("%s %s failed", endpoint.method.upper(), endpoint.path)
            return error_answer(500, "unexpected_error", str(error) or type(error).__name__)


def json_answer(value: Any, status: int = 200) -> Answer:
    """``value`` as JSON."""
    return raw_json_answer(json_bytes(value), status)


def raw_json_answer(body: bytes, status: int = 200) -> Answer:
    """JSON text that is there already."""
    return Answer(status, [JSON_TYPE, (b"content-length", b"%d" % len(body))], body)


def html_answer(text: str) -> Answer:
    """HTML."""
    return body_answer(text.encode(), b"text/html; charset=utf-8")


def body_answer(body: bytes, content_type: bytes) -> Answer:
    """Any other content."""
    return Answer(200, [(b"content-type", content_type), (b"content-length", b"%d" % len(body))], body)


def empty_answer(status: int = 204) -> Answer:
    """No content."""
    return Answer(status, [] if status == 204 else [(b"content-length", b"0")], b"")


def phrase_answer(status: int) -> Answer:
    """A status with its name as text, as Express' ``sendStatus``."""
    body = _PHRASES[status]
    return Answer(status, [TEXT_TYPE, (b"content-length", b"%d" % len(body))], body)


def _refusal(error: ApiError) -> Answer:
    if not error.details:
        return error_answer(error.status, error.code, str(error))
    return json_answer({"code": error.code, "message": str(error), **error.details}, error.status)


def _parse(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return _parse_slowly(body, error)


def _parse_slowly(body: bytes, first: Exception) -> Any:
    """With Python's own parser: it takes halves of surrogate pairs, and says where the mistake is."""
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        text = f"the body is no JSON: line {error.lineno}, column {error.colno}: {error.msg}"
    except (ValueError, RecursionError) as error:
        text = f"the body is no JSON: {error}"
    raise ApiError(400, "unexpected_error", text) from first


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")
