"""What a function body costs on the message path, per language and kind of body.

    python benchmarks/functions.py [--messages 2000] [--rounds 7] [--only REGEX]

Ten function nodes in a row handle a burst of messages in a real engine. ``us`` is the net time of one hop: (time per message - time per
message without the ten nodes) / 10, the best of all rounds. ``ratio`` compares it with the same row of nodes that only pass the message
on, measured in turn with it, so that it can be compared between machines and between runs on a busy one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import re
import time
from typing import Any

from busway.engine.message import Message
from busway.engine.model import FlowModel
from busway.engine.node import Config, Node
from busway.engine.runtime import Runtime
from busway.engine.settings import Settings

HOPS = 10
OCPP: Message = {
    "payload": {
        "chargePointVendor": "VendorX",
        "chargePointModel": "SingleSocketCharger",
        "chargePointSerialNumber": "gcp.001.13.1",
        "firmwareVersion": "0.9.87",
        "meterType": "AVT NQC-ACDC",
    },
    "ocpp": {
        "messageId": "19223201",
        "action": "BootNotification",
        "messageType": "call",
        "ocppMessageType": 2,
        "version": "1.6",
        "tenant": "operator1",
        "deviceId": "charger001",
        "identity": "operator1:charger001",
        "timestamp": 1699999999999,
        "streamId": "1699999999999-0",
    },
    "_original": {"messageId": "19223201", "action": "BootNotification", "tenant": "operator1", "payload": "x" * 160},
}
BODIES: list[tuple[str, str, str, Message]] = [
    ("count, JavaScript", "javascript", "msg.payload = msg.payload + 1;\nreturn msg;", {"payload": 1}),
    ("count, Python", "python", "msg['payload'] = msg['payload'] + 1\nreturn msg", {"payload": 1}),
    ("return msg", "javascript", "return msg;", {"payload": 1}),
    (
        "two properties, one nested",
        "javascript",
        "msg.payload.seq = msg.payload.seq + 1;\nmsg.note = 'n' + msg.payload.seq;\nreturn msg;",
        {"payload": {"seq": 1, "device": "CP-000123"}},
    ),
    (
        "OCPP answer, writes only",
        "javascript",
        "msg.payload = {status: 'Accepted', currentTime: new Date().toISOString(), interval: 300};\nreturn msg;",
        OCPP,
    ),
    (
        "OCPP answer, reads a little",
        "javascript",
        "const known = msg.ocpp.identity.startsWith('operator1');\n"
        "msg.payload = {status: known ? 'Accepted' : 'Rejected', interval: 300};\nreturn msg;",
        OCPP,
    ),
    (
        "OCPP answer, Python",
        "python",
        "known = msg['ocpp']['identity'].startswith('operator1')\n"
        "msg['payload'] = {'status': 'Accepted' if known else 'Rejected', 'interval': 300}\nreturn msg",
        OCPP,
    ),
    (
        "second of two outputs",
        "javascript",
        "return msg.ocpp.action === 'Heartbeat' ? [null, msg] : [msg, null];",
        OCPP,
    ),
    (
        "context",
        "javascript",
        "context.set('c', (context.get('c') || 0) + 1);\nflow.set('last', {at: Date.now()});\nreturn msg;",
        {"payload": 1},
    ),
    ("node.send", "javascript", "node.send(msg);", OCPP),
    (
        "node.status",
        "javascript",
        "node.status({fill: 'green', shape: 'dot', text: 'ok'});\nreturn msg;",
        {"payload": 1},
    ),
    ("await", "javascript", "msg.payload = await msg.payload;\nreturn msg;", {"payload": 1}),
    ("whole message", "javascript", "return {...msg, topic: 'x'};", OCPP),
]


class Sink(Node[Config]):
    """Counts what arrives."""

    type = "bench-sink"
    left = 0
    arrived: asyncio.Future[None]

    def on_message(self, msg: Message) -> None:
        Sink.left -= 1
        if not Sink.left:
            Sink.arrived.set_result(None)


def model(row: list[dict[str, Any]]) -> FlowModel:
    """A row of nodes, wired one to the next."""
    nodes = [*row, {"type": "bench-sink"}]
    tab: list[dict[str, Any]] = [{"id": "tab", "type": "tab", "label": ""}]
    for at, properties in enumerate(nodes):
        wires = [[f"n{at + 1}"]] if at < len(row) else []
        tab.append({"id": f"n{at}", "z": "tab", "x": 0, "y": 0, "wires": wires, **properties})
    return FlowModel.parse(tab)


async def burst(runtime: Runtime, msg: Message, count: int) -> float:
    """Seconds per message for a burst of messages through the row."""
    copies = [json.loads(json.dumps(msg)) for _ in range(count)]
    Sink.left, Sink.arrived = count, asyncio.get_running_loop().create_future()
    port = runtime.ports["n0"]
    started = time.perf_counter()
    for copy in copies:
        runtime.dispatcher.deliver(port, copy)
    await Sink.arrived
    return (time.perf_counter() - started) / count


async def engine(row: list[dict[str, Any]]) -> Runtime:
    runtime = Runtime(Settings(flow_file="none.json"))
    runtime.registry.add(Sink)
    await runtime.start(model(row))
    if runtime.failed:
        raise SystemExit(str(runtime.failed))
    return runtime


async def measure(
    row: list[dict[str, Any]], msg: Message, plain: list[Runtime], args: argparse.Namespace
) -> tuple[float, float]:
    """Microseconds per hop of a row, and of a row of nodes that pass messages on."""
    runtimes = [*plain, await engine(row)]
    best = [float("inf")] * len(runtimes)
    for _ in range(args.rounds):
        for at, runtime in enumerate(runtimes):
            best[at] = min(best[at], await burst(runtime, msg, args.messages))
    await runtimes[-1].stop()
    nothing, junctions, functions = (1e6 * one for one in best)
    return (functions - nothing) / HOPS, (junctions - nothing) / HOPS


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    logging.disable(logging.ERROR)
    plain = [await engine([]), await engine([{"type": "junction"}] * HOPS)]
    print(f"{'body':32}{'us':>8}{'ratio':>8}")
    for name, language, func, msg in BODIES:
        if re.search(args.only, name):
            row = [{"type": "function", "func": func, "language": language, "outputs": 2}] * HOPS
            cost, passing = await measure(row, msg, plain, args)
            print(f"{name:32}{cost:8.2f}{cost / passing:8.1f}")
    for runtime in plain:
        await runtime.stop()


if __name__ == "__main__":
    asyncio.run(main())
