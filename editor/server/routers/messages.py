"""``/messages``: a given message into any node."""

from __future__ import annotations

from typing import Any

from busway.engine.errors import Overloaded
from busway.engine.http import Answer, error_answer
from busway.engine.message import new_id
from busway.engine.node import ConfigNode

from ..api import RETRY, ApiError, Call, Resource, json_answer

resource = Resource("messages")


@resource.post("/messages/:node", "inject.write")
async def send(call: Call) -> Answer:
    """Sends the body, a message as a JSON object, into any running node.

    It is handled as if it had come over a wire. Keeps its `_msgid`, or gets one. `{"type": "Buffer", "data": [...]}` becomes bytes. 404: no such
    node runs. 503: too much is under way.
    """
    message = revived(call.json())
    if not isinstance(message, dict):
        raise ApiError(400, "invalid_request", "the body is to be the message: a JSON object")
    id = call.params["node"]
    node = call.runtime.nodes.get(id)
    if node is None or isinstance(node, ConfigNode):
        raise ApiError(404, "not_found", f"no node {id!r} runs that could take a message")
    if not isinstance(message.setdefault("_msgid", new_id()), str):
        raise ApiError(400, "invalid_request", f"'_msgid' is a text, not {message['_msgid']!r}")
    try:
        call.runtime.receive(id, message)
    except Overloaded as error:
        return error_answer(503, "overloaded", str(error), RETRY)
    return json_answer({"_msgid": message["_msgid"]})


def revived(value: Any) -> Any:
    """A value from JSON with its buffers as bytes."""
    if isinstance(value, list):
        return [revived(item) for item in value]
    if not isinstance(value, dict):
        return value
    data = value.get("data")
    if (
        value.get("type") == "Buffer"
        and isinstance(data, list)
        and value.keys() <= {"type", "data", "__enc__", "length"}
    ):
        try:
            return bytes(data)
        except (TypeError, ValueError):
            return value
    return {key: revived(item) for key, item in value.items()}
