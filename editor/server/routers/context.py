"""``/context``: the values that nodes, flows and the runtime keep."""

from __future__ import annotations

from typing import Any

from busway.engine.context import Context
from busway.engine.encode import encode
from busway.engine.errors import ContextError, PathError
from busway.engine.http import Answer
from busway.engine.message import UNDEFINED
from busway.engine.runtime import Runtime

from ..api import ApiError, Call, Resource, empty_answer, json_answer, phrase_answer

resource = Resource("context")


@resource.get("/context/global", "context.read")
@resource.get("/context/flow/:id", "context.read")
@resource.get("/context/node/:id", "context.read")
async def list_context(call: Call) -> Answer:
    """All values of a context, by store and key.

    Each value is `{msg, format}`, written as in the debug panel. With `keysOnly` in the query names without values. A flow
    or node that there is not has none.
    """
    context, store = _find(call), _store(call)
    if context is None:
        return json_answer({})
    stores = [store] if store else list(call.runtime.contexts.stores)
    keys_only = "keysOnly" in call.request.query
    return json_answer({name: await _listed(context, name, keys_only, call.runtime) for name in stores})


@resource.get("/context/global/*", "context.read")
@resource.get("/context/flow/:id/*", "context.read")
@resource.get("/context/node/:id/*", "context.read")
async def read_value(call: Call) -> Answer:
    """One value of a context; the key may lead into it, as in `a.b[0]`.

    It is `{msg, format}`, written as in the debug panel, and `store` where that is not the default one. With `keysOnly` in
    the query the names inside the value, without their values.
    """
    context, store = _find(call), _store(call)
    if context is None:
        return json_answer({})
    if not call.params["0"]:
        return await list_context(call)
    name = store or call.runtime.contexts.default
    value = await _value(context, call.params["0"], name)
    if "keysOnly" in call.request.query:
        return json_answer({name: _outline(value)})
    shown = _shown(value, call.runtime)
    return json_answer(shown if name == call.runtime.contexts.default else shown | {"store": name})


@resource.delete("/context/global/*", "context.write")
@resource.delete("/context/flow/:id/*", "context.write")
@resource.delete("/context/node/:id/*", "context.write")
async def delete_value(call: Call) -> Answer:
    """Deletes a value of a context, in the default store or the query's `store`; nothing happens when there is none."""
    context, store = _find(call), _store(call)
    if not call.params["0"]:
        return phrase_answer(404)
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
