"""``/context`` with several stores, one of them in Redis."""

import pytest

from tests.editor.serving import place, served
from tests.engine.context.conftest import redis_process, redis_server

__all__ = ["redis_process", "redis_server"]


@pytest.fixture
async def site(tmp_path, redis_server):
    stores = {"near": {"module": "memory"}, "far": {"module": "redis"}}
    async with served(tmp_path, place("seen", "n"), context_storage=stores, redis_url=redis_server.url) as running:
        flow = running.runtime.contexts.flow("t")
        await flow.aset("a", 1, "near")
        await flow.aset("b", {"c": [1]}, "far")
        yield running


async def read(site, path):
    answer = await site.client.get(path)
    return answer.status_code, answer.json()


async def test_values_are_listed_by_store(site):
    values = {"near": {"a": {"msg": "1", "format": "number"}}, "far": {"b": {"msg": '{"c":[1]}', "format": "Object"}}}
    assert await read(site, "/context/flow/t") == (200, values)
    assert await read(site, "/context/flow/t?store=far") == (200, {"far": values["far"]})
    assert await read(site, "/context/flow/t?keysOnly") == (
        200,
        {"near": {"keys": [{"key": "a"}]}, "far": {"keys": [{"key": "b"}]}},
    )


async def test_one_value_of_a_store(site):
    found = {"msg": "[1]", "format": "array[1]", "store": "far"}
    assert await read(site, "/context/flow/t/b.c?store=far") == (200, found)
    assert (await read(site, "/context/flow/t/b"))[1]["format"] == "undefined"


async def test_a_value_is_deleted_from_the_store_that_is_named(site):
    assert (await site.client.delete("/context/flow/t/b?store=far")).status_code == 204
    assert (await site.client.delete("/context/flow/t/a?store=far")).status_code == 204
    assert (await read(site, "/context/flow/t"))[1] == {"near": {"a": {"msg": "1", "format": "number"}}, "far": {}}


async def test_an_unknown_store_is_404(site):
    status, told = await read(site, "/context/flow/t?store=none")
    assert (status, told["message"]) == (404, "there is no context store 'none'; there are: near, far")
