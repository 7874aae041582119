"""The pipelined connection to Redis."""

import asyncio
import contextlib
import signal

import pytest
import redis.asyncio
from redis.exceptions import ResponseError

from busway.nodes.ocpp.streams import link as link_module
from busway.nodes.ocpp.streams.link import Connector, Link, LinkDown


@contextlib.asynccontextmanager
async def link_to(redis_or_url):
    link = Link(await Connector(redis_or_url).connect())
    try:
        yield link
    finally:
        await link.close()


async def test_replies_come_back_in_order(store, shared_redis):
    async with link_to(shared_redis.url) as link:
        replies = await asyncio.gather(*(link.send("ECHO", number) for number in range(500)))
        assert replies == [str(number) for number in range(500)]


async def test_refused_command_fails_alone(store, shared_redis):
    async with link_to(shared_redis.url) as link:
        first, wrong, last = link.send("ECHO", "a"), link.send("NONSENSE"), link.send("ECHO", "b")
        assert (await first, await last) == ("a", "b")
        with pytest.raises(ResponseError, match="unknown command"):
            await wrong


async def test_abandoned_reply_does_not_shift_the_others(store, shared_redis):
    async with link_to(shared_redis.url) as link:
        abandoned, kept = link.send("ECHO", "a"), link.send("ECHO", "b")
        abandoned.cancel()
        assert await kept == "b"


async def test_broken_connection_fails_all_that_is_awaited_and_all_that_follows(own_redis):
    async with link_to(own_redis.url) as link:
        await link.send("PING")
        own_redis.process.send_signal(signal.SIGSTOP)
        waiting = [link.send("PING") for _ in range(3)]
        await asyncio.sleep(0.02)
        own_redis.kill()
        for future in waiting:
            with pytest.raises(LinkDown):
                await future
        assert link.down.is_set()
        with pytest.raises(LinkDown, match="down"):
            await link.send("PING")


async def test_server_that_does_not_answer_counts_as_gone(own_redis, monkeypatch):
    monkeypatch.setattr(link_module, "STALLED", 0.1)
    async with link_to(own_redis.url) as link:
        await asyncio.sleep(0.3)
        assert not link.down.is_set()
        own_redis.process.send_signal(signal.SIGSTOP)
        with pytest.raises(LinkDown, match="did not answer"):
            await link.send("PING")


async def test_closed_link_fails_what_is_awaited(store, shared_redis):
    async with link_to(shared_redis.url) as link:
        future = link.send("BLPOP", "nothing", 0)
        await asyncio.sleep(0.01)
        await link.close()
        with pytest.raises(LinkDown, match="closed"):
            await future


async def test_text_of_redis_that_is_no_unicode_is_read_all_the_same(store, shared_redis):
    async with link_to(shared_redis.url) as link:
        await link.send("SET", "key", b"a\xffb")
        assert await link.send("GET", "key") == "a\ufffdb"


async def test_client_lends_its_address_and_its_database(store, shared_redis):
    client = redis.asyncio.Redis(unix_socket_path=str(shared_redis.socket), db=3, protocol=3)
    async with link_to(client) as link:
        await link.send("SET", "key", "there")
        assert await link.send("GET", "key") == "there"
        assert await client.get("key") == b"there"
    assert await store.get("key") is None
    await client.aclose()


@pytest.mark.parametrize("url", ["nonsense", "http://x"])
def test_text_that_is_no_url_is_told(url):
    with pytest.raises(LinkDown, match="not the URL of a Redis"):
        Connector(url)


async def test_wrong_password_is_told(own_redis):
    client = redis.asyncio.from_url(own_redis.url)
    await client.config_set("requirepass", "secret")
    with pytest.raises(LinkDown, match="Authentication required"):
        async with link_to(own_redis.url) as link:
            await link.send("PING")
    with pytest.raises(LinkDown, match="cannot be reached"):
        await Connector(f"unix://:wrong@{own_redis.socket}").connect()
    await client.aclose()
