"""``/context``: the values that nodes, flows and the runtime keep."""

from __future__ import annotations

from typing import Any

from busway.engine.context import Context
from busway.engine.encode import encode
from busway.engine.errors import ContextError, PathError
from busway.engine.http import Answer
from busway.engine.message import UNDEFINED
from busway.engine.runtime import Runtime

from ..api import ApiError, Call, Resource, empty_answer, json_answer

resource = Resource("context")


@resource.get("/context/global", "context.read")
@resource.get("/context/global/*", "context.read")
@resource.get("/context/flow/:id", "context.read")
@resource.get("/context/flow/:id/*", "context.read")
@resource.get("/context/node/:id", "context.read")
@resource.get("/context/node/:id/*", "context.read")
async def read_context(call: Call) -> Answer:
    """Values of a context: of all stores, or those of the query's `store`.

    Each value is `{msg, format}`, written as in the debug panel. With a key at the end of the path (which may lead into the
    value) only that one; `keysOnly` in the query gives names without values.
    """
    context, store = _find(call), _store(call)
    if context is None:
        return json_answer({})
    keys_only = "keysOnly" in call.request.query
    key = call.params.get("0")
    if not key:
        stores = [store] if store else list(call.runtime.contexts.stores)
        return json_answer({name: await _listed(context, name, keys_only, call.runtime) for name in stores})
    name = store or call.runtime.contexts.default
    value = await _value(context, key, name)
    if keys_only:
        return json_answer({name: _outline(value)})
    shown = _shown(value, call.runtime)
    return json_answer(shown if name == call.runtime.contexts.default else shown | {"store": name})


@resource.delete("/context/global/*", "context.write")
@resource.delete("/context/flow/:id/*", "context.write")
@resource.delete("/context/node/:id/*", "context.write")
async def delete_value(call: Call) -> Answer:
    """Deletes a value of a context, in the default store or the query's `store`."""
    context, store = _find(call), _store(call)
    if context is not None:
        try:
            await context.aset(call.params["0"], UNDEFINED, store or call.runtime.contexts.default)
        except (ContextError, PathError) as error:
            raise ApiError(400, "unexpected_error", str(error)) from None
    return empty_answer()


def _find(call: Call) -> Context | None:
    """The context that the path names; None when there is no such node or flow."""
    runtime, id = call.runtime, call.params.get("id", "")
    scope = call.request.route_path.split("/")[2]
    if scope == "global":
        return runtime.contexts.global_()
    if scope == "node":
        node = runtime.nodes.get(id)
        return node.context if node is not None else None
    known = id in runtime.flows or id in runtime.nodes or id in runtime.model.tabs
    return runtime.contexts.flow(id) if known else None


def _store(call: Call) -> str | None:
    name = call.request.query.get("store")
    if not name:
        return None
    if not isinstance(name, str) or name not in call.runtime.contexts.stores:
        known = ", ".join(call.runtime.contexts.stores)
        raise ApiError(404, "not_found", f"there is no context store {name!r}; there are: {known}")
    return name


async def _listed(context: Context, store: str, keys_only: bool, runtime: Runtime) -> Any:
    names = await context.akeys(store)
    if keys_only:
        return {"keys": [{"key": name} for name in names]}
    return {name: _shown(await _stored(context, name, store), runtime) for name in names}


async def _stored(context: Context, name: str, store: str) -> Any:
    """The value of a whole key: the name is taken as it is, not as a path."""
    quote = '"' if '"' not in name else "'"
    return await context.aget(f"{quote}{name}{quote}", store)


async def _value(context: Context, key: str, store: str) -> Any:
    try:
        return await context.aget(key, store)
    except (ContextError, PathError) as error:
        raise ApiError(400, "unexpected_error", str(error)) from None


def _shown(value: Any, runtime: Runtime) -> dict[str, Any]:
    text, kind = encode(value, runtime.settings.debug_max_length)
    return {"msg": text, "format": kind}


def _outline(value: Any) -> dict[str, Any]:
    """The names inside a value, without their values."""
    if isinstance(value, list):
        return {"format": f"array[{len(value)}]"}
    if isinstance(value, dict):
        return {"keys": [{"key": name, **_kind(item)} for name, item in value.items()], "format": "object"}
    return {"keys": []}


def _kind(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"format": f"array[{len(value)}]", "length": len(value)}
    return {"format": "object"} if isinstance(value, dict) else {}
