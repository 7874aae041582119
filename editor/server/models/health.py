"""``/health``: for whoever watches the process."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from . import Contract, Model


class Live(Model):
    """The process works."""

    status: Literal["live"] = Field(description="`live`.")


class Ready(Model):
    """Whether the flows run and take messages."""

    status: Literal["ready", "overloaded", "not ready"] = Field(description="The answer in a word.")
    flows: str = Field(description="State of the flows: `start`, `stop` or `safe`.")
    nodes: int = Field(description="Number of running nodes.")
    failed: int = Field(description="Number of nodes that could not start.")


live = Contract(answers={200: Live})
ready = Contract(answers={200: Ready, 503: Ready})
