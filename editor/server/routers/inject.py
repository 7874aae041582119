"""``/inject``: the buttons of inject nodes."""

from __future__ import annotations

from busway.engine.errors import BuswayError, Overloaded
from busway.engine.http import Answer, error_answer

from ..api import RETRY, ApiError, Call, Resource, phrase_answer

resource = Resource("inject")


@resource.post("/inject/:id", "inject.write")
async def press(call: Call) -> Answer:
    """Presses the button of an inject node.

    The body may hold `__user_inject_props__`: a list of properties (`{p, v, vt}`) that are injected instead of the node's own.
    404: no such node runs. 503: too much is under way.
    """
    body = call.json()
    props = body.get("__user_inject_props__") if isinstance(body, dict) else None
    if props is not None and not isinstance(props, list):
        raise ApiError(400, "invalid_request", "__user_inject_props__ is a list of objects with p, v and vt")
    try:
        call.runtime.inject(call.params["id"], props)
    except KeyError:
        return phrase_answer(404)
    except Overloaded as error:
        return error_answer(503, "overloaded", str(error), RETRY)
    except BuswayError as error:
        raise ApiError(500, "inject_failed", str(error)) from None
    return phrase_answer(200)
