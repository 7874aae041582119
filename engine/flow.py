"""One running tab or subflow instance: its nodes, their start, their stop, and who hears of their errors and statuses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from . import eager, reports
from .configure import configure
from .dispatch import Port
from .environment import Environment
from .listeners import Listeners
from .message import Message, clone
from .node import ConfigNode, Node
from .origin import ORIGIN
from .plan import FlowPlan
from .standin import Broken, Instance
from .surroundings import Surroundings

if TYPE_CHECKING:
    from .model import NodeDef
    from .runtime import Runtime

log = logging.getLogger("busway.flow")


class Flow:
    """A running tab, subflow instance, or the global flow of config nodes (``plan.id`` is ``global``)."""

    def __init__(
        self, runtime: Runtime, plan: FlowPlan, parent: Flow | None = None, instance: Instance | None = None
    ) -> None:
        self.runtime, self.plan, self.parent, self.instance = runtime, plan, parent, instance
        self.id = plan.id
        self.nodes: dict[str, Node[Any]] = {}
        self.children: dict[str, Flow] = {}
        self.surroundings = self._surround()
        runtime.contexts.flow(plan.id, parent.id if instance is not None and parent is not None else None)
        self._sources: dict[str, asyncio.Task[None]] = {}
        self._uses: dict[str, list[ConfigNode[Any]]] = {}
        self.listeners = Listeners((), plan.group_chain)

    def renew(self, plan: FlowPlan) -> None:
        """Takes the flow's part of a new model; running nodes go on until they are restarted or rewired."""
        self.plan = plan
        self.surroundings = self._surround()

    def _surround(self) -> Surroundings:
        outer = None
        if self.parent is not None:
            definition = self.parent.plan.definition(self.id) if self.instance is not None else None
            outer = self.parent.surroundings.of_group(definition.g if definition is not None else "")
        return Surroundings(self.runtime, self.plan, outer, self.path)

    # -- where ------------------------------------------------------------------------------------------------------
    @property
    def path(self) -> str:
        """Ids from the tab down to this flow, joined by slashes; inner instances by their template id."""
        if self.parent is None or self.instance is None:
            return self.id
        return f"{self.parent.path}/{self.instance.alias}"

    def environment_of(self, properties: Mapping[str, Any]) -> Environment:
        """The environment of a node of this flow."""
        return self.surroundings.of_node(properties)

    def all_ids(self) -> Iterator[str]:
        """The ids of all nodes of this flow and of the subflow instances in it."""
        yield from self.plan.nodes_by_id
        yield from self.plan.config_definitions
        for child in self.children.values():
            yield from child.all_ids()

    # -- starting ---------------------------------------------------------------------------------------------------
    def open_ports(self, ids: Iterable[str] | None = None) -> None:
        """Gives every enabled node of this flow its place on the message path, before any node is built."""
        wanted = None if ids is None else set(ids)
        for definition in self.plan.nodes:
            if wanted is None or definition.id in wanted:
                self.runtime.add_port(definition.id)

    def start_nodes(self, ids: set[str] | None = None) -> None:
        """Builds and starts nodes (all, or those named), config nodes first, then in the order of the file."""
        for definition in self.plan.configs:
            if ids is None or definition.id in ids:
                self.config_node(definition.id)
        for definition in self.plan.nodes:
            if ids is None or definition.id in ids:
                self._start_node(definition)

    def config_node(self, id: str, asking: tuple[str, ...] = ()) -> ConfigNode[Any] | None:
        """A running config node that this flow can see, started now if it was not; None when there is none."""
        running = self.nodes.get(id)
        if isinstance(running, ConfigNode):
            return running
        definition = self.plan.config_definitions.get(id)
        if definition is None:
            return self.parent.config_node(id, asking) if self.parent is not None else None
        if id in asking:
            log.error("config nodes refer to each other in a circle: %s", " -> ".join((*asking, id)))
            return None
        self.runtime.add_port(id)
        node = self._start_node(definition, (*asking, id))
        return node if isinstance(node, ConfigNode) else None

    def _start_node(self, definition: NodeDef, asking: tuple[str, ...] = ()) -> Node[Any] | None:
        port = self.runtime.ports[definition.id]
        self.wire(definition)
        try:
            node = self._build(definition, port, asking)
        except Exception as error:
            self._failed(definition, port, error)
            return None
        self.nodes[definition.id] = node
        self.runtime.nodes[definition.id] = node
        if isinstance(node, Instance):
            self._start_instance(node, definition)
        self._call_start(node)
        return node if definition.id in self.nodes else None

    def _build(self, definition: NodeDef, port: Port, asking: tuple[str, ...]) -> Node[Any]:
        environment = self.surroundings.of_group(definition.g)
        properties = environment.substitute(definition.raw, lambda: self.surroundings.of_node(definition.raw))
        if definition.is_subflow_instance:
            return Instance(Instance.config_class(name=definition.name), self, port, properties)
        cls = self.runtime.node_class(definition.type)
        used: list[ConfigNode[Any]] = []

        def resolve(id: str) -> ConfigNode[Any] | None:
            found = self.config_node(id, asking)
            if found is not None:
                used.append(found)
            return found

        secrets = self.runtime.credentials_of(definition, environment)
        config = configure(cls.config_class, properties, secrets, resolve)
        node = cls(config, self, port, properties)
        for config_node in used:
            config_node.users.append(node)
        if used:
            self._uses[definition.id] = used
        return node

    def _start_instance(self, instance: Instance, definition: NodeDef) -> None:
        plan = self.plan.inside(self.runtime.model, definition, instance.properties)
        child = Flow(self.runtime, plan, self, instance)
        self.children[instance.id] = child
        child.open_ports()
        child.start_nodes()
        child.build_listeners()
        self.wire(definition)

    def _call_start(self, node: Node[Any]) -> None:
        try:
            started = node.start()
            if not asyncio.iscoroutine(started):
                node.port.open(node)
                return
            future = eager.start(started, copy_context(), self.runtime.dispatcher.loop)
        except Exception as error:
            self._start_failed(node, error)
            return
        if future.done():
            self._started(node, future)
        else:
            self.runtime.starting.add(future)
            future.add_done_callback(lambda f: self._started(node, f))

    def _started(self, node: Node[Any], future: asyncio.Future[Any]) -> None:
        self.runtime.starting.discard(future)
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._start_failed(node, error)
        elif not future.cancelled() and self.nodes.get(node.id) is node:
            node.port.open(node)

    def _start_failed(self, node: Node[Any], error: BaseException) -> None:
        self.nodes.pop(node.id, None)
        self.runtime.nodes.pop(node.id, None)
        definition = self.plan.definition(node.id)
        if definition is not None:
            self._failed(definition, node.port, error)

    def _failed(self, definition: NodeDef, port: Port, error: BaseException) -> None:
        """Marks a node as broken: others run, and it says why."""
        broken = Broken(Broken.config_class(name=definition.name), self, port, definition.raw)
        self.runtime.failed[definition.id] = error
        port.shut()
        self.runtime.events.emit("error", (broken, error, False))
        self.log(broken, "error", reports.text_of(error))
        self.runtime.events.emit("status", (broken, {"fill": "red", "shape": "ring", "text": "failed to start"}))

    def build_listeners(self) -> None:
        """Makes the tables of catch, status and complete nodes anew."""
        self.listeners = Listeners(self.nodes.values(), self.plan.group_chain)
        watched = {}
        if self.listeners.any("complete"):
            watched = {node.id: found for node, found in self.listeners.watched("complete", self.nodes.values())}
        for node in self.nodes.values():
            found = watched.get(node.id)
            if found is not None or node.port.watched:
                node.port.on_done(reports.completion(self, node, found) if found else None)

    def run_sources(self) -> None:
        """Starts the life of every source that does not run yet, here and in the subflow instances."""
        for node in list(self.nodes.values()):
            if type(node).run is not Node.run and node.id not in self._sources:
                task = self.runtime.dispatcher.loop.create_task(self._run(node), name=f"{node.type} {node.id}")
                self._sources[node.id] = task
        for child in self.children.values():
            child.run_sources()

    async def _run(self, node: Node[Any]) -> None:
        ORIGIN.set(None)
        await self.runtime.started.wait()
        try:
            await node.run()
        except Exception as error:
            node.error(error, {})
            node.status(reports.text_of(error), "red", "ring")

    # -- wires ------------------------------------------------------------------------------------------------------
    def wire(self, definition: NodeDef) -> None:
        """Compiles the route of a node from its wires; the node keeps running."""
        port = self.runtime.ports.get(definition.id)
        if port is None:
            return
        child = self.children.get(definition.id)
        if child is not None:
            port.wire([child.entry()])
            for inner in child.plan.leaving():
                child.wire(inner)
            return
        wires = self.plan.wires_of(definition)
        count = max(len(wires), self.plan.output_ports(definition.id))
        outputs = [self.targets(definition.id, index, wires) for index in range(count)]
        names = self.runtime.output_names(definition.type)
        port.wire(outputs, names)

    def targets(self, id: str, index: int, wires: list[list[str]]) -> list[Port]:
        """The ports that output ``index`` of a node delivers to, through the subflow's outputs too."""
        ids = wires[index] if index < len(wires) else []
        found = [port for target in ids if (port := self.runtime.ports.get(target)) is not None]
        for output in self.plan.leaves_by(id, index):
            found.extend(self.outer_targets(output))
        if self.plan.is_status_source(id, index) and self.instance is not None:
            found.append(self.instance.status_port)
        return found

    def outer_targets(self, output: int) -> list[Port]:
        """The ports that output ``output`` of this subflow instance delivers to."""
        if self.parent is None or self.instance is None:
            return []
        definition = self.parent.plan.definition(self.instance.id)
        return self.parent.targets(self.instance.id, output, definition.wires if definition else [])

    def entry(self) -> list[Port]:
        """The ports that a message to this subflow instance is delivered to."""
        found = [port for id in self.plan.inputs if (port := self.runtime.ports.get(id)) is not None]
        for output in self.plan.passes_through():
            found.extend(self.outer_targets(output))
        return found

    # -- stopping ---------------------------------------------------------------------------------------------------
    async def stop_sources(self, ids: set[str] | None = None) -> None:
        """Cancels the sources (all, or those named) and waits until they have ended."""
        mine = [id for id in self._sources if ids is None or id in ids]
        tasks = [self._sources.pop(id) for id in mine]
        for task in tasks:
            task.cancel()
        for id, child in self.children.items():
            if ids is None or id in ids:
                await child.stop_sources()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop_nodes(self, ids: set[str] | None, removed: set[str]) -> None:
        """Stops nodes (all, or those named), ordinary ones first, then config nodes; ``removed`` will not come back."""
        stopping = [node for id, node in self.nodes.items() if ids is None or id in ids]
        for node in stopping:
            (node.port.shut if node.id in removed else node.port.park)()
        quick = [node for node in stopping if node.closes_at_once and node.id not in self.children]
        for node in quick:
            node.close_now(node.id in removed)
            self._closed(node, removed)
        stopping = [node for node in stopping if node.id in self.nodes]
        ordinary = [node for node in stopping if not isinstance(node, ConfigNode)]
        await asyncio.gather(*(self._close(node, removed) for node in ordinary))
        await asyncio.gather(*(self._close(node, removed) for node in stopping if isinstance(node, ConfigNode)))

    async def _close(self, node: Node[Any], removed: set[str]) -> None:
        child = self.children.pop(node.id, None)
        if child is not None:
            await child.close(set(child.nodes) if node.id in removed else ())
        try:
            await asyncio.wait_for(self._close_node(node, node.id in removed), self.runtime.settings.node_close_timeout)
        except TimeoutError:
            self.log(node, "error", "Error stopping node: Close timed out")
        except Exception as error:
            self.log(node, "error", f"Error stopping node: {reports.text_of(error)}")
        self._closed(node, removed)

    def _closed(self, node: Node[Any], removed: set[str]) -> None:
        self._forget(node)
        if node.id in removed:
            self.runtime.events.emit("status", (node, {}))

    async def _close_node(self, node: Node[Any], removed: bool) -> None:
        await node.port.cancel_tasks()
        await node.close(removed)

    def _forget(self, node: Node[Any]) -> None:
        self.nodes.pop(node.id, None)
        self.runtime.nodes.pop(node.id, None)
        for config_node in self._uses.pop(node.id, ()):
            config_node.users.remove(node)

    async def close(self, gone: Collection[str]) -> None:
        """Stops everything in this flow; the nodes in ``gone`` will not come back, nor will what is inside them."""
        await self.stop_sources()
        await self.stop_nodes(None, set(self.nodes) & set(gone))

    # -- reports ----------------------------------------------------------------------------------------------------
    def report_error(self, node: Node[Any], error: BaseException, msg: Message | None) -> None:
        """An error of a node: to the catch nodes if it concerns a message, else, or when none takes it, to the log."""
        caught = msg is not None and reports.error(self, node, error, msg)
        self.runtime.events.emit("error", (node, error, caught))
        if caught:
            return
        origin = ORIGIN.get()
        if origin is not None and msg is not None:
            origin.errors.append((node.id, error))
        self.log(node, "error", reports.text_of(error), error)

    def report_status(self, node: Node[Any], status: dict[str, Any]) -> None:
        """A status of a node: to the editor and to the status nodes."""
        reports.status(self, node, status)

    def log(self, node: Node[Any], level: str, text: Any, error: BaseException | None = None) -> None:
        """One log line of a node."""
        reports.log(self, node, level, text, error)

    def deliver(self, node: Node[Any], msg: Message) -> None:
        """Hands a copy of ``msg`` to a node, as a descendant of the current origin."""
        self.runtime.dispatcher.deliver(node.port, clone(msg), ORIGIN.get())
