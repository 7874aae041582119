"""What looking costs: the engine's rate with a client that watches 1,000 wires, and with one that never reads its socket.

    .venv/bin/python benchmarks/live_data.py [--rounds 10] [--messages 10000]

Each figure is a ratio within one run: rounds with and without the client take turns, three of each; the median counts. A round
sends messages through a chain of ten change nodes. The client is a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

SCRIPT = str(Path(__file__).resolve())
HOPS, CHAINS = 10, 100
DEBUG_RATE = 5000


def flow() -> list[dict[str, Any]]:
    """100 chains of ten change nodes (1,000 wires with the one into the sink), and a debug node."""
    nodes: list[dict[str, Any]] = [{"id": "t", "type": "tab", "label": "Benchmark"}]
    for chain in range(CHAINS):
        for hop in range(HOPS):
            to = f"c{chain}-{hop + 1}" if hop < HOPS - 1 else f"end{chain}"
            rules = [{"t": "set", "p": "topic", "pt": "msg", "to": f"step-{hop}", "tot": "str"}]
            nodes.append(_node(f"c{chain}-{hop}", "change", [[to]], rules=rules))
        nodes.append(_node(f"end{chain}", "junction", []))
    nodes.append(_node("d", "debug", [], complete="true", targetType="full"))
    return nodes


def _node(id: str, type: str, wires: list[list[str]], **properties: Any) -> dict[str, Any]:
    return {"id": id, "type": type, "z": "t", "x": 0, "y": 0, "wires": wires, **properties}


class Bench:
    """A served runtime with the flow."""

    def __init__(self, runtime: Any, port: int, messages: int) -> None:
        self.runtime, self.port, self.messages = runtime, port, messages

    async def round(self) -> float:
        """Seconds of processor time for one burst through the first chain."""
        dispatcher, first = self.runtime.dispatcher, self.runtime.ports["c0-0"]
        batch = [{"payload": number} for number in range(self.messages)]
        started = time.process_time()
        for msg in batch:
            dispatcher.deliver(first, msg)
        await self._drained()
        return time.process_time() - started

    async def loaded_round(self) -> float:
        """Like :meth:`round` with ten times the messages, while 5,000 debug messages a second of full load come by."""
        dispatcher, first, debug = self.runtime.dispatcher, self.runtime.ports["c0-0"], self.runtime.ports["d"]
        used = since = time.process_time()
        for number in range(10 * self.messages):
            dispatcher.deliver(first, {"payload": number})
            if number % 500 == 499:
                await self._drained()
                now = time.process_time()
                for _ in range(round((now - since) * DEBUG_RATE)):
                    dispatcher.deliver(debug, {"payload": {"number": number, "text": "some text of a message"}})
                since = now
        await self._drained()
        return time.process_time() - used

    async def _drained(self) -> None:
        while self.runtime.dispatcher.queue:  # noqa: ASYNC110
            await asyncio.sleep(0)

    @asynccontextmanager
    async def client(self, role: str) -> AsyncIterator[None]:
        """A client in a process of its own."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            SCRIPT,
            "--client",
            role,
            str(self.port),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        await process.stdout.readline()
        await asyncio.sleep(0.6)
        try:
            yield
        finally:
            process.kill()
            await process.wait()
            await asyncio.sleep(0.3)

    async def compare(self, role: str, rounds: int, measure: Any) -> dict[str, float]:
        """The medians without and with the client, taken in turns."""
        await measure()
        without: list[float] = []
        during: list[float] = []
        for _ in range(rounds):
            without += [await measure() for _ in range(3)]
            async with self.client(role):
                if role == "stalled":
                    await self._fill()
                during += [await measure() for _ in range(3)]
        base, cost = statistics.median(without), statistics.median(during)
        return {"without": round(base, 4), "with": round(cost, 4), "more": round(cost / base - 1, 4)}

    async def _fill(self) -> None:
        """Until nothing fits into the client's queue any more."""
        for _ in range(40):
            await self.loaded_round()
            if self.runtime.full():
                return


async def serve(rounds: int, messages: int) -> dict[str, Any]:
    """Runs all comparisons."""
    from busway.editor.server.serve import HttpFace
    from busway.engine.model import FlowModel
    from busway.engine.runtime import Runtime
    from busway.engine.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate({"user_dir": Path(folder), "port": 0})
        runtime = Runtime(settings)
        face = HttpFace(runtime, settings)
        port = await face.start()
        await runtime.start(FlowModel.parse(flow()))
        clients = face.comms.clients
        runtime.full = lambda: all(not client.takes_debug for client in clients)  # type: ignore[attr-defined]
        bench = Bench(runtime, port, messages)
        try:
            found: dict[str, Any] = {"watching 1,000 wires": await bench.compare("watching", rounds, bench.round)}
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            found["never reading"] = await bench.compare("stalled", max(rounds // 2, 3), bench.loaded_round)
            found["never reading"]["MB more"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
        finally:
            await face.stop()
            await runtime.stop()
    return found


async def look(role: str, port: int) -> None:
    """The client's side."""
    from websockets.asyncio.client import connect

    async with connect(f"ws://127.0.0.1:{port}/comms", max_size=None, max_queue=1) as socket:
        await socket.send(json.dumps({"watch": {"counts": ["*"]}} if role == "watching" else {"subscribe": "debug"}))
        print("there", flush=True)
        if role == "watching":
            async for _ in socket:
                pass
        await asyncio.Event().wait()


def main() -> None:
    """Prints the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--client", nargs=2, metavar=("ROLE", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        asyncio.run(look(options.client[0], int(options.client[1])))
    else:
        print(json.dumps(asyncio.run(serve(options.rounds, options.messages)), indent=1))


if __name__ == "__main__":
    main()
