"""The program on a Redis that fails over."""

import asyncio

import pytest

from tests.e2e.flows import delay, flow, function, ocpp_in, ocpp_out
from tests.e2e.load import stations, steady
from tests.e2e.program import until
from tests.e2e.sentinels import Trio
from tests.e2e.test_crash import BEGIN, all_answers, runs_of, transaction


@pytest.fixture
def trio(tmp_path):
    folder = tmp_path / "trio"
    folder.mkdir()
    trio = Trio(folder)
    try:
        yield trio.start()
    finally:
        trio.stop()


async def under_load(program, change):
    """How many calls were made while ``change()`` happened, and all answers to them."""
    stop = asyncio.Event()
    async with stations(40, program.gateway) as all_of_them:
        calling = [asyncio.ensure_future(steady(station, 5, stop)) for station in all_of_them]
        await all_answered(all_of_them, 2)
        await asyncio.to_thread(change)
        await all_answered(all_of_them, 2)
        stop.set()
        return sum(await asyncio.gather(*calling)), all_answers(all_of_them)


async def all_answered(all_of_them, more):
    """Waits until each station got so many answers more."""
    wanted = [len(station.answers) + more for station in all_of_them]

    async def there():
        return all(len(station.answers) >= count for station, count in zip(all_of_them, wanted, strict=True))

    await until(there)


@pytest.mark.parametrize("way", ["asked for", "after a crash"])
async def test_after_a_failover_the_flow_goes_on_and_nothing_is_lost_or_done_twice(start, trio, way):
    nodes = flow(ocpp_in("wait"), delay("wait", 0.05, "begin"), function("begin", BEGIN, "out"), ocpp_out())
    program = start(nodes, "--redis", trio.url)
    before = trio.master()
    sent, answers = await under_load(program, trio.fail_over if way == "asked for" else trio.crash)
    assert trio.master() != before
    assert len(answers) == sent
    assert {id: frames for id, frames in answers.items() if len({transaction(frame) for frame in frames}) != 1} == {}
    assert await runs_of(program) == dict.fromkeys(answers, 1)
    assert "Traceback" not in program.log
