"""``/nodes``: which node types there are, which are switched on, and how an editor shows them."""

from __future__ import annotations

from busway.engine.errors import StorageError
from busway.engine.http import Answer
from busway.engine.runtime import TypeInUse

from ..api import ApiError, Call, Resource, html_answer, json_answer
from ..node_sets import CORE, USER, NodeSet, find_module, find_set, node_sets
from ..palette import describe_type

resource = Resource("nodes")


@resource.get("/nodes", "nodes.read")
async def list_sets(call: Call) -> Answer:
    """The sets of node types: one for each file.

    With `Accept: application/json` as a list; otherwise the forms and definitions of all types as Node-RED's editor loads
    them, in HTML.
    """
    registry = call.runtime.registry
    if wants_json(call):
        return json_answer(node_sets(registry))
    from ..node_red_forms import page

    return html_answer(page(registry, node_sets(registry)))


@resource.post("/nodes", "nodes.write")
async def add_module(call: Call) -> Answer:
    """Reads the user's node files again: the body's `module` is `user`. Nodes whose code has changed restart.

    Packages are not installed from here: that is done where Busway is installed, see the message.
    """
    from ..models.nodes import NewModule

    name = call.fits(NewModule).module
    runtime, registry = call.runtime, call.runtime.registry
    before = node_sets(registry)
    if name != USER:
        _refuse_install(name, name in {found["module"] for found in before})
    await runtime.reload_types(registry.reload_folders())
    module = find_module(registry, USER)
    known = {found["id"] for found in before}
    if added := [found for found in module["nodes"] if found["id"] not in known]:
        runtime.events.emit("notification", ("node/added", added))
    return json_answer(module)


@resource.get("/nodes/types", "nodes.read")
async def list_types(call: Call) -> Answer:
    """Everything an editor has to know of each node type.

    For each type: look (`category`, `color`, `icon`, `label`, ...), ports, `fields` of its form, the JSON Schema of its
    properties, and `help` in Markdown. `errors` tells which types cannot be loaded, and why.
    """
    registry = call.runtime.registry
    types = [describe_type(cls, registry.place(cls.type)) for cls in registry.all()]
    return json_answer({"types": types, "errors": registry.errors})


@resource.get("/nodes/messages", "nodes.read")
async def read_messages(call: Call) -> Answer:
    """The translations of all sets, by the set's id. The texts of our forms are in them, so each is empty."""
    return json_answer({found["id"]: {} for found in node_sets(call.runtime.registry)})


@resource.get("/nodes/:module", "nodes.read")
async def read_module(call: Call) -> Answer:
    """One module with its sets."""
    return json_answer(find_module(call.runtime.registry, call.params["module"]))


@resource.put("/nodes/:module", "nodes.write")
async def switch_module(call: Call) -> Answer:
    """Switches all sets of a module on or off, for restarts too. 400: the flows use one of its types."""
    name, registry = call.params["module"], call.runtime.registry
    enabled = _wanted(call)
    await _switch(call, find_module(registry, name)["nodes"], enabled)
    return json_answer(find_module(registry, name))


@resource.delete("/nodes/:module", "nodes.write")
async def remove_module(call: Call) -> Answer:
    """Is refused: modules are removed where Busway is installed. The message says how."""
    name = call.params["module"]
    find_module(call.runtime.registry, name)
    if name == CORE:
        raise ApiError(400, "unexpected_error", f"{CORE} is built in; its sets can be disabled")
    where = "remove its files from the folder of nodes" if name == USER else f"run: pip uninstall {name}"
    raise ApiError(400, "remove_not_allowed", f"modules are not removed from here; {where}")


@resource.get("/nodes/:module/:set", "nodes.read")
async def read_set(call: Call) -> Answer:
    """One set of node types: with `Accept: application/json` as an object, otherwise its forms and definitions in HTML."""
    found = find_set(call.runtime.registry, call.params["module"], call.params["set"])
    if wants_json(call):
        return json_answer(found)
    from ..node_red_forms import page

    return html_answer(page(call.runtime.registry, [found]))


@resource.put("/nodes/:module/:set", "nodes.write")
async def switch_set(call: Call) -> Answer:
    """Switches a set on or off, for restarts too. 400: the flows use one of its types."""
    module, name = call.params["module"], call.params["set"]
    enabled = _wanted(call)
    await _switch(call, [find_set(call.runtime.registry, module, name)], enabled)
    return json_answer(find_set(call.runtime.registry, module, name))


@resource.get("/nodes/:module/:set/messages", "nodes.read")
async def read_set_messages(call: Call) -> Answer:
    """The translations of one set; the texts of our forms are in them, so there are none."""
    return json_answer({})


def wants_json(call: Call) -> bool:
    """Whether the list is wanted rather than HTML: Node-RED looks for exactly this."""
    return call.request.get("accept") == "application/json"


def _wanted(call: Call) -> bool:
    from ..models.nodes import Switch

    return call.fits(Switch).enabled


async def _switch(call: Call, sets: list[NodeSet], enabled: bool) -> None:
    changed = [found for found in sets if found["enabled"] is not enabled]
    try:
        await call.runtime.switch_types([type for found in changed for type in found["types"]], enabled)
    except TypeInUse as error:
        raise ApiError(400, "type_in_use", str(error)) from None
    except StorageError as error:
        raise ApiError(500, "storage_error", str(error)) from None
    for found in changed:
        topic = f"node/{'enabled' if enabled else 'disabled'}"
        call.runtime.events.emit("notification", (topic, found | {"enabled": enabled}))


def _refuse_install(name: str, is_there: bool) -> None:
    if is_there:
        raise ApiError(400, "module_already_loaded", f"module {name!r} is there already")
    how = f"where Busway is installed, run: pip install {name!r}, and start Busway again"
    raise ApiError(400, "install_not_allowed", f"packages are not installed from here; {how}")
