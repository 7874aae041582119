"""``/history``: kept deploys, and how versions of the flows differ."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from . import Contract, Model, Problem
from .flows import FlowObject, Refusal


class Deploy(Model):
    """One kept deploy."""

    when: str = Field(description="When it was deployed: ISO 8601, UTC.")
    user: str = Field(description="By whom; empty where it is not known.")
    revision: str = Field(description="The revision of the flows.")
    type: str = Field(
        description="Type of the deploy: `full`, `flows`, `nodes`, `reload`, `restore` (into the file); empty for a file found changed."
    )
    changes: dict[str, int] = Field(
        description="How many nodes it added, changed, removed, rewired, moved, and how many tabs, groups and subflows it touched."
    )


class Deploys(Model):
    """All kept deploys."""

    current: str = Field(description="The revision that runs.")
    deploys: list[Deploy] = Field(description="Newest first.")


class Difference(Model):
    """A value before and after."""

    before: Any = Field(None, description="What it was; absent where it was not there.")
    after: Any = Field(None, description="What it is; absent where it is no longer there.")


class Property(Difference):
    """A property that differs."""

    name: str = Field(description="Its name.")


class Part(Model):
    """A node, config node or group that differs."""

    id: str = Field(description="Its id.")
    kind: Literal["node", "config", "group"] = Field(description="What it is.")
    type: str = Field(description="Its node type.")
    name: str = Field(description="Its name, or empty.")
    change: Literal["added", "removed", "changed"] = Field(description="What happened to it.")
    properties: list[Property] = Field(default_factory=list, description="Properties that differ.")
    moved: Difference | None = Field(None, description="Where it was and is.")
    rewired: Difference | None = Field(None, description="What it was and is wired to.")


class Section(Model):
    """A tab or subflow template that differs, or `global`: what belongs to none."""

    id: str = Field(description="Its id.")
    kind: Literal["tab", "subflow", "global"] = Field(description="What it is.")
    label: str = Field(description="Its name.")
    change: Literal["added", "removed", "changed"] | None = Field(None, description="What happened to itself.")
    properties: list[Property] = Field(default_factory=list, description="Properties of its own that differ.")
    moved: Difference | None = Field(None, description="Where it was and is.")
    rewired: Difference | None = Field(None, description="What its ports were and are wired to.")
    parts: list[Part] = Field(description="What differs inside.")


class Comparison(Model):
    """How one version of the flows differs from another."""

    from_: str = Field(alias="from", description="The revision before.")
    to: str = Field(description="The revision after.")
    counts: dict[str, int] = Field(description="How many parts were added, removed, changed, moved, rewired.")
    sections: list[Section] = Field(description="By tab and subflow.")


class DeployWithFlows(Deploy):
    """One kept deploy with its flows."""

    flows: list[FlowObject] = Field(description="The flows.")
    diff: Comparison = Field(description="How they differ from those of the deploy before.")


class Restore(Model):
    """From what the restored flows may take over."""

    rev: str | None = Field(None, description="The revision that is believed to run.")


class Restored(Model):
    """What runs now."""

    rev: str = Field(description="Its revision.")


_REV = "A revision, or the beginning of one."
_VERSION = "A revision, the beginning of one, or `current` for the running flows."

list_history = Contract(answers={200: Deploys, 404: Problem, 500: Problem})
read_deploy = Contract(path={"rev": _REV}, answers={200: DeployWithFlows, 404: Problem, 500: Problem})
compare_deploys = Contract(path={"a": _VERSION, "b": _VERSION}, answers={200: Comparison, 404: Problem, 500: Problem})
restore_deploy = Contract(
    path={"rev": _REV},
    body=Restore,
    body_required=False,
    answers={200: Restored, 400: Refusal, 404: Problem, 409: Problem, 500: Problem},
)
