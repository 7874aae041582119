"""HTTP as flows see it: routes, requests, responses. Knows no server: one is plugged in from outside."""

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
from .routes import HttpRoute, HttpRoutes, compile_path, parameters

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
