"""The ocpp-config node: which Redis it means, what this process is called, and how its connections are shared."""

import pytest

from busway.engine.settings import Settings
from busway.nodes.ocpp.config import OcppServer, address_of, instance_of
from busway.nodes.ocpp.streams.address import Address
from busway.testing import flow_of, node


def address(url="", *, redis_url="unix:///run/embedded.sock", **properties):
    return address_of(OcppServer(url=url, **properties), Settings(redis_url=redis_url))


def test_untouched_properties_mean_the_redis_that_busway_was_started_with():
    assert address() == Address("unix:///run/embedded.sock")
    assert address(host="", password="x", db=3) == Address("unix:///run/embedded.sock")


@pytest.mark.parametrize(
    ("properties", "url"),
    [
        ({"redis_url": ""}, "redis://127.0.0.1:6379/0"),
        ({"host": "10.0.0.5"}, "redis://10.0.0.5:6379/0"),
        ({"host": "localhost", "port": 6380}, "redis://127.0.0.1:6380/0"),
        ({"host": "127.0.0.1"}, "redis://127.0.0.1:6379/0"),
        ({"host": "Redis.Example.ORG", "db": 2, "tls": True}, "rediss://redis.example.org:6379/2"),
        ({"host": "::1", "port": 7000}, "redis://[::1]:7000/0"),
        ({"url": "redis://localhost"}, "redis://127.0.0.1:6379/0"),
        ({"url": "redis://u:p@h:1/4"}, "redis://u:p@h:1/4"),
        ({"url": "unix:///tmp/x.sock?db=1"}, "unix:///tmp/x.sock?db=1"),
    ],
)
def test_a_redis_has_one_address_however_it_is_named(properties, url):
    assert address(**properties).url == url


def test_user_and_password_count_for_a_redis_of_one_s_own():
    own = address(host="h", username="u", password="p")
    assert (own.username, own.password) == ("u", "p")


def test_a_process_keeps_its_name_over_a_restart_and_shares_it_with_no_other(tmp_path):
    one = Settings(user_dir=tmp_path, port=1880)
    assert instance_of(one) == instance_of(Settings(user_dir=tmp_path, port=1880))
    assert instance_of(one) != instance_of(Settings(user_dir=tmp_path, port=1881))
    assert instance_of(one) != instance_of(Settings(user_dir=tmp_path / "other", port=1880))


async def test_config_nodes_of_one_redis_share_its_connections(server, until):
    same = [node("ocpp-config", id, url=server.url, consumerName="c1") for id in ("one", "two")]
    readers = [node("ocpp-in", f"in-{cfg['id']}", to=f"out-{cfg['id']}", server=cfg["id"]) for cfg in same]
    server.call("Heartbeat")
    async with flow_of([*same, *readers], virtual=False) as flow:
        assert flow.node("one").side is flow.node("two").side
        await flow.output("in-one")
        await flow.output("in-two")
        connections = len(server.client.client_list())
    assert connections == 3, "the test's own, one that writes, one that reads"


async def test_the_settings_redis_is_used_by_an_untouched_config_node(server):
    server.call("Heartbeat")
    nodes = [node("ocpp-config", "cfg"), node("ocpp-in", "in", to="out", server="cfg")]
    async with flow_of(nodes, settings={"redis_url": server.url}, virtual=False) as flow:
        await flow.output("in")
        consumer = server.client.xinfo_consumers("ws:inbound", "biz-workers")[0]["name"]
        assert consumer == instance_of(flow.runtime.settings)


async def test_a_url_that_is_none_fails_the_node_with_a_remedy():
    nodes = [node("ocpp-config", "cfg", url="http://redis"), node("ocpp-in", "in", server="cfg")]
    async with flow_of(nodes, virtual=False) as flow:
        assert "not the URL of a Redis" in str(flow.runtime.failed["cfg"])
        assert (await flow.status("in"))["text"] in ("failed to start", "no config")


async def test_a_password_reaches_redis(server, until):
    server.client.config_set("requirepass", "geheim")
    server.client.execute_command("AUTH", "geheim")
    server.call("Heartbeat")
    nodes = [node("ocpp-config", "cfg", url=server.url), node("ocpp-in", "in", to="out", server="cfg")]
    async with flow_of(nodes, credentials={"cfg": {"password": "geheim"}}, virtual=False) as flow:
        await flow.output("in")


async def test_a_wrong_password_is_shown_without_it(server):
    server.client.config_set("requirepass", "geheim")
    nodes = [node("ocpp-config", "cfg", url=server.url), node("ocpp-in", "in", to="out", server="cfg")]
    async with flow_of(nodes, credentials={"cfg": {"password": "falsch"}}, virtual=False) as flow:
        assert (await flow.status("in"))["text"] == "start failed"
        text = (await flow.error()).text
    assert "password" in text
    assert "falsch" not in text
