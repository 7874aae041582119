"""A process that answers StartTransaction after a while: ``python slow_flow.py REDIS_URL``. The tests kill it."""

import asyncio
import itertools
import os
import sys
from pathlib import Path

from busway.engine.model import FlowModel
from busway.engine.node import Config, Node
from busway.engine.registry import Registry
from busway.engine.runtime import Runtime
from busway.engine.settings import Settings

FLOW = [
    {"id": "tab", "type": "tab", "label": "slow"},
    {"id": "cfg", "type": "ocpp-config"},
    {"id": "in", "type": "ocpp-in", "z": "tab", "x": 0, "y": 0, "server": "cfg", "wires": [["slow"]]},
    {"id": "slow", "type": "slow", "z": "tab", "x": 0, "y": 0, "wires": [["out"]]},
    {"id": "out", "type": "ocpp-out", "z": "tab", "x": 0, "y": 0, "server": "cfg", "wires": [[]]},
]
WAITS = itertools.cycle((0.05, 0.4, 0.1, 0.3, 0.2))


class Slow(Node[Config]):
    type = "slow"
    started = itertools.count(1)

    async def on_message(self, msg):
        await asyncio.sleep(next(WAITS))
        number = next(Slow.started)
        msg["payload"] = {"transactionId": os.getpid() * 10_000 + number, "idTagInfo": {"status": "Accepted"}}
        return msg


async def main(url):
    registry = Registry()
    registry.add(Slow)
    runtime = Runtime(Settings(user_dir=Path("/nonexistent/busway"), redis_url=url), registry)
    await runtime.start(FlowModel.parse(FLOW))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
