import asyncio
import json

from busway.editor.server.outbox import Outbox


def message(topic, data):
    return topic, json.dumps({"topic": topic, "data": data}).encode()


def fill(outbox, *messages):
    for topic, data in messages:
        outbox.put(*message(topic, data))


def drained(outbox):
    found = []
    while len(outbox):
        found += [(item["topic"], item["data"]) for item in json.loads(outbox.take_frame())]
    return found


async def test_messages_come_out_in_order_fifty_at_a_time():
    outbox = Outbox()
    fill(outbox, *(("debug", number) for number in range(120)))
    assert [len(json.loads(outbox.take_frame())) for _ in range(3)] == [50, 50, 20]
    fill(outbox, ("a", 1), ("b", 2), ("a", 3))
    assert drained(outbox) == [("a", 1), ("b", 2), ("a", 3)]


async def test_it_can_be_waited_for():
    outbox = Outbox()
    waiting = asyncio.create_task(outbox.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    fill(outbox, ("a", 1))
    await asyncio.wait_for(waiting, 1)
    outbox.take_frame()
    again = asyncio.create_task(outbox.wait())
    await asyncio.sleep(0)
    assert not again.done()
    again.cancel()


async def test_the_oldest_debug_messages_go_first_and_a_notice_says_how_many():
    outbox = Outbox(most_messages=10)
    fill(outbox, *(("debug", number) for number in range(11)))
    (topic, notice), *kept = drained(outbox)
    assert kept == [("debug", number) for number in (6, 7, 8, 9, 10)]
    assert (topic, notice["level"]) == ("debug", 30)
    assert notice["msg"].startswith("6 debug messages were dropped")
    assert notice["format"] == f"string[{len(notice['msg'])}]"


async def test_a_status_that_was_replaced_goes_and_the_last_one_stays():
    outbox = Outbox(most_messages=10)
    fill(outbox, *(("status/a", number) for number in range(10)), ("status/b", 1))
    assert drained(outbox) == [("status/a", 9), ("status/b", 1)]


async def test_all_that_was_dropped_since_the_last_frame_is_counted():
    outbox = Outbox(most_messages=10)
    fill(outbox, *(("debug", number) for number in range(1000)))
    (_, notice), *kept = drained(outbox)
    assert notice["msg"].startswith(f"{1000 - len(kept)} debug messages were dropped")
    fill(outbox, ("debug", 1))
    assert drained(outbox) == [("debug", 1)]


async def test_the_size_counts_too():
    outbox = Outbox(most_bytes=1000)
    fill(outbox, ("status/a", "kept"), *(("debug", "x" * 100) for _ in range(10)))
    found = drained(outbox)
    assert found[1] == ("status/a", "kept")
    assert any("were dropped" in data["msg"] for _, data in found if isinstance(data, dict))
    assert sum(len(str(data)) for _, data in found) < 1000


async def test_it_stays_bounded_however_long_nobody_reads():
    outbox = Outbox(most_messages=100)
    for number in range(10_000):
        fill(outbox, ("debug", number), (f"status/{number % 7}", number))
        assert len(outbox) <= 101
    found = drained(outbox)
    assert [data for topic, data in found if topic != "debug"][-7:] == list(range(9993, 10_000))
