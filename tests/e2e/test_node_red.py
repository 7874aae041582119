"""The seed's own nodes, as npm has them, in Node-RED: the same flow file, the same Redis, behind our gateway."""

import json

import httpx
import pytest

from tests.e2e.peers import node_red
from tests.e2e.program import FLOWS, Program
from tests.e2e.servers import RedisServer
from tests.e2e.stations import charge_2, charge_16, station


@pytest.fixture
def tcp_redis(tmp_path):
    """A Redis on a TCP port: the seed's nodes know no other way."""
    server = RedisServer(tmp_path / "tcp-redis", tcp=True).start()
    yield server
    server.kill()


@pytest.fixture
def gateway(tcp_redis, tmp_path):
    program = Program("gateway", "--redis", f"redis://127.0.0.1:{tcp_redis.port}", "--port", "0", cwd=tmp_path)
    yield program
    program.stop()


def example(redis_port):
    """The example flow with its Redis on another port.

    The seed's nodes write answers on the connection that waits for messages, so each waits for the end of that wait.
    """
    changes = {"ocpp-config": {"port": str(redis_port)}, "ocpp-in": {"blockTimeout": "20"}}
    nodes = json.loads((FLOWS / "charging-backoffice.json").read_text())
    return [{**one, **changes.get(one["type"], {})} for one in nodes]


async def test_the_seeds_nodes_answer_stations_on_our_gateway_and_command_them(tcp_redis, gateway, tmp_path):
    async with node_red(tmp_path / "node-red", example(tcp_redis.port)) as (flows, address):
        async with station(gateway.gateway, "CP201", "2.0.1") as new:
            boot, _, known, begun, _ = await charge_2(new)
            assert (boot.status, boot.interval) == ("Accepted", 60)
            assert (known.id_token_info["status"], begun.id_token_info["status"]) == ("Accepted", "Accepted")
        async with station(gateway.gateway, "SIM-001", "1.6") as old:
            boot, _, token, begun, _ = await charge_16(old)
            assert (boot.status, boot.interval) == ("Accepted", 60)
            assert (token.id_tag_info["status"], begun.transaction_id) == ("Accepted", 1)
            await flows.until("energyWh: 7500")
            before = len(flows.lines)
            async with httpx.AsyncClient() as client:
                assert (await client.post(f"{address}/inject/cs_press")).status_code == 200
            await flows.until("status: 'Accepted'", after=before)
            assert old.commands == [("RemoteStartTransaction", {"id_tag": "RFID12345", "connector_id": 1})]
    assert gateway.errors() == []
