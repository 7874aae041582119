"""``/library``: flows, functions and templates to import from and export to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from busway.engine.errors import StorageError
from busway.engine.http import Answer
from busway.engine.library import ForbiddenPath, Library, LibraryError, examples, flows_text, local_library
from busway.engine.runtime import Runtime

from ..api import ApiError, Call, Resource, body_answer, empty_answer, json_answer

resource = Resource("library")
T = TypeVar("T")


@resource.get("/library/:library/:type", "library.read")
@resource.get("/library/:library/:type/*", "library.read")
async def read_entry(call: Call) -> Answer:
    """A folder or an entry of a library.

    Of a folder the list of its folders (names) and entries (`fn` and properties), of an entry its text; flows are JSON.
    403: the path leads out of the library. 400: there is no such library, type or entry.
    """
    type, path = call.params["type"], call.params.get("0", "")
    library = _library(call)
    found = await _done(lambda: library.get(type, path))
    if isinstance(found, list):
        return json_answer(found)
    return body_answer(found.encode(), b"application/json" if type == "flows" else b"text/plain; charset=utf-8")


@resource.post("/library/:library/:type/*", "library.write")
async def write_entry(call: Call) -> Answer:
    """Keeps an entry; folders on the way are made.

    Flows are the body itself. Of functions and templates the body holds `text`, and properties, each a text of one line.
    403: the path leads out of the library, or the library is read-only.
    """
    type, path = call.params["type"], call.params["0"]
    library = _library(call)
    if type == "flows":
        text, properties = flows_text(_flows(call)), {}
    else:
        from ..models.library import Text

        body = call.fits(Text, "unexpected_error")
        text, properties = body.text, body.properties()
    await _done(lambda: library.put(type, path, text, properties))
    return empty_answer()


def _flows(call: Call) -> Any:
    flows = call.json()
    if isinstance(flows, (list, dict)):
        return flows
    raise ApiError(400, "unexpected_error", "the body is an array of nodes, or an object")


def libraries(runtime: Runtime) -> dict[str, Library]:
    """The libraries by id."""
    return {library.id: library for library in (local_library(runtime.settings.user_dir), examples())}


def _library(call: Call) -> Library:
    known, id = libraries(call.runtime), call.params["library"]
    if id not in known:
        raise ApiError(400, "unexpected_error", f"Unknown library: {id}; there are: {', '.join(known)}")
    return known[id]


async def _done(work: Callable[[], T]) -> T:
    """Works on files in a thread."""
    try:
        return await asyncio.to_thread(work)
    except ForbiddenPath as error:
        raise ApiError(403, "forbidden", str(error)) from None
    except LibraryError as error:
        raise ApiError(400, "unexpected_error", str(error)) from None
    except StorageError as error:
        raise ApiError(400, "storage_error", str(error)) from None
