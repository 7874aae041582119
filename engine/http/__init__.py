"""HTTP as flows see it: routes, requests, responses, sockets. Knows no server: one is plugged in from outside."""

from .paths import compile_path, parameters
from .request import HttpRequest
from .response import (
    JSON_TYPE,
    AlreadyAnswered,
    Answer,
    Exchange,
    HttpResponse,
    ResponseError,
    error_answer,
)
from .routes import HttpRoute, HttpRoutes

__all__ = [
    "JSON_TYPE",
    "AlreadyAnswered",
    "Answer",
    "Exchange",
    "HttpRequest",
    "HttpResponse",
    "HttpRoute",
    "HttpRoutes",
    "ResponseError",
    "compile_path",
    "error_answer",
    "parameters",
]
