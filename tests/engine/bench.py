"""Runs flows of small recording nodes."""

import asyncio

from busway.engine.message import UNDEFINED
from busway.engine.model import FlowModel
from busway.engine.node import Config, ConfigNode, Node
from busway.engine.runtime import Runtime
from busway.engine.settings import Settings


class Pass(Node[Config]):
    """Hands every message on; does what the message asks of it."""

    type = "pass"

    def start(self):
        self.flow.runtime.journal.append(("start", self.id))

    def on_message(self, msg):
        if "raise" in msg:
            raise msg.pop("raise")
        return msg

    def stop(self):
        self.flow.runtime.journal.append(("removed" if self.removed else "stop", self.id))


class Sink(Node[Config]):
    """Keeps what it gets."""

    type = "sink"

    def start(self):
        self.got = []
        self.flow.runtime.journal.append(("start", self.id))

    def on_message(self, msg):
        self.got.append(msg)

    def stop(self):
        self.flow.runtime.journal.append(("removed" if self.removed else "stop", self.id))


class Slow(Node[Config]):
    """Waits for its gate."""

    type = "slow"

    def start(self):
        self.gate = asyncio.Event()

    async def on_message(self, msg):
        await self.gate.wait()
        return msg


class Shared(ConfigNode[Config]):
    """Something that others share."""

    type = "shared"

    def start(self):
        self.flow.runtime.journal.append(("start", self.id))

    def stop(self):
        self.flow.runtime.journal.append(("removed" if self.removed else "stop", self.id))


class UserConfig(Config):
    server: Shared | None = None


class User(Node[UserConfig]):
    """Uses a shared thing."""

    type = "user"

    def start(self):
        self.flow.runtime.journal.append(("start", self.id))

    def on_message(self, msg):
        msg["server"] = self.config.server.id if self.config.server else None
        return msg

    def stop(self):
        self.flow.runtime.journal.append(("removed" if self.removed else "stop", self.id))


TYPES = (Pass, Sink, Slow, Shared, User)


class Bench:
    """A runtime with the recording nodes, and short words for what tests do with it."""

    def __init__(self, folder):
        self.runtime = Runtime(Settings(user_dir=folder, deploy_drain_timeout=0.05, stop_drain_timeout=0.05))
        self.runtime.journal = []
        self.log = []
        self.runtime.events.on("log", self.log.append)
        for cls in TYPES:
            self.runtime.registry.add(cls)

    async def start(self, *items):
        await self.runtime.start(model(*items))
        return self

    async def deploy(self, *items, mode="nodes", **more):
        """Deploys and returns what stopped and started meanwhile, as two sets of ids."""
        self.runtime.journal.clear()
        await self.runtime.deploy(model(*items), mode, **more)
        stopped = {id for what, id in self.runtime.journal if what != "start"}
        return stopped, {id for what, id in self.runtime.journal if what == "start"}

    async def send(self, id, msg):
        """Sends and waits until everything that came of it has been handled."""
        self.runtime.receive(id, msg)
        await self.settle()

    async def settle(self):
        assert await self.runtime.dispatcher.drained(5)

    def got(self, id):
        return self.runtime.nodes[id].got

    def payloads(self, id):
        return [msg.get("payload", UNDEFINED) for msg in self.got(id)]


def tab(id="t", **more):
    return {"id": id, "type": "tab", "label": id, **more}


def node(id, type="pass", *wires, z="t", **more):
    """A flow node; each of ``wires`` is the list of targets of an output, or one target."""
    outputs = [[target] if isinstance(target, str) else list(target) for target in wires]
    return {"id": id, "type": type, "z": z, "x": 1, "y": 1, "wires": outputs, **more}


def model(*items):
    return FlowModel.parse([dict(item) for item in items])
