"""The FastAPI application: the admin API with its documentation. Loaded only when something needs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache

from fastapi import FastAPI, Request, Response

from busway import __version__
from busway.engine.http import HttpRequest
from busway.engine.runtime import Runtime

from .api import Api, Call, Endpoint
from .openapi import document, template


def create_app(api: Api, runtime: Runtime) -> FastAPI:
    """The admin API as a FastAPI application, documented at ``/docs`` and in ``/openapi.json``."""
    app = FastAPI(
        title="Busway",
        version=__version__,
        summary="The admin API of a Busway runtime, compatible with Node-RED's.",
        redoc_url=None,
    )
    for endpoint in api.endpoints:
        path = template(endpoint.path).replace("{rest}", "{rest:path}")
        app.add_api_route(path, _handler(api, endpoint, runtime), methods=[endpoint.method.upper()])
    app.openapi = cache(lambda: document(api))  # type: ignore[method-assign]
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


def _plain(name: str) -> str:
    return "0" if name == "rest" else name
