"""How far behind the flows are, for ``/metrics``."""

from busway.testing import flow_of, node


async def test_what_was_not_given_out_lags_and_what_is_not_acknowledged_is_pending(server, until):
    server.call("Heartbeat", id="m1")
    server.call("Heartbeat", id="m2")
    server.client.xgroup_create("ws:inbound", "watchers", id="0")
    server.client.xreadgroup("watchers", "somebody", {"ws:inbound": ">"}, count=1)
    async with flow_of([node("ocpp-config", "cfg", url=server.url)], virtual=False) as flow:
        gauges, side = flow.runtime.gauges, flow.node("cfg").side
        await until(lambda: side.trouble is None)
        await side._survey(side.writer.ask)
        label = (flow.node("cfg").address.shown, "watchers")
        assert gauges["ocpp_stream_lag"].read() == {label: 1}
        assert gauges["ocpp_stream_pending"].read() == {label: 1}
