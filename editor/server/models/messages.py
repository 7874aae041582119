"""A given message into any node."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from . import Contract, Model, Problem


class Sent(Model):
    """The message is on its way."""

    msgid: str = Field(alias="_msgid", description="The id of the message.")


send = Contract(
    path={"node": "Id of a running node that takes messages."},
    body=dict[str, Any],
    answers={200: Sent, 400: Problem, 404: Problem, 503: Problem},
)
