"""``/inject``: the buttons of inject nodes."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from . import PHRASE, Contract, Model, Problem


class Property(Model):
    """One property of the message."""

    p: str = Field(description="Path of the property.")
    v: Any = Field(None, description="The value, as its type writes it.")
    vt: str = Field("str", description="Type of the value: `str`, `num`, `bool`, `json`, `date`, `jsonata`, ...")


class Press(Model):
    """What is injected instead of the node's own properties."""

    props: list[Property] | None = Field(
        None, alias="__user_inject_props__", description="All properties of the message; absent: the node's own."
    )


press = Contract(
    path={"id": "Id of the inject node."},
    body=Press,
    body_required=False,
    answers={200: PHRASE, 404: PHRASE, 500: Problem, 503: Problem},
)
