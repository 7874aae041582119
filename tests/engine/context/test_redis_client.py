"""The Redis that a URL names, directly or by sentinels."""

import pytest

from busway.engine.context import Contexts
from busway.engine.errors import StorageError
from tests.e2e.sentinels import Trio


async def test_sentinels_name_the_master(tmp_path):
    trio = Trio(tmp_path)
    try:
        trio.start()
        contexts = Contexts({"shared": {"module": "redis"}}, redis_url=trio.url)
        await contexts.open()
        try:
            context = contexts.flow("f")
            assert await context.increment("n") == 1
            assert context.read(("n",)) == 1
            assert trio.client(trio.master()).hgetall("busway:context:f") == {"n": "1"}
        finally:
            await contexts.close()
    finally:
        trio.stop()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis+sentinel://127.0.0.1:1", "it names no service"),
        ("redis+sentinel://127.0.0.1:1/s?pool=5", "there is no option 'pool' of sentinels"),
        ("redis+sentinel://127.0.0.1:1/s/x", "is not the URL of a Redis: .*'x'"),
        (
            "redis+sentinel://:PLANTED@127.0.0.1:1/s",
            "no answer from Redis at redis.sentinel://127.0.0.1:1/s: No master",
        ),
    ],
)
async def test_what_is_wrong_with_a_url_is_told(url, told):
    contexts = Contexts({"shared": {"module": "redis"}}, redis_url=url)
    with pytest.raises(StorageError, match=told) as error:
        await contexts.open()
    assert "PLANTED" not in str(error.value)
    await contexts.close()
