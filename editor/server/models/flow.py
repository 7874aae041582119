"""``/flow``: one tab with its nodes."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from . import Contract, Model, Problem
from .flows import FlowObject, Refusal


class SubflowContent(FlowObject):
    """A subflow template with the nodes inside."""

    nodes: list[FlowObject] | None = Field(None, description="Groups and nodes of the template.")
    configs: list[FlowObject] | None = Field(None, description="Config nodes of the template.")


class FlowContent(Model):
    """A tab and all that stands on it; or, where the id is `global`, what belongs to no tab."""

    label: str | None = Field(None, description="The tab's name.")
    disabled: bool | None = Field(None, description="Whether its nodes do not run.")
    locked: bool | None = Field(None, description="Whether the editor protects it from changes.")
    info: str | None = Field(None, description="Its description, as Markdown.")
    env: list[dict[str, Any]] | None = Field(None, description="Its environment: objects with `name`, `value`, `type`.")
    credentials: dict[str, Any] | None = Field(None, description="Secret values of its environment, by name.")
    nodes: list[FlowObject] | None = Field(None, description="Its groups and nodes.")
    configs: list[FlowObject] | None = Field(None, description="Its config nodes; of `global` those of no tab.")
    subflows: list[SubflowContent] | None = Field(None, description="Only of `global`: the subflow templates.")


class NewFlow(FlowContent):
    """A tab to add."""

    nodes: list[FlowObject] = Field(description="Its groups and nodes; they get the tab's id as `z`.")


class Flow(FlowContent):
    """A tab and all that stands on it."""

    id: str = Field(description="Its id.")


class FlowId(Model):
    """Which tab it was."""

    id: str = Field(description="The tab's id.")


_PATH = {"id": "Id of a tab, or `global` for what belongs to no tab."}

read_flow = Contract(path=_PATH, answers={200: Flow, 404: Problem})
add_flow = Contract(body=NewFlow, answers={200: FlowId, 400: Refusal, 409: Problem, 500: Problem})
replace_flow = Contract(
    path=_PATH, body=FlowContent, answers={200: FlowId, 400: Refusal, 404: Problem, 409: Problem, 500: Problem}
)
remove_flow = Contract(path=_PATH, answers={204: None, 400: Refusal, 404: Problem, 409: Problem, 500: Problem})
