"""What can go wrong between OCPP's payloads and the unified ones."""

from __future__ import annotations

from busway.engine.errors import BuswayError

_JSON_NAMES = {type(None): "null", bool: "a boolean", str: "a text", list: "a list", int: "a number", float: "a number"}


def shown(value: object) -> str:
    """The JSON kind of ``value``, for error texts."""
    return _JSON_NAMES.get(type(value), f"a {type(value).__name__}")


class NormalizeError(BuswayError):
    """Base of the three errors of this package."""


class PayloadError(NormalizeError):
    """A station's payload is no JSON object: there is nothing to read from it."""

    def __init__(self, action: object, payload: object) -> None:
        super().__init__(f"the payload of {action} must be an object, not {shown(payload)}")


class AnswerError(NormalizeError):
    """A flow's answer is incomplete or unclear, and guessing could let someone charge who must not."""


class CommandError(NormalizeError):
    """A command lacks something that the station needs, or says it in a way that has no one meaning."""
