"""The engine: loads a flow model, starts it, deploys changes, drains, stops. Owns everything that runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from .collector import Collector
from .context import Contexts
from .credentials import CredentialStore
from .deploy import Deploy
from .dispatch import Dispatcher, Port
from .environment import Environment
from .errors import BuswayError, DeployError, NodeStopped, Overloaded, RevisionMismatch
from .events import Events
from .flow import Flow
from .gauges import Gauge
from .graph import check, link_targets
from .http import HttpRoutes
from .message import Message
from .model import FlowModel, NodeDef
from .node import Node, wall_clock
from .persistence import Persistence
from .plan import GLOBAL, FlowPlan
from .registry import NodeClass, Registry
from .settings import Settings
from .storage import FileStorage
from .watchdog import Watchdog

log = logging.getLogger("busway.runtime")
UNKNOWN = "unknown"
"""The type that stands in for missing ones."""
Mode = Literal["full", "nodes", "flows", "reload"]
State = Literal["stop", "start", "safe"]


class TypeInUse(BuswayError):
    """A node type cannot be switched off: the flows use it."""


class Runtime:
    """One engine in one event loop.

    ``runtime = Runtime(settings)``, ``await runtime.start(model)``, ``await runtime.deploy(model)``, ``await runtime.stop()``.
    What happens inside is told through :attr:`events`. With a ``storage``, deploys and credentials are kept there.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        registry: Registry | None = None,
        storage: FileStorage | None = None,
        clock: Callable[[], float] = wall_clock,
    ) -> None:
        self.settings = settings or Settings()
        self.registry = registry or Registry(self.settings.user_dir / "nodes")
        self.persistence = Persistence(storage, self.settings, self.registry)
        self.clock = clock
        self.events = Events()
        self._collector = Collector()
        self.http = HttpRoutes()
        self.dispatcher = Dispatcher(self.settings.run_queue_high_water)
        self.contexts = Contexts(
            self.settings.context_storage,
            self.settings.user_dir,
            self.settings.global_context,
            export_seed=self.settings.export_global_context,
            redis_url=self.settings.redis_url,
        )
        self.model = FlowModel.parse([])
        self.state: State = "stop"
        self.held = False
        """Whether somebody has stopped the flows: deploys and restarts leave them stopped until they are started again."""
        self.ports: dict[str, Port] = {}
        self.nodes: dict[str, Node[Any]] = {}
        self.failed: dict[str, BaseException] = {}
        self.flows: dict[str, Flow] = {}
        self.starting: set[asyncio.Future[Any]] = set()
        self.started = asyncio.Event()
        self.services: dict[str, Any] = {}
        """Things that nodes of one kind share in this process, by a name of their own."""
        self.gauges: dict[str, Gauge] = {}
        """Figures of other parts of the process for ``/metrics``, by name."""
        self.began, self.deploys = time.monotonic(), 0
        self._lock = asyncio.Lock()
        self._watchdog = Watchdog(self.dispatcher, self.settings.slow_handler)

    # -- life -------------------------------------------------------------------------------------------------------
    async def start(self, model: FlowModel | None = None) -> None:
        """Opens the stores and starts the flows of ``model``, or those in storage.

        What is wrong with single nodes is reported and leaves the others running. Raises FlowFileError, StorageError or
        CredentialsError when there is nothing to start from; nothing is overwritten then.
        """
        stored = await self.persistence.load()
        self.held = await self.persistence.is_held()
        self.registry.switch(await self.persistence.disabled_types(), False)
        await self.contexts.open()
        self._watchdog.start()
        async with self._lock:
            if self.settings.safe_mode:
                self._load_only(model or stored or self.model)
            else:
                await self._replace_all(model or stored or self.model)
        if self.state == "start" or self.held:
            self._tell_state()

    def _load_only(self, model: FlowModel) -> None:
        """Flows that do harm can be mended before they run."""
        self.model, self.state = model, "safe"
        self.events.emit("notification", ("runtime-state", {"state": "safe"}))

    async def stop(self) -> None:
        """Stops the sources, waits for what is under way (setting ``stop_drain_timeout``), then closes everything."""
        async with self._lock:
            await self._halt(self.settings.stop_drain_timeout)
        await self._close_services()
        await self.contexts.close()
        self._watchdog.stop()
        self._collector.close()
        self.dispatcher.hold_collector(False)

    async def _close_services(self) -> None:
        """Closes what nodes shared, where it can be closed: ``aclose()``."""
        services, self.services = self.services, {}
        for name, service in services.items():
            close = getattr(service, "aclose", None)
            if close is not None:
                try:
                    await asyncio.wait_for(close(), self.settings.node_close_timeout)
                except Exception:
                    log.exception("closing %s failed", name)

    async def stop_flows(self) -> None:
        """Stops the flows until :meth:`start_flows`, over restarts too; the runtime stays up (``POST /flows/state``)."""
        async with self._lock:
            await self._hold(True)
            await self._halt(self.settings.deploy_drain_timeout)
        self._tell_state()

    async def start_flows(self) -> None:
        """Starts the flows again after :meth:`stop_flows`."""
        async with self._lock:
            await self._hold(False)
            if self.state != "start":
                await self._replace_all(self.model)
        self._tell_state()

    async def _hold(self, held: bool) -> None:
        if held != self.held:
            await self.persistence.hold(held)
            self.held = held

    def _tell_state(self) -> None:
        self.events.emit("notification", ("runtime-state", {"state": self.state}))

    async def switch_types(self, types: Collection[str], enabled: bool) -> None:
        """Switches node types on or off, for restarts too; nodes that waited for them start.

        Raises TypeInUse when one that is to go is used by the flows or by the engine itself, StorageError.
        """
        async with self._lock:
            used = () if enabled else [type for type in types if type in self.used_types() or type == UNKNOWN]
            if used:
                raise TypeInUse(f"Type in use: {', '.join(used)}")
            self.registry.switch(types, enabled)
            await self.persistence.keep_disabled_types(self.registry.disabled)
        if enabled:
            await self.reload_types(types)

    def used_types(self) -> set[str]:
        """The node types of the running flows, those of disabled nodes too."""
        return {node.type for node in (*self.model.nodes.values(), *self.model.configs.values())}

    async def deploy(
        self,
        model: FlowModel | None,
        mode: Mode = "full",
        rev: str | None = None,
        user: str = "",
        credentials: dict[str, dict[str, Any]] | None = None,
    ) -> str:
        """Makes ``model`` the running one and stores it; returns its revision.

        ``mode`` is Node-RED's deployment type; ``reload`` takes the stored flows and ignores ``model``. ``rev`` is the
        revision the change was made from: RevisionMismatch when another one runs. ``credentials`` maps node id to posted secrets.
        Raises DeployError with every reason before anything is stopped.
        """
        async with self._lock:
            if rev is not None and rev != self.model.revision:
                raise RevisionMismatch(rev, self.model.revision)
            if mode == "reload":
                model = await self.persistence.load()
            new = model if model is not None else self.model
            self._validate(new)
            if mode != "reload":
                secrets = self.persistence.merged(new, credentials or {})
                await self.persistence.save(new, secrets, user, mode)
            else:
                await self.persistence.keep(new, user, mode)
            await self._switch(new, "full" if mode == "reload" else mode, set(credentials or {}))
            return new.revision

    async def _switch(self, new: FlowModel, mode: str, posted: set[str]) -> None:
        self.deploys += 1
        self._collector.deploying()
        self.events.emit("notification", ("runtime-state", {"state": "stop", "deploy": True}))
        deploy = Deploy(self, new, mode, posted)
        if self.state != "start" or deploy.plan.restart_all:
            await self._replace_all(new)
        else:
            await deploy.run()
        await self.contexts.clean(self._context_ids())
        self.events.emit("notification", ("runtime-state", {"state": self.state, "deploy": True}))
        self.events.emit("notification", ("runtime-deploy", {"revision": new.revision}))

    def _validate(self, new: FlowModel) -> None:
        problems = [p for p in check(new, None) if p.level == "error"]
        if problems:
            raise DeployError([p.message for p in problems])

    # -- starting and stopping all ----------------------------------------------------------------------------------
    async def _replace_all(self, new: FlowModel) -> None:
        flow_nodes = {
            id for flow in self.flows.values() for id in (*flow.plan.nodes_by_id, *flow.plan.config_definitions)
        }
        gone = flow_nodes - set(new.nodes) - set(new.configs)
        await self._halt(self.settings.deploy_drain_timeout, gone)
        self.model = new
        if self.held:
            self._tell_state()
            return
        missing = self.missing_types(new)
        if missing and not self.settings.start_with_unknown_types:
            self.events.emit(
                "notification", ("runtime-state", {"state": "stop", "error": "missing-types", "types": missing})
            )
            return
        self._start_all()
        self.sweep_ports()
        await self._await_starts()
        self.state = "start"
        self.started.set()
        self._tune_collector()

    def _start_all(self) -> None:
        self.started.clear()
        self.failed.clear()
        links = link_targets(self.model)
        root = self._new_flow(FlowPlan.of_global(self.model), None, links)
        tabs = [
            self._new_flow(FlowPlan.of_tab(self.model, tab), root, links)
            for tab in self.model.tabs.values()
            if not tab.disabled
        ]
        for flow in (root, *tabs):
            flow.open_ports()
        for flow in (root, *tabs):
            flow.start_nodes()
        for flow in (root, *tabs):
            flow.build_listeners()
            flow.run_sources()

    def _new_flow(self, plan: FlowPlan, parent: Flow | None, links: Mapping[str, list[str]]) -> Flow:
        plan.use_links(links)
        flow = Flow(self, plan, parent)
        self.flows[plan.id] = flow
        return flow

    async def _await_starts(self, timeout: float = 5) -> None:
        """Gives nodes that start asynchronously a moment; those that need longer go on starting, their messages wait."""
        if self.starting:
            await asyncio.wait(list(self.starting), timeout=timeout)

    async def _halt(self, drain: float, gone: Collection[str] = ()) -> None:
        """Stops everything; the nodes in ``gone`` will not come back."""
        flows = list(self.flows.values())
        await asyncio.gather(*(flow.stop_sources() for flow in flows))
        if flows and not await self.dispatcher.drained(drain):
            log.info("stopping with %d messages under way", self.dispatcher.origins + len(self.dispatcher.queue))
        for flow in reversed(flows):
            await flow.close(gone)
        self.flows.clear()
        self.failed.clear()
        self.state = "stop"
        self.started.clear()

    def _tune_collector(self) -> None:
        self._collector.flows_replaced()

    # -- used by flows ----------------------------------------------------------------------------------------------
    def add_port(self, id: str) -> Port:
        """The port of a node, made now if it has none."""
        port = self.ports.get(id)
        if port is None:
            port = self.ports[id] = Port(id, self.dispatcher)
        return port

    def remove_port(self, id: str) -> None:
        """Gives up the port of a node that will not come back."""
        port = self.ports.pop(id, None)
        if port is not None:
            port.shut()

    def sweep_ports(self) -> None:
        """Gives up the ports of nodes that are in no running flow any more."""
        running = {id for flow in self.flows.values() for id in flow.all_ids()}
        for id in self.ports.keys() - running:
            self.remove_port(id)

    def node_class(self, type: str) -> NodeClass:
        """The class of a type; the one of ``unknown`` stands for missing types."""
        found = self.registry.get(type) or self.registry.get(UNKNOWN)
        if found is None:
            raise NodeStopped(f"unknown node type {type!r}")
        return found

    def output_names(self, type: str) -> tuple[str, ...]:
        """The names of a type's outputs, if it has any."""
        cls = self.registry.get(type)
        return cls.outputs if cls is not None and isinstance(cls.outputs, tuple) else ()

    def credentials_of(self, definition: NodeDef, environment: Environment) -> dict[str, Any]:
        """The secrets of a node; all instances of a subflow share those of the template's node."""
        secrets = self.persistence.credentials.get(str(definition.raw.get("_alias", definition.id)))
        return environment.substitute(secrets) if secrets else {}

    def missing_types(self, model: FlowModel) -> list[str]:
        """The node types of a model that nobody offers."""
        types = {node.type for node in (*model.nodes.values(), *model.configs.values()) if not node.is_subflow_instance}
        return sorted(type for type in types if not self.registry.knows(type))

    # -- used by the outside ----------------------------------------------------------------------------------------
    def receive(self, id: str, msg: Message) -> None:
        """Queues a message for a node. Raises KeyError when no such node runs, Overloaded when the queue is full."""
        if self.dispatcher.overloaded:
            raise Overloaded(
                f"the run queue holds more than {self.settings.run_queue_high_water} messages; try again later"
            )
        self.dispatcher.deliver(self.nodes[id].port, msg)

    def inject(self, id: str, props: list[dict[str, Any]] | None = None) -> None:
        """Presses the button of an inject node, with other properties if given. Raises KeyError when there is no such node."""
        trigger = getattr(self.nodes[id], "trigger", None)
        if trigger is None:
            raise KeyError(id)
        trigger(props)

    @property
    def credentials(self) -> CredentialStore:
        """The secrets of the running nodes."""
        return self.persistence.credentials

    async def reload_types(self, types: Iterable[str]) -> None:
        """Restarts the nodes of types whose code has changed."""
        async with self._lock:
            if self.state == "start":
                changed = {
                    d.id for d in (*self.model.nodes.values(), *self.model.configs.values()) if d.type in set(types)
                }
                await Deploy(self, self.model, "nodes", changed).run()

    def _context_ids(self) -> set[str]:
        return {str(item.get("id")) for item in self.model.raw} | set(self.flows) | set(self.nodes)

    def user_file(self, name: str) -> Path:
        """A file in the user directory."""
        return self.settings.user_dir / name


__all__ = ["GLOBAL", "Mode", "Runtime", "State"]
