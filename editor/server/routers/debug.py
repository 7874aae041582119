"""``/debug``: the buttons of debug nodes, and a page that shows what they tell."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from busway.engine.http import Answer
from busway.engine.runtime import Runtime

from ..api import Call, Resource, phrase_answer
from ..security_headers import page_headers

resource = Resource("debug")
_STATUS = {"enable": 200, "disable": 201}
_VIEW = Path(__file__).resolve().parent.parent / "debug_view"
_VIEW_TYPES = {"view.html": b"text/html", "view.js": b"text/javascript", "view.css": b"text/css"}


@runtime_checkable
class Switchable(Protocol):
    """A node that can be switched on and off while it runs."""

    def switch(self, active: bool) -> None: ...


@resource.post("/debug/enable", "debug.write")
@resource.post("/debug/disable", "debug.write")
async def switch_some(call: Call) -> Answer:
    """Switches several debug nodes on (200) or off (201): the body's `nodes` lists their ids.

    Lasts until the nodes restart.
    """
    from ..models.debug import Nodes

    for id in call.fits(Nodes).nodes:
        _switch(call.runtime, id, _state(call))
    return phrase_answer(_STATUS[_state(call)])


@resource.post("/debug/:id/enable", "debug.write")
@resource.post("/debug/:id/disable", "debug.write")
async def switch_one(call: Call) -> Answer:
    """Switches a debug node on (200) or off (201).

    Lasts until the node restarts. 404: no such node runs.
    """
    is_there = _switch(call.runtime, call.params["id"], _state(call))
    return phrase_answer(_STATUS[_state(call)] if is_there else 404)


def _state(call: Call) -> str:
    return call.request.route_path.rpartition("/")[2]


@resource.get("/debug/view/:file", "")
async def read_view(call: Call) -> Answer:
    """The page `view.html` shows debug messages, warnings and errors as they come, in a window of its own."""
    kind = _VIEW_TYPES.get(call.params["file"])
    if kind is None:
        return phrase_answer(404)
    body = (_VIEW / call.params["file"]).read_bytes()
    headers = [(b"content-type", kind + b"; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    return Answer(200, [*headers, *page_headers()], body)


def _switch(runtime: Runtime, id: str, state: str) -> bool:
    node = runtime.nodes.get(id)
    if isinstance(node, Switchable):
        node.switch(state == "enable")
    return node is not None
