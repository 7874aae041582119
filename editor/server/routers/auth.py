"""``/auth``: how to log in."""

from __future__ import annotations

from busway.engine.http import Answer

from ..api import Call, Resource, json_answer

resource = Resource("auth")


@resource.get("/auth/login", "")
async def login(call: Call) -> Answer:
    """What a login asks for: nothing, there are no users. Node-RED's tools ask this first."""
    return json_answer({})
