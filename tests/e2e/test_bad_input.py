"""Bad input to the running program: a clear error each, the process stays up, what comes later is served.

`BUSWAY_E2E_EXAMPLES=10000` tries so many of each kind instead of a few hundred.
"""

import contextlib
import json
import os
import re
import socket
import uuid
from urllib.parse import urlsplit

import httpx
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.e2e.fixtures import programs
from tests.e2e.flows import function, node, press
from tests.e2e.program import PATIENCE, eventually

EXAMPLES = int(os.environ.get("BUSWAY_E2E_EXAMPLES", "300"))
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

text = st.text(st.characters(codec="utf-8"), max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | text
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=10
)

# -- frames of stations

ids = st.sampled_from(["1", "", "x" * 37, "ä#1"]) | text | values
actions = (
    st.sampled_from(["Heartbeat", "BootNotification", "StartTransaction", "Nonsense", "__proto__", "constructor"])
    | values
)
payloads = st.just({}) | values
frames = st.one_of(
    st.tuples(st.sampled_from([2, 3, 4, 5, 6, "2", 2.0, -1, None]), ids, actions, payloads).map(list),
    st.tuples(st.sampled_from([2, 3, 4, 5, 6]), ids, values).map(list),
    st.lists(values, max_size=7),
    values,
)
EXTREMES = {
    "too deep": "[" * 100_000,
    "objects too deep": '{"a":' * 5_000,
    "a payload too deep": '[2,"1","A",' + "[" * 600 + "]" * 600 + "]",
    "no text": "\0",
    "a character that is none": "\ufffe",
}
valid_frame = st.just('[2,"v","BootNotification",{"chargePointVendor":"Acme","chargePointModel":"X1"}]')
broken_texts = st.one_of(
    frames.map(json.dumps),
    st.tuples(valid_frame, st.integers(0, 80)).map(lambda cut: cut[0][: cut[1]]),
    st.tuples(valid_frame, st.integers(0, 80), text).map(lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] :]),
    st.sampled_from(sorted(EXTREMES)).map(EXTREMES.get),
    text,
)
messages = broken_texts | st.binary(max_size=40)


class Line:
    """A station's connection, made anew whenever it breaks."""

    def __init__(self, address, version):
        self.address, self.version = f"{address}/demo/BAD-{version}", version
        self.socket = None
        self._open = contextlib.ExitStack()

    def send(self, message):
        """Sends it, and a Heartbeat behind it; gives the answers that came before the Heartbeat's."""
        with contextlib.suppress(ConnectionClosed):
            return self._exchange(message)
        # The reason is for whoever reads the station's log.
        assert self.socket.close_reason, f"closed without a reason by {message!r:.100}"
        self.close()
        return self._exchange(None)

    def _exchange(self, message):
        if self.socket is None:
            opening = connect(self.address, subprotocols=[f"ocpp{self.version}"], ping_interval=None)
            self.socket = self._open.enter_context(opening)
        if message is not None:
            self.socket.send(message)
        beat = uuid.uuid4().hex
        self.socket.send(json.dumps([2, beat, "Heartbeat", {}]))
        answers = []
        while True:
            frame = json.loads(self.socket.recv(PATIENCE))
            if frame[1] == beat:
                assert frame[0] == 3, frame
                return answers
            answers.append(frame)

    def close(self):
        self._open.close()
        self.socket = None


@pytest.fixture(scope="module", params=["1.6", "2.0.1", "2.1"])
def line(office, request):
    line = Line(office.gateway, request.param)
    yield line
    line.close()


@many
@given(message=messages)
def test_any_message_of_a_station_gets_a_valid_answer_or_none_and_the_next_is_served(line, message):
    for kind, id, *rest in line.send(message):
        assert kind in (3, 4)
        assert isinstance(id, str)
        if kind == 4:
            code, description, details = rest
            assert re.fullmatch(r"[A-Z][A-Za-z]+", code)
            assert description
            assert isinstance(details, dict)


