"""Makes two more chains out of the harness's own: the seed's OCPP handler in JavaScript, and the arithmetic body in Python.

    python benchmarks/extra_flows.py HARNESS_FLOWS OUT_FOLDER

``HARNESS_FLOWS`` is the harness's folder of flow files; ``OUT_FOLDER`` gets ``chain-0.json``, ``chain-ocpp10.json`` and ``chain-python10.json``.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

HANDLER = """msg.payload = { status: 'Accepted', currentTime: new Date().toISOString(), interval: 300 };
return msg;"""
PYTHON = 'msg["payload"] = msg["payload"] + 1\nreturn msg'
MESSAGE = {
    "payload": {
        "vendor": "Acme",
        "model": "X1",
        "serialNumber": "S-1",
        "firmwareVersion": "1.0.0",
        "reason": "PowerUp",
    },
    "ocpp": {
        "messageId": "b7d1c1be-0c3f-4d5a-9d2f-2f1c7b1f2a10",
        "action": "BootNotification",
        "unifiedAction": "BootNotification",
        "messageType": "call",
        "ocppMessageType": 2,
        "version": "1.6",
        "protocol": "ocpp1.6",
        "tenant": "bench-tenant",
        "deviceId": "CP-0001",
        "identity": "bench-tenant:CP-0001",
        "timestamp": "1767268800000",
        "streamId": "1767268800000-0",
        "_original": {
            "chargePointVendor": "Acme",
            "chargePointModel": "X1",
            "chargePointSerialNumber": "S-1",
            "firmwareVersion": "1.0.0",
        },
    },
}
"""A BootNotification as ocpp-in gives it: about 650 bytes."""


def hops(flow: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ten nodes of a chain."""
    return [node for node in flow if node["id"].startswith("hop")]


def ocpp_chain(flow: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The chain with the handler in every hop, on whole OCPP messages."""
    for node in hops(flow):
        node["func"] = HANDLER
    emitter = next(node for node in flow if node["id"] == "b_emit")
    before, _, after = emitter["func"].partition("out.push(")
    rest = after[after.index(");") :]
    fresh = f"Object.assign({{ i: i, total: total }}, JSON.parse({json.dumps(json.dumps(MESSAGE))}))"
    emitter["func"] = f"{before}out.push({fresh}{rest}"
    return flow


def python_chain(flow: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The chain with its bodies in Python."""
    for node in hops(flow):
        node["func"] = PYTHON
        node["language"] = "python"
    return flow


def main() -> None:
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    shutil.copy(source / "chain-0.json", target)
    for name, make in (("chain-ocpp10", ocpp_chain), ("chain-python10", python_chain)):
        flow = make(json.loads((source / "chain-function10.json").read_text()))
        (target / f"{name}.json").write_text(json.dumps(flow, indent=1))


if __name__ == "__main__":
    main()
