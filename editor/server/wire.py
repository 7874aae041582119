"""The types of ASGI, and how requests are read from it and answers written to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from busway.engine.errors import BuswayError
from busway.engine.http import Answer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class BodyTooLarge(BuswayError):
    """A request's body is longer than the limit."""


class ClientGone(BuswayError):
    """The client went away while it sent its request."""


def header(scope: Scope, name: bytes) -> str | None:
    """A header of a request; ``name`` is in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value).decode("latin-1")
    return None


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The body of a request. Raises BodyTooLarge above ``limit`` bytes, ClientGone."""
    declared = header(scope, b"content-length")
    if declared is None:
        if header(scope, b"transfer-encoding") is None:
            return b""
    elif declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(f"the body has {int(declared)} bytes, {limit} are allowed (setting api_max_length)")
    parts: list[bytes] = []
    size = 0
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGone("the client went away before its request was complete")
        body: bytes = event.get("body", b"")
        size += len(body)
        if size > limit:
            raise BodyTooLarge(f"the body has more than {limit} bytes (setting api_max_length)")
        if not event.get("more_body", False):
            return b"".join([*parts, body]) if parts else body
        parts.append(body)


async def send_answer(send: Send, answer: Answer) -> None:
    """Writes an answer."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


async def send_pieces(send: Send, receive: Receive, answer: Answer) -> None:
    """Writes an answer whose body comes piece by piece; ends it when the client goes away."""
    writing = asyncio.ensure_future(_write_pieces(send, answer))
    gone = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((writing, gone), return_when=asyncio.FIRST_COMPLETED)
        if writing.done():
            writing.result()
    finally:
        writing.cancel()
        gone.cancel()
        await asyncio.gather(writing, gone, return_exceptions=True)


async def _write_pieces(send: Send, answer: Answer) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    if answer.chunks is not None:
        async for piece in answer.chunks:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
