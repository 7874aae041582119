"""``/flows`` and ``/flows/state``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from . import Contract, Model, Problem


class FlowObject(Model):
    """One object of a flow file: a tab, a subflow, a group, a node. What else it has depends on its type."""

    id: str = Field(min_length=1, description="Unique among all objects.")
    type: str = Field(min_length=1, description="`tab`, `subflow`, `group`, or the type of a node.")


class Flows(Model):
    """The flows with their revision (version v2)."""

    flows: list[FlowObject] = Field(description="The array of the flow file.")
    rev: str = Field(description="The revision: SHA-256 of the array, in hex.")


class Deploy(Model):
    """Flows to deploy (version v2)."""

    flows: list[FlowObject] = Field(default_factory=list, description="The array of the flow file.")
    rev: str | None = Field(None, description="The revision that the change was made from; absent: deploy anyway.")
    credentials: dict[str, dict[str, Any] | str] | None = Field(
        None,
        description="All secrets, by node id and field, in place of the stored ones; or a credentials file's encrypted object.",
    )


class Revision(Model):
    """The flows that run now."""

    rev: str = Field(description="Their revision.")


class Refusal(Problem):
    """Why flows are not deployed."""

    problems: list[str] | None = Field(None, description="Everything that is wrong with the flows.")


class StateChange(Model):
    """What the flows shall do."""

    state: Literal["start", "stop"] = Field(description="`start` or `stop`.")


class State(Model):
    """Whether the flows run."""

    state: Literal["start", "stop", "safe"] = Field(
        description="`start`: they run; `stop`: they do not; `safe`: not yet."
    )


class ReadHeaders(Model):
    """How the flows are wanted."""

    version: Literal["v1", "v2"] = Field(
        "v1", alias="Node-RED-API-Version", description="`v1`: the array alone; `v2`: an object with `flows` and `rev`."
    )


class DeployHeaders(ReadHeaders):
    """How the flows are deployed."""

    mode: Literal["full", "nodes", "flows", "reload"] = Field(
        "full",
        alias="Node-RED-Deployment-Type",
        description="What is restarted; `reload` reads the stored flows again.",
    )


read_flows = Contract(headers=ReadHeaders, answers={200: list[FlowObject] | Flows, 400: Problem})
deploy_flows = Contract(
    headers=DeployHeaders,
    body=list[FlowObject] | Deploy,
    body_required=False,
    answers={200: Revision, 204: None, 400: Refusal, 409: Problem, 500: Problem},
)
read_state = Contract(answers={200: State})
change_state = Contract(body=StateChange, answers={200: State, 404: Problem, 500: Problem})
