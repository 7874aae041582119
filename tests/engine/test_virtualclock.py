import asyncio
import socket
import time

import pytest

from busway.engine.virtualclock import ClockError, VirtualClock, virtual_loop


async def test_an_hour_passes_at_once_and_exactly():
    loop, started = asyncio.get_running_loop(), time.perf_counter()
    with VirtualClock() as clock:
        before = loop.time()
        await asyncio.sleep(3600)
        assert loop.time() - before == pytest.approx(3600)
        assert clock.elapsed == pytest.approx(3600)
    assert time.perf_counter() - started < 1


async def test_timers_fire_in_the_order_of_their_time():
    fired = []
    with VirtualClock():
        loop = asyncio.get_running_loop()
        for delay in (300, 0.5, 86_400 * 3, 20):
            loop.call_later(delay, fired.append, delay)
        await asyncio.sleep(86_400 * 3 + 1)
    assert fired == [0.5, 20, 300, 86_400 * 3]


async def test_the_wall_clock_starts_where_it_is_told_and_follows():
    with VirtualClock(start=1_767_225_600) as clock:
        await asyncio.sleep(90)
        assert clock.now() == pytest.approx(1_767_225_690)


async def test_time_stands_still_while_another_thread_works_for_the_loop():
    with VirtualClock() as clock:
        late = asyncio.get_running_loop().call_later(5, lambda: None)
        assert await asyncio.to_thread(lambda: time.sleep(0.02) or "read") == "read"
        assert clock.elapsed == 0
        late.cancel()


async def test_a_timeout_strikes_in_virtual_time():
    with VirtualClock() as clock:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 600)
        assert clock.elapsed == pytest.approx(600)


async def test_what_another_end_has_written_arrives_without_time_passing():
    ours, theirs = socket.socketpair()
    with VirtualClock() as clock:
        reader, writer = await asyncio.open_connection(sock=ours)
        theirs.sendall(b"hello\n")
        assert await reader.readline() == b"hello\n"
        assert clock.elapsed == 0
        writer.close()
        await writer.wait_closed()
    theirs.close()


async def test_the_loop_gets_its_own_clock_back():
    loop = asyncio.get_running_loop()
    with VirtualClock():
        await asyncio.sleep(3600)
    assert abs(loop.time() - time.monotonic()) < 1


async def test_a_foreign_loop_is_refused_by_name():
    class Foreign(asyncio.AbstractEventLoop):
        pass

    with pytest.raises(ClockError, match="asyncio's own event loop"):
        VirtualClock().install(Foreign())


def test_a_virtual_loop_can_be_made_without_a_running_one():
    loop = virtual_loop()
    try:
        loop.run_until_complete(asyncio.sleep(86_400 * 365))
    finally:
        loop.close()
