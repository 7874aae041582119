"""``busway run``: starts the parts of one process in order, and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .engine.errors import BuswayError
from .engine.settings import Settings, effective_settings
from .log_format import set_up_logging
from .palette import node_folders

if TYPE_CHECKING:
    from .gateway.settings import GatewaySettings

log = logging.getLogger("busway")
DEMO_TENANT = "demo"


@dataclass
class Options:
    """What the command line asks for."""

    flows: Path | None = None
    http: bool = True
    gateway: bool = True
    simulate: int = 0
    seed: int = 1
    given: dict[str, Any] = field(default_factory=dict)


def run_forever(options: Options) -> int:
    """Runs until SIGINT or SIGTERM; returns the exit code: 0 after an orderly stop, 1 when it could not start."""
    given = dict(options.given)
    effective = effective_settings(given.pop("user_dir", None), given)
    settings = effective.settings
    if options.http:
        from .editor.server.security_exposure import check_exposure

        check_exposure(settings)
    if options.flows is not None:
        settings = settings.model_copy(update={"flow_file": str(options.flows.resolve())})
    set_up_logging(settings.log_level, settings.log_format)
    for sentence in effective.strangers:
        log.warning(sentence)
    settings.user_dir.mkdir(parents=True, exist_ok=True)
    return run_loop(lambda: _run(settings, options))


def run_loop(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Runs a coroutine on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())


async def _run(settings: Settings, options: Options) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    parts = Parts(settings, options)
    try:
        await parts.start()
    except (BuswayError, OSError) as error:
        log.error("cannot start: %s", error)
        await parts.stop()
        return 1
    await stop.wait()
    log.info("stopping: waiting for messages under way")
    await parts.stop()
    log.info("stopped")
    return 0


class Parts:
    """The parts of a process: embedded server, runtime, HTTP face, gateway, simulated stations. Stopped in the reverse order,
    so that what is under way still finds what it needs."""

    def __init__(self, settings: Settings, options: Options) -> None:
        self.settings, self.options = settings, options
        self._stops: list[tuple[str, Callable[[], Awaitable[Any]]]] = []

    async def start(self) -> None:
        """Starts everything that the options ask for."""
        if self.options.gateway and not self.settings.redis_url:
            await self._start_redis()
        await self._start_runtime()
        if self.options.gateway:
            await self._start_gateway()
        if self.options.simulate:
            await self._start_simulator()

    async def stop(self) -> None:
        """Stops what was started, last first."""
        while self._stops:
            name, stop = self._stops.pop()
            try:
                await stop()
            except Exception:
                log.exception("stopping the %s failed", name)

    def _started(self, name: str, stop: Callable[[], Awaitable[Any]]) -> None:
        self._stops.append((name, stop))

    async def _start_redis(self) -> None:
        from .embedded_redis import EmbeddedRedis

        server = EmbeddedRedis(self.settings.user_dir / "redis")
        await server.start()
        self._started("embedded Redis server", server.stop)
        self.settings = self.settings.model_copy(update={"redis_url": server.url})
        log.info("embedded Redis server: %s", server.url)

    async def _start_runtime(self) -> None:
        from .engine.registry import Registry
        from .engine.runtime import Runtime
        from .engine.storage import FileStorage

        settings = self.settings
        storage = FileStorage.of(settings)
        if not settings.flow_path.exists():
            log.warning("%s is not there: nothing runs until the first deploy, which writes it", settings.flow_path)
        registry = Registry(*node_folders(settings.user_dir, settings.flow_path), *settings.nodes_dir)
        runtime = Runtime(settings, registry, storage)
        face = None
        if self.options.http:
            from .editor.server.serve import HttpFace

            face = HttpFace(runtime, settings)
            port = await face.start()
            self._started("HTTP face", face.stop)
            log.info("HTTP face: %s://%s:%d", face.scheme, settings.host, port)
        await runtime.start()
        self._started("flows", runtime.stop)
        if face is not None:
            self._started("HTTP requests under way", face.drain)
        log.info("flows: %s, %d nodes run, %d failed", settings.flow_path, len(runtime.nodes), len(runtime.failed))
        self._watch_nodes(runtime)

    def _watch_nodes(self, runtime: Any) -> None:
        folders = [folder for folder in runtime.registry.folders if folder.is_dir()]
        if folders:
            task = asyncio.create_task(reload_on_change(runtime, folders))

            async def stop() -> None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

            self._started("watch on custom nodes", stop)

    async def _start_gateway(self) -> None:
        from .gateway.server import Gateway
        from .gateway.settings import GatewaySettings

        settings = GatewaySettings(host=self.settings.gateway_host, port=self.settings.gateway_port)
        gateway = Gateway(settings, self.settings.redis_url)
        port = await gateway.start()
        self._started("gateway", gateway.stop)
        self.settings = self.settings.model_copy(update={"gateway_port": port})
        log.info("gateway: ws://%s:%d/ocpp/{tenant}/{station}", settings.host, port)

    async def _start_simulator(self) -> None:
        from .gateway.simulator import Simulator

        url = f"ws://{self.settings.gateway_host}:{self.settings.gateway_port}/ocpp"
        simulator = Simulator(url, tenant=DEMO_TENANT, count=self.options.simulate, seed=self.options.seed, speed=30)
        await simulator.start()
        self._started("simulated stations", simulator.stop)
        log.info("%d simulated stations of tenant %r connect to %s", self.options.simulate, DEMO_TENANT, url)


async def reload_on_change(runtime: Any, folders: list[Path]) -> None:
    """Restarts the nodes of a custom type whenever its file in one of ``folders`` changes, and tells editors of it."""
    from watchfiles import awatch

    from .editor.server.node_news import news
    from .editor.server.node_sets import node_sets

    async for changes in awatch(*folders, recursive=False, step=200):
        before = node_sets(runtime.registry)
        types = runtime.registry.reload_folders()
        log.info("custom nodes changed: %s", ", ".join(sorted(types)) or "none left")
        await runtime.reload_types(types)
        for name, sets in news(before, node_sets(runtime.registry), {Path(path).stem for _, path in changes}):
            runtime.events.emit("notification", (name, sets))


def run_gateway(options: dict[str, Any]) -> int:
    """``busway gateway``: runs until SIGINT or SIGTERM. Raises BuswayError for options that do not fit."""
    from .gateway.server import Gateway

    set_up_logging("info")
    redis_url = options.pop("redis_url")
    settings = _gateway_settings(options)

    async def main() -> int:
        gateway = Gateway(settings, redis_url)
        port = await gateway.start()
        log.info("gateway: %s://%s:%d/ocpp/{tenant}/{station}", settings.scheme, settings.host, port)
        await until_signal()
        await gateway.stop()
        return 0

    return run_loop(main)


def _gateway_settings(options: dict[str, Any]) -> GatewaySettings:
    from pydantic import ValidationError

    from .gateway.settings import GatewaySettings

    names = {"profile": "security_profile", "cert": "tls_cert", "key": "tls_key", "ca": "tls_ca"}
    try:
        return GatewaySettings(**{names.get(key, key): value for key, value in options.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = "".join(f"{part}: " for part in first["loc"])
        raise BuswayError(f"{name}{first['msg'].removeprefix('Value error, ')}") from None


def run_simulator(options: dict[str, Any]) -> int:
    """``busway simulate``: runs for ``duration`` seconds, or until SIGINT or SIGTERM."""
    from .gateway.simulator import Simulator

    set_up_logging("info")
    duration = options.pop("duration")

    async def main() -> int:
        simulator = Simulator(options.pop("url"), **options)
        await simulator.start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(until_signal(), duration)
        await simulator.stop()
        return 0

    return run_loop(main)


async def until_signal() -> None:
    """Returns at SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
