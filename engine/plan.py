"""What one flow consists of, before it runs: definitions, groups, and for a subflow instance how it is tied to its outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .graph import link_targets
from .model import Env, FlowModel, Group, NodeDef, Tab
from .subflow import SubflowInstance, instantiate

GLOBAL = "global"


class FlowPlan:
    """The parts of a tab, a subflow instance, or the global flow."""

    def __init__(
        self,
        id: str,
        nodes: list[NodeDef],
        configs: list[NodeDef],
        groups: Mapping[str, Group],
        env: Env,
        builtins: Mapping[str, Any],
        subflow: SubflowInstance | None = None,
    ) -> None:
        self.id, self.env, self.builtins, self.subflow = id, env, builtins, subflow
        self.groups = groups
        self.nodes = [node for node in nodes if not node.disabled]
        self.configs = [node for node in configs if not node.disabled]
        self.nodes_by_id = {node.id: node for node in self.nodes}
        self.config_definitions = {node.id: node for node in self.configs}
        self._links: Mapping[str, list[str]] = {}
        self.inputs: list[str] = list(subflow.inputs) if subflow is not None else []

    # -- of a model -------------------------------------------------------------------------------------------------
    @classmethod
    def of_tab(cls, model: FlowModel, tab: Tab) -> FlowPlan:
        """The plan of a tab."""
        groups = {group.id: group for group in model.flow_groups(tab.id)}
        builtins = {"NR_FLOW_ID": tab.id, "NR_FLOW_NAME": tab.label}
        return cls(tab.id, model.flow_nodes(tab.id), model.flow_configs(tab.id), groups, tab.env, builtins)

    @classmethod
    def of_global(cls, model: FlowModel) -> FlowPlan:
        """The plan of the config nodes that belong to no tab."""
        env: Env = []
        for definition in model.flow_configs(None):
            if definition.type == "global-config":
                env.extend(entry for entry in definition.raw.get("env") or [] if isinstance(entry, dict))
        return cls(GLOBAL, [], model.flow_configs(None), {}, env, {})

    def inside(self, model: FlowModel, definition: NodeDef, properties: Mapping[str, Any]) -> FlowPlan:
        """The plan of a subflow instance of this flow."""
        resolved = NodeDef({**definition.raw, "env": properties.get("env") or []}, definition.z)
        subflow = instantiate(model, definition.template_id or "", resolved)
        groups = {group.id: group for group in subflow.groups}
        builtins = {
            "NR_SUBFLOW_ID": definition.id,
            "NR_SUBFLOW_NAME": definition.name,
            "NR_NODE_ID": definition.id,
            "NR_NODE_NAME": definition.name,
        }
        plan = FlowPlan(definition.id, subflow.nodes, subflow.configs, groups, subflow.env, builtins, subflow)
        plan.use_links(link_targets(subflow.nodes))
        return plan

    # -- groups and wires -------------------------------------------------------------------------------------------------
    def group_chain(self, group: str) -> list[str]:
        """A group and those around it, innermost first; "" is no group."""
        chain: list[str] = []
        while group in self.groups and group not in chain:
            chain.append(group)
            group = self.groups[group].g
        return chain

    def definition(self, id: str) -> NodeDef | None:
        """The definition of a node or config node of this flow."""
        return self.nodes_by_id.get(id) or self.config_definitions.get(id)

    def use_links(self, links: Mapping[str, list[str]]) -> None:
        """Sets what each link out node of this flow delivers to."""
        self._links = links

    def wires_of(self, definition: NodeDef) -> list[list[str]]:
        """The wires of a node; a link out node's are its links."""
        linked = self._links.get(definition.id)
        return definition.wires if linked is None else [linked]

    def output_ports(self, id: str) -> int:
        """How many outputs of a node lead somewhere out of the subflow."""
        if self.subflow is None:
            return 0
        sources = [source for output in self.subflow.outputs for source in output] + list(self.subflow.status)
        return max((port + 1 for source, port in sources if source == id), default=0)

    def leaves_by(self, id: str, index: int) -> list[int]:
        """The outputs of the subflow that output ``index`` of a node leads to."""
        if self.subflow is None:
            return []
        return [number for number, sources in enumerate(self.subflow.outputs) if (id, index) in sources]

    def is_status_source(self, id: str, index: int) -> bool:
        """Whether output ``index`` of a node leads to the subflow's status output."""
        return self.subflow is not None and (id, index) in self.subflow.status

    @property
    def has_status_output(self) -> bool:
        """Whether the subflow's status is set by its own nodes rather than by what they report."""
        return self.subflow is not None and self.subflow.has_status

    def passes_through(self) -> list[int]:
        """The outputs that the subflow's input is wired to directly."""
        return self.leaves_by(self.id, 0)

    def leaving(self) -> list[NodeDef]:
        """The nodes with an output that leads out of the subflow."""
        return [node for node in self.nodes if self.output_ports(node.id)]
