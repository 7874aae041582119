"""``POST /messages/:node``."""

import pytest

from busway.editor.server.routers.messages import revived
from tests.editor.serving import place

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_message_goes_into_any_node(site):
    await site.deploy(place("seen", "s"))
    answer = await site.client.post("/messages/s", json={"payload": {"a": [1, None]}, "topic": "t", "_msgid": "abc"})
    assert (answer.status_code, answer.json()) == (200, {"_msgid": "abc"})
    assert await site.node("s").next() == {"payload": {"a": [1, None]}, "topic": "t", "_msgid": "abc"}


async def test_a_message_without_an_id_gets_one(site):
    await site.deploy(place("seen", "s"))
    answer = await site.client.post("/messages/s", json={"payload": 1})
    assert (await site.node("s").next())["_msgid"] == answer.json()["_msgid"] != ""


async def test_buffers_become_bytes_again(site):
    await site.deploy(place("seen", "s"))
    shown = {"type": "Buffer", "data": [1, 255], "__enc__": True, "length": 2}
    await site.client.post("/messages/s", json={"payload": [shown], "type": "Buffer", "data": "text"})
    seen = await site.node("s").next()
    assert (seen["payload"], seen["data"]) == ([b"\x01\xff"], "text")


@pytest.mark.parametrize(
    "value",
    [{"type": "Buffer", "data": [256]}, {"type": "Buffer", "data": ["x"]}, {"type": "Buffer", "data": [1], "more": 1}],
)
async def test_what_only_looks_like_a_buffer_stays(value):
    assert revived(value) == value


@pytest.mark.parametrize(
    ("body", "said"), [(b"[1]", "JSON object"), (b"", "JSON object"), (b"{", "no JSON"), (b'{"_msgid": 5}', "_msgid")]
)
async def test_what_is_no_message_is_refused(site, body, said):
    await site.deploy(place("seen", "s"))
    answer = await site.client.post("/messages/s", content=body)
    assert answer.status_code == 400
    assert said in answer.json()["message"]


async def test_a_node_that_takes_no_messages_is_not_found(site):
    await site.deploy({"id": "g", "type": "global-config", "env": []}, place("seen", "s"))
    for id in ("nobody", "g", "t"):
        answer = await site.client.post(f"/messages/{id}", json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_while_too_much_waits_it_says_so(site):
    await site.deploy(place("seen", "s"))
    dispatcher = site.runtime.dispatcher
    mark, dispatcher.high_water = dispatcher.high_water, -1
    try:
        answer = await site.client.post("/messages/s", json={})
    finally:
        dispatcher.high_water = mark
    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
