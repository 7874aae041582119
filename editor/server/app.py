"""The FastAPI application: the admin API with its documentation. Loaded only when something needs it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response

from busway import __version__
from busway.engine.http import HttpRequest
from busway.engine.runtime import Runtime

from .api import Api, Call, Endpoint

_PARAMETER = re.compile(r":(\w+)")


def create_app(api: Api, runtime: Runtime) -> FastAPI:
    """The admin API as a FastAPI application, documented at ``/docs`` and in ``/openapi.json``."""
    app = FastAPI(
        title="Busway",
        version=__version__,
        summary="The admin API of a Busway runtime, compatible with Node-RED's.",
        redoc_url=None,
    )
    for endpoint in api.endpoints:
        app.add_api_route(
            _template(endpoint.path),
            _handler(api, endpoint, runtime),
            methods=[endpoint.method.upper()],
            operation_id=_operation_id(endpoint),
            summary=endpoint.summary,
            description=endpoint.description,
            tags=[endpoint.resource],
            openapi_extra=_extra(endpoint),
        )
    return app


def _handler(api: Api, endpoint: Endpoint, runtime: Runtime) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        params = {_plain(name): value for name, value in request.path_params.items()}
        call = Call(runtime, HttpRequest(request.scope, await request.body(), params, endpoint.path), params)
        answer = await api.answer(endpoint, call)
        response = Response(answer.body, answer.status)
        response.raw_headers = list(answer.headers)
        return response

    return handle


def _template(path: str) -> str:
    """A path in FastAPI's spelling."""
    return _PARAMETER.sub(r"{\1}", path).replace("*", "{rest:path}")


def _plain(name: str) -> str:
    return "0" if name == "rest" else name


def _operation_id(endpoint: Endpoint) -> str:
    return re.sub(r"\W+", "_", f"{endpoint.method}{_template(endpoint.path)}").strip("_")


def _extra(endpoint: Endpoint) -> dict[str, Any]:
    """Path parameters and permission, which the handler's signature does not tell."""
    names = re.findall(r"{(\w+)", _template(endpoint.path))
    parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    return {"parameters": parameters, "x-permission": endpoint.permission}
