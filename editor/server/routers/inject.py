"""``/inject``: the buttons of inject nodes."""

from __future__ import annotations

from typing import Any

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
    props = _props(call) if call.request.raw_body else None
    try:
        call.runtime.inject(call.params["id"], props)
    except KeyError:
        return phrase_answer(404)
    except Overloaded as error:
        return error_answer(503, "overloaded", str(error), RETRY)
    except BuswayError as error:
        raise ApiError(500, "inject_failed", str(error)) from None
    return phrase_answer(200)


def _props(call: Call) -> list[dict[str, Any]] | None:
    from ..models.inject import Press

    given = call.fits(Press).props
    return None if given is None else [row.model_dump(exclude_unset=True) for row in given]
