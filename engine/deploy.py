"""A partial deploy: stops, starts and rewires exactly what a change asks for, while everything else runs on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .diff import diff, plan
from .flow import Flow
from .graph import link_targets
from .model import FlowModel
from .plan import GLOBAL, FlowPlan

if TYPE_CHECKING:
    from .runtime import Runtime


class Deploy:
    """The way from the running model to ``new``. ``plan`` says what it takes; ``posted`` are ids with new secrets."""

    def __init__(self, runtime: Runtime, new: FlowModel, mode: str, posted: set[str]) -> None:
        self.runtime, self.new = runtime, new
        self._came: set[str] = set()
        self.plan = plan(diff(runtime.model, new, posted), runtime.model, new, mode)

    async def run(self) -> None:
        """Carries the plan out."""
        runtime, todo = self.runtime, self.plan
        self._came = todo.start - set(runtime.ports)
        stopping = todo.stop | todo.removed
        flows = list(runtime.flows.values())
        await asyncio.gather(*(flow.stop_sources(stopping) for flow in flows))
        if stopping:
            await runtime.dispatcher.drained(runtime.settings.deploy_drain_timeout)
        for flow in reversed(flows):
            await flow.stop_nodes(stopping, todo.removed)
        runtime.model = self.new
        self._renew_flows()
        self._start(todo.start)
        runtime.sweep_ports()
        self._rewire()
        await runtime._await_starts()

    def _renew_flows(self) -> None:
        """Gives each flow its part of the new model, makes flows for new tabs, drops those of tabs that are gone or disabled."""
        plans = {tab.id: FlowPlan.of_tab(self.new, tab) for tab in self.new.tabs.values() if not tab.disabled}
        plans = {GLOBAL: FlowPlan.of_global(self.new), **plans}
        old, links = self.runtime.flows, link_targets(self.new)
        flows: dict[str, Flow] = {}
        for id, flow_plan in plans.items():
            flow = old.get(id)
            if flow is None:
                flow = Flow(self.runtime, flow_plan, flows.get(GLOBAL))
            else:
                flow.renew(flow_plan)
            flow_plan.use_links(links)
            flows[id] = flow
        self.runtime.flows = flows

    def _start(self, ids: set[str]) -> None:
        flows = list(self.runtime.flows.values())
        for id in ids:
            self.runtime.failed.pop(id, None)
        for flow in flows:
            flow.open_ports(ids)
        for flow in flows:
            flow.start_nodes(ids)
        for flow in flows:
            flow.build_listeners()
            flow.run_sources()

    def _rewire(self) -> None:
        """Recompiles the routes that the change touches: changed wires, and wires to nodes that came or went."""
        touched = self.plan.removed | self._came
        for flow in self.runtime.flows.values():
            for definition in flow.plan.nodes:
                if definition.id in self.plan.rewire or _leads_to(flow.plan.wires_of(definition), touched):
                    flow.wire(definition)


def _leads_to(wires: list[list[str]], ids: set[str]) -> bool:
    return bool(ids) and any(target in ids for targets in wires for target in targets)
