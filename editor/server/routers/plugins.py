"""``/plugins`` and ``/projects``: parts of Node-RED that there are none of here, answered as Node-RED does without them."""

from __future__ import annotations

from busway.engine.http import Answer

from ..api import ApiError, Call, Resource, html_answer, json_answer, phrase_answer
from .nodes import wants_json

resource = Resource("plugins")


@resource.get("/plugins", "plugins.read")
async def list_plugins(call: Call) -> Answer:
    """The plugins of Node-RED's editor: there are none.

    With `Accept: application/json` an empty list, otherwise empty HTML.
    """
    return json_answer([]) if wants_json(call) else html_answer("")


@resource.get("/plugins/messages", "plugins.read")
async def read_plugin_messages(call: Call) -> Answer:
    """The translations of all plugins: there are none."""
    return json_answer({})


@resource.get("/plugins/:module", "plugins.read")
@resource.get("/plugins/:module/:set", "plugins.read")
async def read_plugin(call: Call) -> Answer:
    """One module of plugins: there is none."""
    raise ApiError(404, "not_found", f"there is no module of plugins {call.params['module']!r}")


@resource.get("/projects", "projects.read")
@resource.get("/projects/*", "projects.read")
async def read_projects(call: Call) -> Answer:
    """Projects are git repositories that Node-RED's editor works in. There are none: history is kept with the flows."""
    return phrase_answer(404)
