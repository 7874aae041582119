import asyncio
import json

import pytest

from busway.editor.server.outbox import Outbox, TooSlow


def put(outbox, topic, data):
    text = json.dumps({"topic": topic, "data": data}).encode()
    if topic == "debug":
        outbox.put_debug(text)
    else:
        outbox.put(topic, text)


def fill(outbox, *messages):
    for topic, data in messages:
        put(outbox, topic, data)


def drained(outbox):
    found = []
    while len(outbox):
        found += [(item["topic"], item["data"]) for item in json.loads(outbox.take_frame())]
    return found


async def test_messages_come_out_in_order_fifty_at_a_time():
    outbox = Outbox()
    fill(outbox, *(("debug", number) for number in range(120)))
    assert [len(json.loads(outbox.take_frame())) for _ in range(3)] == [50, 50, 20]
    fill(outbox, ("a", 1), ("debug", 2), ("a", 3))
    assert drained(outbox) == [("a", 1), ("debug", 2), ("a", 3)]


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


async def test_debug_messages_that_there_is_no_room_for_are_counted_where_they_are_missing():
    outbox = Outbox(most_debug=100)
    fill(outbox, *(("debug", number) for number in range(150)), ("status/a", "up"))
    assert not outbox.takes_debug
    outbox.miss()
    first = json.loads(outbox.take_frame())
    assert outbox.takes_debug
    fill(outbox, ("debug", "after"))
    found = [(item["topic"], item["data"]) for item in first] + drained(outbox)
    assert found[:100] == [("debug", number) for number in range(100)]
    assert found[100] == ("status/a", "up")
    assert found[101][1] == {
        "level": 30,
        "msg": "51 debug messages were dropped: this client reads more slowly than they come",
        "format": "string[76]",
        "dropped": 51,
    }
    assert found[102:] == [("debug", "after")]


async def test_the_notice_comes_even_when_no_debug_message_follows():
    outbox = Outbox(most_debug=10)
    fill(outbox, *(("debug", number) for number in range(11)))
    found = drained(outbox)
    assert found[-1][1]["dropped"] == 1
    assert drained(outbox) == []


async def test_the_size_of_debug_messages_counts_too():
    outbox = Outbox(most_bytes=1000)
    fill(outbox, *(("debug", "x" * 100) for _ in range(20)))
    assert not outbox.takes_debug
    found = drained(outbox)
    assert len(found) + found[-1][1]["dropped"] == 21
    assert outbox.takes_debug


async def test_a_status_that_was_replaced_goes_and_the_last_one_stays():
    outbox = Outbox(most_others=10)
    fill(outbox, *(("status/a", number) for number in range(10)), ("status/b", 1))
    assert drained(outbox) == [("status/a", 9), ("status/b", 1)]


async def test_of_notifications_each_one_is_kept():
    outbox = Outbox(most_others=10)
    fill(outbox, *(("notification/node/added", number) for number in range(4)))
    fill(outbox, *(("status/a", number) for number in range(9)))
    assert [data for topic, data in drained(outbox) if topic.startswith("notification")] == [0, 1, 2, 3]


async def test_a_client_that_leaves_more_than_can_be_kept_is_given_up():
    outbox = Outbox(most_others=10)
    with pytest.raises(TooSlow, match="11 messages unread"):
        fill(outbox, *(("notification/node/added", number) for number in range(11)))


async def test_it_stays_bounded_however_long_nobody_reads():
    outbox = Outbox(most_debug=100, most_others=100)
    for number in range(10_000):
        fill(outbox, ("debug", number), (f"status/{number % 7}", number))
        assert len(outbox) <= 201
    found = drained(outbox)
    assert [data for topic, data in found if topic != "debug"][-7:] == list(range(9993, 10_000))
    assert sum(data["dropped"] if isinstance(data, dict) else 1 for topic, data in found if topic == "debug") == 10_000
