"""A runtime behind its HTTP face, for tests that talk real HTTP to it."""

import asyncio
import json
from contextlib import asynccontextmanager

import httpx
from websockets.asyncio.client import connect

from busway.editor.server.serve import HttpFace
from busway.engine.model import FlowModel
from busway.engine.node import Config, Field, Node
from busway.engine.registry import Registry
from busway.engine.runtime import Runtime
from busway.engine.settings import Settings


class DoConfig(Config):
    what: str = Field("", title="What")


class Do(Node[DoConfig]):
    """Does to a message what the test says."""

    type = "do"
    deeds = {}  # noqa: RUF012

    def start(self):
        self.on_message = self.deeds[self.config.what]


def do(deed):
    """Makes a function available to nodes of type ``do`` by its name, which no other test module may use."""
    taken = Do.deeds.get(deed.__name__)
    assert taken is None or taken.__module__ == deed.__module__, f"{taken.__module__} has a deed {deed.__name__!r}"
    Do.deeds[deed.__name__] = deed
    return deed


class Seen(Node[Config]):
    """Keeps what reaches it."""

    type = "seen"
    outputs = 0

    def start(self):
        self.messages = []
        self.news = asyncio.Event()

    def on_message(self, msg):
        self.messages.append(msg)
        self.news.set()

    async def next(self):
        await asyncio.wait_for(self.news.wait(), 5)
        self.news.clear()
        return self.messages.pop(0)


class QuietRuntime(Runtime):
    def _tune_collector(self):
        """Freezing the heap is for processes that run flows for long."""


async def until(condition):
    """Waits for what no event tells, such as a connection that the other side has closed."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within 5 seconds")


TAB = {"id": "t", "type": "tab", "label": "Test"}


def place(type, id, to=(), **properties):
    """A node on the tab."""
    return {"id": id, "type": type, "z": "t", "x": 1, "y": 1, "wires": [list(to)], **properties}


class Served:
    """``client`` talks to the runtime; ``deploy`` gives it other nodes."""

    def __init__(self, runtime, face, client):
        self.runtime, self.face, self.client = runtime, face, client
        self.port = face.port

    async def deploy(self, *nodes, mode="full"):
        await self.runtime.deploy(FlowModel.parse([TAB, *nodes]), mode)
        assert not self.runtime.failed

    def node(self, id):
        return self.runtime.nodes[id]

    async def settled(self):
        await self.runtime.dispatcher.drained(5)

    @asynccontextmanager
    async def comms(self, **options):
        async with connect(f"ws://127.0.0.1:{self.port}/comms", **options) as socket:
            yield Listener(socket)


class Listener:
    """A client of ``/comms``."""

    def __init__(self, socket):
        self.socket = socket
        self.frames = []
        self._waiting = []

    async def subscribe(self, topic):
        await self.socket.send(json.dumps({"subscribe": topic}))

    async def next(self, *topics):
        """The next message whose topic begins with one of ``topics``."""
        while True:
            while self._waiting:
                message = self._waiting.pop(0)
                if not topics or message["topic"].startswith(topics):
                    return message
            self.frames.append(json.loads(await asyncio.wait_for(self.socket.recv(), 5)))
            self._waiting = list(self.frames[-1])


def settings_for(folder, **given):
    return Settings.model_validate(
        {"user_dir": folder, "port": 0, "stop_drain_timeout": 0.2, "deploy_drain_timeout": 0.1, **given}
    )


@asynccontextmanager
async def served(folder, *nodes, storage=None, **given):
    """Serves some nodes while the block lasts; ``given`` are settings. Custom types are in ``folder/nodes``."""
    registry = Registry(folder / "nodes")
    for cls in (Do, Seen):
        registry.add(cls)
    settings = settings_for(folder, **given)
    runtime = QuietRuntime(settings, registry, storage)
    face = HttpFace(runtime, settings)
    port = await face.start()
    await runtime.start(FlowModel.parse([TAB, *nodes]) if storage is None else None)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        try:
            yield Served(runtime, face, client)
        finally:
            await client.aclose()
            await face.stop()
            await runtime.stop()