@settings(many, max_examples=max(EXAMPLES // 10, 20))
@given(noise=st.binary(min_size=1, max_size=200))
def test_noise_instead_of_websocket_frames_closes_that_connection_only(office, line, noise):
    address = urlsplit(office.gateway)
    request = (
        f"GET {address.path}/demo/NOISE HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), PATIENCE) as raw:
        raw.sendall(request.encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 101 ")
        raw.sendall(noise)
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(4096):
            pass
    assert line.send(None) == []


def test_a_message_that_is_too_long_closes_the_connection_with_its_code(office):
    with connect(f"{office.gateway}/demo/LONG", subprotocols=["ocpp1.6"]) as station:
        station.send("x" * 2_000_000)
        with pytest.raises(ConnectionClosed) as closed:
            station.recv(PATIENCE)
    assert closed.value.rcvd.code == 1009


# -- entries of the stream

names = st.sampled_from(["tenant", "deviceId", "metadata", "payload", "id", "timestamp", "nonsense"])
metadata = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["call", "result", "error", "send"]) | values,
        "action": actions,
        "version": values,
    },
)
envelopes = st.fixed_dictionaries(
    {}, optional={"messageType": st.integers(0, 7) | values, "uniqueID": ids, "action": actions, "payload": payloads}
)
whole_entries = st.fixed_dictionaries(
    {"metadata": metadata.map(json.dumps) | text, "payload": (envelopes | values | frames).map(json.dumps) | text},
    optional={"tenant": st.just("bad") | text, "deviceId": st.just("B1") | text, "id": text, "timestamp": text},
)
entries = st.dictionaries(names, text | st.binary(max_size=10), min_size=1) | whole_entries


@pytest.fixture(scope="module")
def store(office):
    with redis.from_url(office.redis_url) as client:
        yield client


@many
@given(fields=entries)
def test_any_entry_of_the_stream_is_dealt_with_and_the_next_is_served(office, store, fields):
    store.xadd("ws:inbound", fields)
    id = uuid.uuid4().hex
    call = {"messageType": 2, "uniqueID": id, "action": "Heartbeat", "payload": {}}
    store.xadd("ws:inbound", {"tenant": "good", "deviceId": id, "payload": json.dumps(call)})
    ((_, ((_, answer),)),) = store.xread({f"ws:out:good:{id}": "0"}, block=round(PATIENCE * 1000))
    assert json.loads(answer[b"payload"])[0] == 3


def test_what_no_flow_could_read_is_kept_with_the_reason_and_nothing_stays_open(office, store):
    store.xadd("ws:inbound", {"tenant": "bad", "metadata": "{}", "payload": "{}"})
    eventually(
        lambda: b"field deviceId is missing" in dict(store.xrevrange("ws:dead", count=1)[0][1]).get(b"reason", b"")
    )
    eventually(lambda: store.xpending("ws:inbound", "biz-workers")["pending"] == 0)
    assert "Traceback" not in office.log
    assert office.process.poll() is None


# -- flows

SERVED = function(
    "count", "flow.set('n', (flow.get('n') || 0) + 1); msg.payload = { n: flow.get('n') }; return msg;", "reply"
)
FLOWS = [
    {"id": "tab", "type": "tab", "label": "Flows"},
    *(
        {"x": 1, "y": 1, "z": "tab", **one}
        for one in (
            node("http in", "in", "count", method="get", url="/served"),
            SERVED,
            node("http response", "reply"),
            press("button", "change", repeat="", crontab="", once=False),
            node(
                "change", "change", "switch", rules=[{"t": "set", "p": "payload", "pt": "msg", "to": "1", "tot": "num"}]
            ),
            node(
                "switch",
                "switch",
                [["range"], []],
                property="payload",
                rules=[{"t": "eq", "v": "1", "vt": "num"}, {"t": "else"}],
            ),
            node("range", "range", "template", minin="0", maxin="1", minout="0", maxout="9", action="scale"),
            node("template", "template", "delay", template="{{payload}}", field="payload"),
            node("delay", "delay", "trigger", pauseType="rate", rate="1"),
            node("trigger", "trigger", "out", op1="1", op2="0", duration="1"),
            node("link out", "out", links=["link"]),
            node("link in", "link", "debug", links=["out"]),
            node("debug", "debug", complete="true"),
            node("catch", "catch", "debug"),
            node("subflow:sub", "instance", "debug"),
        )
    ),
    {"id": "sub", "type": "subflow", "name": "Sub", "in": [{"x": 1, "y": 1, "wires": [{"id": "inner"}]}], "out": []},
    {"id": "inner", "type": "junction", "z": "sub", "x": 1, "y": 1, "wires": [[]]},
]
properties = st.tuples(st.integers(0, len(FLOWS) - 1), st.integers(0, 30), values)


def mutated(changes):
    """The flows with some properties replaced."""
    flows = json.loads(json.dumps(FLOWS))
    for index, place, value in changes:
        keys = [key for key in flows[index] if key != "id"]
        flows[index][keys[place % len(keys)]] = value
    return flows


wrong_properties = st.lists(properties, min_size=1, max_size=3).map(mutated).map(json.dumps)
bodies = st.one_of(
    wrong_properties,
    values.map(json.dumps),
    st.integers(0, 400).map(lambda cut: json.dumps(FLOWS)[:cut]),
    st.lists(st.dictionaries(st.sampled_from(["id", "type", "z", "wires", "x", "y", "links"]), values)).map(json.dumps),
    text,
    st.sampled_from(sorted(EXTREMES)).map(EXTREMES.get),
    st.sampled_from(["", "null", "[null]", '[{"id":"a"}]', '{"flows":[]}']),
).map(lambda body: body.encode())
bodies = wrong_properties.map(str.encode) | bodies | st.binary(max_size=40)


@pytest.fixture(scope="module")
def flows_program(tmp_path_factory):
    with programs(tmp_path_factory.mktemp("flows")) as start:
        program = start(FLOWS, "--no-gateway")
        with httpx.Client(base_url=program.http, timeout=PATIENCE) as client:
            yield program, client


@many
@given(body=bodies, version=st.sampled_from(["v1", "v2"]))
def test_any_body_of_a_deploy_is_taken_or_refused_with_the_reason(flows_program, body, version):
    _, client = flows_program
    headers = {"Content-Type": "application/json", "Node-RED-API-Version": version}
    answer = client.post("/flows", content=body, headers=headers)
    if answer.status_code != 204 or version == "v2":
        told = answer.json()
        assert answer.status_code == 400 or "rev" in told, (answer.status_code, told)
        assert "rev" in told or (told["code"] and told["message"])
    if answer.status_code != 400:
        # A message through what was taken; 404 where the button was changed to something else.
        assert client.post("/inject/button").status_code in (200, 404)
    assert client.get("/health/live").status_code == 200


def test_after_all_those_deploys_good_flows_run(flows_program):
    program, client = flows_program
    assert client.post("/flows", json=FLOWS).status_code == 204
    assert client.get("/served").json()["n"] > 0
    assert "Traceback" not in program.log
