"""What the admin API takes and gives, as pydantic models: one module a resource, one :class:`Contract` an endpoint.

A contract has the name of the endpoint's handler. The modules are imported when a body is first checked or the description of
the API is first asked for: hundreds of models would cost a start too much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """Members that are not described are let through, as Node-RED's clients send and expect more than is asked for."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, defer_build=True)


class Problem(Model):
    """What went wrong."""

    code: str = Field(description="A word for programs.", examples=["not_found"])
    message: str = Field(description="A sentence for people: what is wrong, where, and what would be right.")


@dataclass(frozen=True)
class Media:
    """An answer that is no JSON: its content type, and what it is."""

    type: str
    description: str


PHRASE = Media("text/plain", "The name of the status, as text.")
HTML = Media("text/html", "A page.")

Shape = Any
"""A pydantic type (JSON), a :class:`Media`, a tuple of them (by the request's `Accept`), or None for an empty answer."""


@dataclass(frozen=True)
class Contract:
    """What one endpoint takes and gives. ``answers`` by status; ``query`` and ``headers`` are models whose fields are the
    parameters; ``path`` says what the parameters of the path mean."""

    answers: Mapping[int, Shape]
    body: Shape = None
    body_required: bool = True
    query: type[BaseModel] | None = None
    headers: type[BaseModel] | None = None
    path: Mapping[str, str] = field(default_factory=dict)
