"""``/metrics`` over real HTTP, read as Prometheus reads it."""

import asyncio
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from busway.engine.gauges import Gauge
from tests.e2e.program import environment
from tests.editor.serving import do, place, served

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def read(site, **headers):
    """The samples by name and labels, and the content type."""
    answer = await site.client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    return {(sample.name, *sorted(sample.labels.values())): sample.value for sample in samples}, answer


async def test_the_figures_that_are_always_there(site):
    await site.deploy(place("seen", "a"), place("seen", "b"))
    before, answer = await read(site)
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert before["busway_nodes", "running"] == 2
    assert before["busway_nodes", "failed"] == 0
    assert before["busway_flows_running",] == 1
    assert before["busway_queue_depth",] == before["busway_unsettled_origins",] == 0
    assert before["process_resident_memory_bytes",] > 10_000_000
    await site.deploy(place("seen", "a"))
    after, _ = await read(site)
    assert after["busway_deploys_total",] == before["busway_deploys_total",] + 1
    assert after["busway_uptime_seconds",] > before["busway_uptime_seconds",] > 0
    assert after["busway_nodes", "running"] == 1


async def test_what_is_under_way_is_counted(site):
    await site.deploy(place("seen", "a"))
    origin = site.runtime.dispatcher.origin(lambda origin: None)
    with origin:
        found, _ = await read(site)
        assert found["busway_unsettled_origins",] == 1
    assert (await read(site))[0]["busway_unsettled_origins",] == 0


async def test_clients_of_comms_are_counted(site):
    assert (await read(site))[0]["busway_comms_clients",] == 0
    async with site.comms() as client:
        await client.subscribe("x")
        assert (await read(site))[0]["busway_comms_clients",] == 1


async def test_stopped_flows_are_told(site):
    await site.runtime.stop_flows()
    try:
        assert (await read(site))[0]["busway_flows_running",] == 0
    finally:
        await site.runtime.start_flows()


async def test_other_parts_offer_figures_and_one_that_fails_is_left_out(site, monkeypatch, caplog):
    async def lag():
        await asyncio.sleep(0)
        return {("ws:in", "flows"): 3}

    async def stuck():
        await asyncio.Event().wait()

    def broken():
        raise OSError("no answer")

    monkeypatch.setattr("busway.engine.metrics.PATIENCE", 0.02)
    offered = {"lag": Gauge("Lag.", lag, ("stream", "group")), "stuck": Gauge("-", stuck), "broken": Gauge("-", broken)}
    for name, gauge in offered.items():
        monkeypatch.setitem(site.runtime.gauges, name, gauge)
    found, _ = await read(site)
    assert found["busway_lag", "flows", "ws:in"] == 3
    assert not [name for name, *_ in found if name in ("busway_stuck", "busway_broken")]
    assert "the metric busway_broken cannot be read: no answer" in caplog.text
    assert "the metric busway_stuck cannot be read: TimeoutError" in caplog.text


async def test_openmetrics_where_it_is_asked_for(site):
    answer = await site.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


@pytest.mark.asyncio(loop_scope="function")
async def test_the_library_is_not_loaded_before_somebody_asks():
    code = "import sys, busway.editor.server.serve; print('prometheus_client' in sys.modules)"
    run = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    assert run.stdout == "False\n"


@do
def fails(msg):
    if msg.get("fail"):
        raise ValueError("wanted")
    return msg


@do
async def waits(msg):
    await asyncio.sleep(0.02)
    return msg


@pytest.mark.asyncio(loop_scope="function")
async def test_figures_of_each_node_where_they_are_wanted(tmp_path):
    nodes = [place("do", "a", ["b"], what="fails"), place("do", "b", ["c"], what="waits"), place("seen", "c")]
    async with served(tmp_path, *nodes, metrics_per_node=True) as site:
        await read(site)
        for fail in (False, True, False):
            site.runtime.receive("a", {"fail": fail})
        await site.settled()
        found, _ = await read(site)
        received = {key[1]: value for key, value in found.items() if key[0] == "busway_node_received_total"}
        assert received == {"a": 3, "b": 2, "c": 2}
        assert found["busway_node_errors_total", "a", "do", "t"] == 1
        assert found["busway_node_errors_total", "b", "do", "t"] == 0
        assert found["busway_node_sent_total", "0", "a", "do", "t"] == 2
        assert found["busway_node_seconds_count", "b", "do", "t"] == 2
        assert 0.04 <= found["busway_node_seconds_sum", "b", "do", "t"] < 5
        await site.deploy(place("do", "a", ["new"], what="fails"), place("seen", "new"), mode="nodes")
        site.runtime.receive("a", {})
        await site.settled()
        found, _ = await read(site)
        received = {key[1]: value for key, value in found.items() if key[0] == "busway_node_received_total"}
        assert received == {"a": 4, "new": 1}


async def test_nodes_are_not_counted_unless_it_was_set(site):
    await site.deploy(place("seen", "a"))
    found, _ = await read(site)
    assert not [name for name, *_ in found if name.startswith("busway_node_")]
