"""The environments of a running flow: of itself, of its groups, of its nodes; each inside the next outer one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .context import Context
from .environment import Environment, ProcessEnvironment
from .plan import GLOBAL, FlowPlan
from .values import Variables

if TYPE_CHECKING:
    from .runtime import Runtime


class FlowScope:
    """What JSONata entries of an environment can reach: the contexts of the flow, and the environment around it."""

    def __init__(self, runtime: Runtime, flow_id: str, env: Variables) -> None:
        self._runtime, self._flow_id, self._env = runtime, flow_id, env

    @property
    def env(self) -> Variables:
        return self._env

    @property
    def context(self) -> Context:
        return self.flow_context

    @property
    def flow_context(self) -> Context:
        return self._runtime.contexts.flow(self._flow_id)

    @property
    def global_context(self) -> Context:
        return self._runtime.contexts.global_()

    def now(self) -> float:
        return self._runtime.clock()


class Surroundings:
    """The environments of one flow, evaluated once at its start. ``outer`` is the environment around it, None for the outermost."""

    def __init__(self, runtime: Runtime, plan: FlowPlan, outer: Environment | None, path: str) -> None:
        self._runtime, self._plan, self.path = runtime, plan, path
        around: Variables = outer or ProcessEnvironment(runtime.settings.env_excludes)
        scope = FlowScope(runtime, plan.id, around)
        self.flow = Environment(plan.env, around, plan.builtins, self._secrets(), scope)
        self._groups: dict[str, Environment] = {}

    def of_group(self, group: str) -> Environment:
        """The environment of a group; the flow's own for ""."""
        if group not in self._plan.groups:
            return self.flow
        found = self._groups.get(group)
        if found is None:
            found = self._groups[group] = self._evaluate(group)
        return found

    def of_node(self, properties: Mapping[str, Any]) -> Environment:
        """The environment of a node of this flow."""
        builtins = {
            "NR_NODE_ID": properties["id"],
            "NR_NODE_NAME": properties.get("name", ""),
            "NR_NODE_PATH": f"{self.path}/{properties.get('_alias', properties['id'])}",
        }
        return Environment(None, self.of_group(str(properties.get("g") or "")), builtins)

    def _evaluate(self, group: str) -> Environment:
        found = self._plan.groups[group]
        outer = self.of_group(found.g)
        builtins = {"NR_GROUP_ID": group, "NR_GROUP_NAME": found.name}
        secrets = self._runtime.credentials.get(group)
        return Environment(found.env, outer, builtins, secrets, FlowScope(self._runtime, self._plan.id, outer))

    def _secrets(self) -> dict[str, Any]:
        """The values of the flow's ``cred`` entries; those of global-config nodes lie under ``map``."""
        if self._plan.id != GLOBAL:
            return self._runtime.credentials.get(self._plan.id)
        secrets: dict[str, Any] = {}
        for definition in self._plan.configs:
            if definition.type == "global-config":
                secrets |= self._runtime.credentials.get(definition.id).get("map") or {}
        return secrets
