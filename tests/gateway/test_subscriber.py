"""Notices of written streams and of wishes."""

import asyncio
import signal

import pytest

from busway.nodes.ocpp.streams import subscriber as subscriber_module
from busway.nodes.ocpp.streams.gateway_entries import Dismissal, Station
from busway.nodes.ocpp.streams.link import Connector, LinkDown
from busway.nodes.ocpp.streams.subscriber import Subscriber


class Heard:
    """Listens, and keeps what it hears."""

    def __init__(self, subscriber):
        self.written, self.dismissed, self.anything = set(), [], False
        self.task = asyncio.create_task(subscriber.listen(self._written, self.dismissed.append))

    def _written(self, streams):
        if streams is None:
            self.anything = True
        else:
            self.written.update(streams)


@pytest.fixture
async def heard(store, shared_redis):
    subscriber = await Subscriber.connect(Connector(shared_redis.url))
    assert subscriber.tracking
    heard = Heard(subscriber)
    yield heard
    await subscriber.close()
    await asyncio.gather(heard.task, return_exceptions=True)


async def test_streams_of_stations_are_heard_of_and_no_others(heard, store, until):
    await store.xadd("ws:inbound", {"a": "b"})
    await store.xadd("ws:out:acme:CP1", {"a": "b"})
    await store.xadd("ws:out:acme:ä /#:x", {"a": "b"})
    await until(lambda: heard.written == {"ws:out:acme:CP1", "ws:out:acme:ä /#:x"})


async def test_flush_is_heard_of_as_anything(heard, store, until):
    await store.xadd("ws:out:acme:CP1", {"a": "b"})
    await store.flushall()
    await until(lambda: heard.anything)


async def test_wishes_are_heard_and_nonsense_is_not(heard, store, until):
    await store.publish("ws:ctrl:disconnect", "nonsense")
    await store.publish("ws:ctrl:disconnect", '{"tenant":"acme","deviceId":"CP1","reason":"moved"}')
    await until(lambda: heard.dismissed)
    assert heard.dismissed == [Dismissal(Station("acme", "CP1"), None, "moved")]


async def test_broken_connection_ends_listening(own_redis):
    heard = Heard(await Subscriber.connect(Connector(own_redis.url)))
    await asyncio.sleep(0.02)
    own_redis.kill()
    with pytest.raises(LinkDown):
        await heard.task


async def test_server_that_does_not_answer_ends_listening(own_redis, monkeypatch):
    monkeypatch.setattr(subscriber_module, "STALLED", 0.1)
    heard = Heard(await Subscriber.connect(Connector(own_redis.url)))
    await asyncio.sleep(0.25)
    assert not heard.task.done()
    own_redis.process.send_signal(signal.SIGSTOP)
    with pytest.raises(LinkDown):
        await heard.task
