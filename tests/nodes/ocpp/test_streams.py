"""The flow side of the streams, against a real Redis; a receiver stands in for an ``ocpp-in`` node."""

import asyncio
import json
import signal
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from busway.engine.errors import NodeStopped
from busway.engine.origin import Origin
from busway.nodes.ocpp.messages import call_result
from busway.nodes.ocpp.streams import answers, history, intake, link, scripts
from busway.nodes.ocpp.streams.address import Address
from busway.nodes.ocpp.streams.flow_side import AnswerError, FlowSide
from busway.nodes.ocpp.streams.groups import Group

GROUP = Group("biz-workers", "here-1")


class Receiver:
    """Collects what it is given; each entry stays open until the test settles it, unless ``handle`` does."""

    def __init__(self, id="in1", action="", auto_ack=True, patient=False, answer_timeout=30.0, handle=None):
        self.id, self.action, self.auto_ack, self.patient = id, action, auto_ack, patient
        self.answer_timeout, self.handle = answer_timeout, handle
        self.taken, self.origins, self.bad, self.troubles = [], [], [], []

    def wants(self, message):
        return not self.action or message.action == self.action

    def origin(self, on_settled):
        self.origins.append(Origin(on_settled, SimpleNamespace(origins=1)))
        return self.origins[-1]

    def take(self, message, entry):
        self.taken.append(entry)
        if self.handle is None:
            self.origins[-1].pending += 1
        else:
            self.handle(entry)

    def settle(self, index=-1, error=None):
        origin = self.origins[index]
        if error is not None:
            origin.errors.append((self.id, error))
        origin.release()

    def unreadable(self, entry_id, fields, error):
        self.bad.append((entry_id, fields, str(error)))

    def trouble(self, text):
        self.troubles.append(text)


@asynccontextmanager
async def flow_side(server, **options):
    side = FlowSide(Address(server.url).connector(), **options)
    try:
        yield side
    finally:
        await side.close()


def reply(side, entry, payload=None, done=lambda reply: None):
    frame = call_result(entry.message.message_id, payload or {})
    side.answer(entry.key, frame, 1000, entry.id, done)


def answering(side):
    return lambda entry: reply(side, entry, {"by": entry.id})


async def test_an_answer_is_written_and_the_entry_acknowledged(server, until):
    server.call("Heartbeat", id="a")
    async with flow_side(server) as side:
        side.read(GROUP, Receiver(handle=answering(side)), 10, 5000)
        await until(server.frames)
        assert server.frames()[0][:2] == [3, "a"]
        await until(lambda: server.pending() == 0)
    fields = server.client.xrange("ws:out:t:d")[0][1]
    assert set(fields) == {"id", "payload", "timestamp"}
    assert fields["id"] == "a"


async def test_an_entry_is_acknowledged_only_when_all_that_came_of_it_is_handled(server, until):
    server.call("Heartbeat", id="a")
    async with flow_side(server) as side:
        node = Receiver()
        side.read(GROUP, node, 10, 5000)
        await until(lambda: node.taken)
        reply(side, node.taken[0])
        await until(server.frames)
        await side.flush()
        assert server.pending() == 1
        node.settle()
        await until(lambda: server.pending() == 0)


async def test_a_call_that_nobody_wants_is_answered_not_implemented(server, until):
    server.call("Heartbeat", id="a")
    async with flow_side(server) as side:
        side.read(GROUP, Receiver(action="Authorize"), 10, 5000)
        await until(server.frames)
        assert server.frames()[0][:3] == [4, "a", "NotImplemented"]
        await until(lambda: server.pending() == 0)


async def test_a_call_that_ends_without_an_answer_is_answered_not_implemented(server, until):
    server.call("Heartbeat", id="a")
    async with flow_side(server) as side:
        side.read(GROUP, Receiver(handle=lambda entry: None), 10, 5000)
        await until(server.frames)
        assert server.frames()[0][:3] == [4, "a", "NotImplemented"]


async def test_a_call_whose_branch_fails_is_answered_internal_error(server, until):
    server.call("Heartbeat", id="a")
    async with flow_side(server) as side:
        node = Receiver()
        side.read(GROUP, node, 10, 5000)
        await until(lambda: node.taken)
        node.settle(error=RuntimeError("secret detail"))
        await until(server.frames)
        assert server.frames()[0][:3] == [4, "a", "InternalError"]
        assert "secret" not in json.dumps(server.frames())
        await until(lambda: server.pending() == 0)


async def test_a_call_without_an_answer_in_time_is_answered_internal_error_once(server, until):
    server.call("Heartbeat", id="a")
    async with flow_side(server) as side:
        node = Receiver(answer_timeout=0.1)
        side.read(GROUP, node, 10, 5000)
        await until(server.frames)
        assert server.frames()[0][:3] == [4, "a", "InternalError"]
        with pytest.raises(AnswerError, match="answered before"):
            reply(side, node.taken[0])
        assert server.pending() == 1
        node.settle()
        await until(lambda: server.pending() == 0)
        assert len(server.frames()) == 1


async def test_a_patient_node_may_answer_after_its_handling_has_ended(server, until):
    server.call("Heartbeat", id="a")
    async with flow_side(server) as side:
        node = Receiver(patient=True)
        side.read(GROUP, node, 10, 5000)
        await until(lambda: node.taken)
        node.settle()
        await side.flush()
        assert server.frames() == []
        assert server.pending() == 1
        reply(side, node.taken[0])
        await until(lambda: server.pending() == 0)
        assert server.frames()[0][:2] == [3, "a"]


async def test_two_nodes_with_different_filters_lose_nothing(server, until):
    for number in range(40):
        server.call("Heartbeat" if number % 2 else "Authorize", id=f"m{number}")
    async with flow_side(server) as side:
        beats, tokens = (
            Receiver(id=action, action=action, handle=answering(side)) for action in ("Heartbeat", "Authorize")
        )
        side.read(GROUP, beats, 10, 5000)
        side.read(GROUP, tokens, 10, 5000)
        await until(lambda: len(server.frames()) == 40)
        assert (len(beats.taken), len(tokens.taken)) == (20, 20)
        assert {frame[0] for frame in server.frames()} == {3}


async def test_nodes_that_want_the_same_get_messages_of_their_own(server, until):
    server.call("Heartbeat", {"a": 1})
    async with flow_side(server) as side:
        seen = []

        class Collecting(Receiver):
            def take(self, message, entry):
                seen.append(message)

        side.read(GROUP, Collecting("one"), 10, 5000)
        side.read(GROUP, Collecting("two"), 10, 5000)
        await until(lambda: len(seen) == 2)
        assert seen[0].payload == seen[1].payload
        assert seen[0].payload is not seen[1].payload


# -- repeats ----------------------------------------------------------------------------------------------------------
async def test_a_repeated_call_gets_the_stored_answer_and_does_not_run_again(server, until):
    async with flow_side(server) as side:
        node = Receiver(handle=answering(side))
        side.read(GROUP, node, 10, 5000)
        server.call("StartTransaction", {"idTag": "x"}, id="a")
        await until(server.frames)
        await until(lambda: server.pending() == 0)
        server.call("StartTransaction", {"idTag": "x"}, id="a")
        await until(lambda: len(server.frames()) == 2)
        assert server.frames()[0] == server.frames()[1]
        assert len(node.taken) == 1
        await until(lambda: server.pending() == 0)


async def test_an_id_used_again_for_another_call_runs(server, until):
    async with flow_side(server) as side:
        node = Receiver(handle=answering(side))
        side.read(GROUP, node, 10, 5000)
        server.call("StartTransaction", {"idTag": "x"}, id="1")
        await until(server.frames)
        server.call("StartTransaction", {"idTag": "y"}, id="1")
        await until(lambda: len(server.frames()) == 2)
        assert len(node.taken) == 2


async def test_a_repeat_while_the_first_is_being_handled_joins_it(server, until):
    async with flow_side(server) as side:
        node = Receiver()
        side.read(GROUP, node, 10, 5000)
        server.call("StartTransaction", {"idTag": "x"}, id="a")
        server.call("StartTransaction", {"idTag": "x"}, id="a")
        server.call("Heartbeat", id="b")
        await until(lambda: len(node.taken) == 2)
        assert [entry.message.message_id for entry in node.taken] == ["a", "b"]
        reply(side, node.taken[0])
        node.settle(0)
        reply(side, node.taken[1])
        node.settle(1)
        await until(lambda: server.pending() == 0)
        assert len(server.frames()) == 2


def test_the_answer_to_what_tells_the_time_is_not_repeated_later():
    record = answers.read('1-0 abc 1000000 [3,"a",{}]')
    assert record.repeats("Heartbeat", "abc", 1_000_000 + answers.FLEETING - 1)
    assert not record.repeats("Heartbeat", "abc", 1_000_000 + answers.FLEETING)
    assert record.repeats("StartTransaction", "abc", 1_000_000 + 3_600_000)
    assert not record.repeats("StartTransaction", "other", 1_000_001)


@pytest.mark.parametrize("text", [None, "", "x", "1-0 abc notime {}", "1-0 abc 12"])
def test_a_record_that_is_none_is_no_answer(text):
    assert answers.read(text) is None


async def test_a_station_s_stored_answers_are_bounded(server, until):
    async with flow_side(server) as side:
        side.read(GROUP, Receiver(handle=answering(side)), 10, 5000)
        for number in range(5 * scripts.KEPT):
            server.call("Heartbeat", id=f"m{number}")
        await until(lambda: len(server.frames()) == 5 * scripts.KEPT)
    kept = [server.client.hlen(f"ws:answered:t:d{suffix}") for suffix in ("", ":older")]
    assert scripts.KEPT < sum(kept) <= 2 * scripts.KEPT
    assert 0 < server.client.ttl("ws:answered:t:d:older") <= scripts.LIFETIME


# -- pending ----------------------------------------------------------------------------------------------------------
async def test_a_restarted_process_takes_up_its_own_pending_entries_first(server, until):
    for number in range(5):
        server.call("Heartbeat", id=f"m{number}")
    async with flow_side(server) as side:
        node = Receiver()
        side.read(GROUP, node, 10, 5000)
        await until(lambda: len(node.taken) == 5)
    server.call("Heartbeat", id="new")
    async with flow_side(server) as side:
        node = Receiver(handle=answering(side))
        side.read(GROUP, node, 10, 5000)
        await until(lambda: len(server.frames()) == 6)
        assert [entry.message.message_id for entry in node.taken] == ["m0", "m1", "m2", "m3", "m4", "new"]
        await until(lambda: server.pending() == 0)


async def test_an_entry_answered_before_a_crash_is_not_answered_again(server, until):
    entry_id = server.call("StartTransaction", id="a")
    async with flow_side(server) as side:
        node = Receiver()
        side.read(GROUP, node, 10, 5000)
        await until(lambda: node.taken)
        reply(side, node.taken[0])
        await until(server.frames)
    assert server.pending() == 1
    async with flow_side(server) as side:
        node = Receiver()
        side.read(GROUP, node, 10, 5000)
        await until(lambda: server.pending() == 0)
        assert node.taken == []
        assert len(server.frames()) == 1
        assert server.client.xrange("ws:inbound", entry_id, entry_id)


async def test_entries_of_a_dead_consumer_are_taken_over(server, until):
    server.call("Heartbeat", id="a")
    server.client.xgroup_create("ws:inbound", "biz-workers", "0")
    server.client.xreadgroup("biz-workers", "dead", {"ws:inbound": ">"})
    async with flow_side(server) as side:
        await until(lambda: side.trouble is None)
        node = Receiver(handle=answering(side))
        group = Group("biz-workers", "here-1", idle=0.01)
        side.read(group, node, 10, 5000)
        await asyncio.sleep(0.02)
        await side._look_after()
        await until(server.frames)
        assert node.taken[0].deliveries == 2
        await until(lambda: server.pending() == 0)


async def test_entries_being_worked_on_are_not_taken_over_by_another_process(server, until):
    server.call("Heartbeat", id="a")
    mine, other = Group("biz-workers", "here-1", idle=0.3), Group("biz-workers", "there-1", idle=0.3)
    async with flow_side(server) as one, flow_side(server) as two:
        first, second = Receiver(), Receiver()
        one.read(mine, first, 10, 5000)
        await until(lambda: first.taken)
        two.read(other, second, 10, 5000)
        for _ in range(8):
            await asyncio.sleep(0.05)
            await one._look_after()
            await two._look_after()
        assert second.taken == []
        reply(one, first.taken[0])
        first.settle()
        await until(lambda: server.pending() == 0)


async def test_an_entry_handed_out_too_often_is_given_up(server, until):
    server.call("Heartbeat", id="a")
    server.client.xgroup_create("ws:inbound", "biz-workers", "0")
    entry_id = server.client.xreadgroup("biz-workers", "here-1", {"ws:inbound": ">"})[0][1][0][0]
    for _ in range(4):
        server.client.xclaim("ws:inbound", "biz-workers", "here-1", 0, [entry_id])
    async with flow_side(server) as side:
        node = Receiver()
        side.read(GROUP, node, 10, 5000)
        await until(server.frames)
        assert server.frames()[0][:3] == [4, "a", "InternalError"]
        await until(lambda: server.pending() == 0)
        assert node.taken == []
    buried = server.client.xrange("ws:dead")[0][1]
    assert buried["deviceId"] == "d"
    assert buried["entry"] == entry_id
    assert "5 times" in buried["reason"]


async def test_what_was_left_for_days_is_not_handed_out_again(server, until):
    server.client.xgroup_create("ws:inbound", "biz-workers", "0", mkstream=True)
    fields = {"tenant": "t", "deviceId": "d", "id": "a", "metadata": "{}", "payload": '{"action":"Heartbeat"}'}
    server.client.xadd("ws:inbound", fields, id="1000000000000-0")
    server.client.xreadgroup("biz-workers", "here-1", {"ws:inbound": ">"})
    server.client.xadd("ws:inbound", fields, id="1000000000001-0")
    async with flow_side(server) as side:
        node = Receiver(handle=answering(side))
        side.read(GROUP, node, 10, 5000)
        await until(lambda: node.taken and server.pending() == 0)
        assert [entry.id for entry in node.taken] == ["1000000000001-0"], "what is new is handed out however old it is"
    assert server.client.xrange("ws:dead")[0][1]["entry"] == "1000000000000-0"


async def test_what_waits_for_nodes_that_never_return_stays_pending(server, until, monkeypatch):
    monkeypatch.setattr(intake, "ABSENCE", 0.1)
    async with flow_side(server) as side:
        one, two = Receiver("one", "Authorize"), Receiver("two")
        side.read(GROUP, one, 10, 5000)
        side.read(GROUP, two, 10, 5000)
        await until(lambda: two.troubles)
        side.pause(GROUP, one)
        server.call("Authorize", id="a")
        await until(lambda: side.desk(GROUP).intake.open)
        side.pause(GROUP, two)
        await until(lambda: not side.desk(GROUP).intake.open)
        assert server.frames() == []
        assert server.pending() == 1
        side.read(GROUP, Receiver("three", handle=answering(side)), 10, 5000)
        await until(lambda: server.pending() == 0)
        assert server.frames()[0][:2] == [3, "a"]


async def test_an_entry_whose_stream_entry_is_gone_leaves_the_pending_list(server, until):
    server.client.xgroup_create("ws:inbound", "biz-workers", "0", mkstream=True)
    entry_id = server.call("Heartbeat", id="a")
    server.client.xreadgroup("biz-workers", "here-1", {"ws:inbound": ">"})
    server.client.xdel("ws:inbound", entry_id)
    async with flow_side(server) as side:
        side.read(GROUP, Receiver(), 10, 5000)
        await until(lambda: server.pending() == 0)


# -- deploys ----------------------------------------------------------------------------------------------------------
async def test_a_message_whose_node_stopped_is_handed_out_again(server, until):
    server.call("Heartbeat", id="a")
    async with flow_side(server) as side:
        node = Receiver()
        side.read(GROUP, node, 10, 5000)
        await until(lambda: node.taken)
        node.settle(error=NodeStopped("gone"))
        await until(lambda: len(node.taken) == 2)
        reply(side, node.taken[1])
        node.settle()
        await until(lambda: server.pending() == 0)
        assert [frame[0] for frame in server.frames()] == [3]


async def test_a_message_whose_node_never_runs_is_given_up(server, until, monkeypatch):
    monkeypatch.setattr(intake, "FIRST_RETRY", 0.001)
    server.call("Heartbeat", id="a")
    async with flow_side(server) as side:

        class Dead(Receiver):
            def take(self, message, entry):
                self.taken.append(entry)
                self.origins[-1].errors.append(("x", NodeStopped("gone")))

        node = Dead()
        side.read(GROUP, node, 10, 5000)
        await until(server.frames)
        assert server.frames()[0][:3] == [4, "a", "InternalError"]
        assert len(node.taken) == 5
        assert server.client.xlen("ws:dead") == 1


async def test_messages_wait_for_a_node_that_a_deploy_restarts(server, until):
    async with flow_side(server) as side:
        tokens, others = Receiver("one", "Authorize"), Receiver("two", "Heartbeat", handle=answering(side))
        side.read(GROUP, tokens, 10, 5000)
        side.read(GROUP, others, 10, 5000)
        await until(lambda: others.troubles)
        side.pause(GROUP, tokens)
        server.call("Authorize", id="a")
        server.call("Heartbeat", id="b")
        await until(server.frames)
        assert server.frames()[0][1] == "b"
        back = Receiver("one", "Authorize", handle=answering(side))
        side.read(GROUP, back, 10, 5000)
        await until(lambda: len(server.frames()) == 2)
        assert server.frames()[1][:2] == [3, "a"]


async def test_messages_for_a_node_that_was_deleted_do_not_wait(server, until):
    async with flow_side(server) as side:
        tokens, others = Receiver("one", "Authorize"), Receiver("two", "Heartbeat")
        side.read(GROUP, tokens, 10, 5000)
        side.read(GROUP, others, 10, 5000)
        await until(lambda: others.troubles)
        side.pause(GROUP, tokens)
        server.call("Authorize", id="a")
        await until(lambda: side.desk(GROUP).intake.open)
        side.desk(GROUP).intake.forget(tokens)
        await until(server.frames)
        assert server.frames()[0][2] == "NotImplemented"


async def test_a_full_deploy_in_between_loses_nothing(server, until):
    async with flow_side(server) as side:
        node = Receiver()
        side.read(GROUP, node, 10, 5000)
        for number in range(10):
            server.call("Heartbeat", id=f"m{number}")
        await until(lambda: len(node.taken) == 10)
        side.pause(GROUP, node)
        for index in range(5):
            reply(side, node.taken[index])
            node.settle(index)
        for index in range(5, 10):
            node.settle(index, error=NodeStopped("deploy"))
        for number in range(10, 20):
            server.call("Heartbeat", id=f"m{number}")
        again = Receiver(handle=answering(side))
        side.read(GROUP, again, 10, 5000)
        await until(lambda: len(server.frames()) == 20)
        assert sorted(frame[1] for frame in server.frames()) == sorted(f"m{n}" for n in range(20))
        await until(lambda: server.pending() == 0)


# -- trouble ----------------------------------------------------------------------------------------------------------
async def test_nothing_is_lost_or_done_twice_when_redis_goes_away_under_load(server, until):
    async with flow_side(server) as side:
        node = Receiver(handle=answering(side))
        side.read(GROUP, node, 10, 5000)
        for number in range(300):
            server.call("Heartbeat", id=f"m{number}", device=f"d{number % 3}")
        await until(lambda: len(node.taken) > 20)
        server.stop()
        await until(lambda: side.trouble)
        await until(lambda: node.troubles[-1])
        server.start()

        def answered():
            return [frame[1] for device in range(3) for frame in server.frames(device=f"d{device}")]

        await until(lambda: len(answered()) >= 300)
        await until(lambda: server.pending() == 0)
        assert sorted(answered()) == sorted(f"m{n}" for n in range(300))
        assert len({entry.id for entry in node.taken}) == len(node.taken) == 300
        await until(lambda: node.troubles[-1] is None)


async def test_nothing_is_done_twice_when_redis_stalls_and_carries_out_what_it_was_sent(server, until, monkeypatch):
    monkeypatch.setattr(link, "STALLED", 0.3)
    async with flow_side(server) as side:
        node = Receiver()
        side.read(GROUP, node, 10, 50)
        for number in range(100):
            server.call("Heartbeat", id=f"m{number}")
        await until(lambda: len(node.taken) == 100)
        server.process.send_signal(signal.SIGSTOP)
        try:
            for index, entry in enumerate(node.taken):
                reply(side, entry)
                node.settle(index)
            await until(lambda: side.trouble)
            await asyncio.sleep(0.2)
        finally:
            server.process.send_signal(signal.SIGCONT)
        await until(lambda: server.pending() == 0)
        await side.flush()
    assert sorted(frame[1] for frame in server.frames()) == sorted(f"m{n}" for n in range(100))


async def test_commands_refused_for_the_server_s_state_are_sent_again(server, until):
    async with flow_side(server) as side:
        await until(lambda: side.trouble is None)
        server.client.config_set("maxmemory", "1")
        replies = []
        side.writer.add(("SET", "k", "v"), replies.append)
        await until(lambda: side.trouble)
        assert replies == []
        server.client.config_set("maxmemory", "0")
        await until(lambda: replies)
        assert server.client.get("k") == "v"


async def test_a_refused_answer_is_told_and_may_be_given_again(server, until):
    server.client.set("ws:out:t:d", "not a stream")
    server.call("Heartbeat", id="a")
    async with flow_side(server) as side:
        node = Receiver()
        side.read(GROUP, node, 10, 5000)
        await until(lambda: node.taken)
        replies = []
        reply(side, node.taken[0], done=replies.append)
        await until(lambda: replies)
        assert "WRONGTYPE" in str(replies[0])
        server.client.delete("ws:out:t:d")
        reply(side, node.taken[0], done=replies.append)
        await until(lambda: len(replies) == 2)
        assert replies[1] == 1


async def test_scripts_that_redis_forgot_are_loaded_again(server, until):
    async with flow_side(server) as side:
        side.read(GROUP, Receiver(handle=answering(side)), 10, 5000)
        server.call("Heartbeat", id="a")
        await until(server.frames)
        server.client.script_flush()
        server.call("Heartbeat", id="b")
        await until(lambda: len(server.frames()) == 2)


async def test_a_group_that_vanished_is_made_again_where_it_was(server, until):
    async with flow_side(server) as side:
        node = Receiver(handle=answering(side))
        side.read(GROUP, node, 10, 5000)
        server.call("Heartbeat", id="a")
        await until(server.frames)
        server.client.xgroup_destroy("ws:inbound", "biz-workers")
        server.call("Heartbeat", id="b")
        await until(lambda: len(server.frames()) == 2)
        assert [entry.message.message_id for entry in node.taken] == ["a", "b"]


async def test_an_entry_that_is_no_message_is_kept_and_the_next_is_served(server, until):
    server.entry(tenant="t", payload="{}", metadata="{}")
    server.client.xadd("ws:inbound", {"tenant": b"\xff\xfe", "deviceId": "d", "payload": b"\xff", "metadata": "["})
    server.call("Heartbeat", id="a")
    async with flow_side(server) as side:
        node = Receiver(handle=lambda entry: reply(side, entry) if entry.key else None)
        side.read(GROUP, node, 10, 5000)
        await until(server.frames)
        await until(lambda: server.pending() == 0)
        assert "deviceId" in node.bad[0][2]
    assert "deviceId" in server.client.xrange("ws:dead")[0][1]["reason"]


async def test_reading_stops_at_the_bound_and_goes_on_below_it(server, until):
    for number in range(25):
        server.call("Heartbeat", id=f"m{number}")
    async with flow_side(server, limit=10) as side:
        node = Receiver()
        side.read(GROUP, node, 10, 5000)
        await until(lambda: len(node.taken) == 10)
        await asyncio.sleep(0.1)
        assert len(node.taken) == 10
        for index in range(10):
            reply(side, node.taken[index])
            node.settle(index)
        await until(lambda: len(node.taken) == 20)


# -- groups -----------------------------------------------------------------------------------------------------------
async def test_a_group_that_only_watches_does_not_refuse_what_another_answers(server, until):
    server.call("Heartbeat", id="a")
    async with flow_side(server) as side:
        watching, working = Group("watch", "here-1"), Group("work", "here-1")
        side.desk(working).answering.add("out")
        worker = Receiver("work")
        side.read(watching, Receiver("watch", handle=lambda entry: None), 10, 5000)
        side.read(working, worker, 10, 5000)
        await until(lambda: worker.taken and server.pending("watch") == 0)
        await side.flush()
        assert server.frames() == []
        reply(side, worker.taken[0])
        worker.settle()
        await until(lambda: server.pending("work") == 0)
        assert [frame[0] for frame in server.frames()] == [3]


async def test_a_watching_process_refuses_nothing_where_another_group_is(server, until):
    server.client.xgroup_create("ws:inbound", "elsewhere", "0", mkstream=True)
    server.call("Heartbeat", id="a")
    async with flow_side(server) as side:
        node = Receiver(handle=lambda entry: None)
        side.read(GROUP, node, 10, 5000)
        await until(lambda: node.taken and server.pending() == 0)
        await side.flush()
    assert server.frames() == []


@pytest.mark.parametrize(("unanswered", "frames"), [("answer", 1), ("leave", 0)])
async def test_who_refuses_can_be_chosen(server, until, unanswered, frames):
    server.client.xgroup_create("ws:inbound", "elsewhere", "0", mkstream=True)
    server.call("Heartbeat", id="a")
    async with flow_side(server) as side:
        node = Receiver(handle=lambda entry: None)
        side.read(Group("biz-workers", "here-1", unanswered=unanswered), node, 10, 5000)
        await until(lambda: node.taken and server.pending() == 0)
        await side.flush()
    assert len(server.frames()) == frames


async def test_a_call_that_no_group_wants_is_refused_once(server, until):
    async with flow_side(server) as side:
        one, two = Group("one", "here-1"), Group("two", "here-1")
        for group in (one, two):
            side.desk(group).answering.add("out")
            side.read(group, Receiver(group.name, "Authorize"), 10, 5000)
        server.call("Heartbeat", id="a")
        await until(server.frames)
        await until(lambda: server.pending("one") == 0 and server.pending("two") == 0)
        assert [frame[:3] for frame in server.frames()] == [[4, "a", "NotImplemented"]]


async def test_groups_with_a_filter_each_leave_calls_to_each_other(server, until):
    async with flow_side(server) as side:
        for action in ("Authorize", "Heartbeat"):
            group = Group(action, "here-1")
            side.desk(group).answering.add("out")
            side.read(group, Receiver(action, action, handle=answering(side)), 10, 5000)
        for number in range(10):
            server.call("Heartbeat" if number % 2 else "Authorize", id=f"m{number}")
        await until(lambda: len(server.frames()) == 10)
        await until(lambda: server.pending("Authorize") == 0 and server.pending("Heartbeat") == 0)
        assert {frame[0] for frame in server.frames()} == {3}


# -- history ----------------------------------------------------------------------------------------------------------
async def test_history_is_cut_up_to_the_oldest_entry_that_a_group_needs(server, until):
    for number in range(500):
        server.call("Heartbeat", id=f"m{number}")
    server.client.xgroup_create("ws:inbound", "slow", "0")
    ids = [entry[0] for entry in server.client.xreadgroup("slow", "c", {"ws:inbound": ">"}, count=300)[0][1]]
    server.client.xack("ws:inbound", "slow", *ids[:250])
    async with flow_side(server) as side:
        side.read(GROUP, Receiver(handle=answering(side)), 10, 5000)
        await until(lambda: len(server.frames()) == 500)
        await until(lambda: server.pending() == 0)
        await side._look_after()
    left = [entry[0] for entry in server.client.xrange("ws:inbound")]
    assert len(left) < 500
    assert left[0] <= ids[250]
    assert len(left) >= 250


async def test_history_stays_when_trimming_is_off(server, until):
    for number in range(300):
        server.call("Heartbeat", id=f"m{number}")
    async with flow_side(server) as side:
        side.read(Group("biz-workers", "here-1", trim=False), Receiver(handle=answering(side)), 10, 5000)
        await until(lambda: len(server.frames()) == 300)
        await until(lambda: server.pending() == 0)
        await side._look_after()
    assert server.client.xlen("ws:inbound") == 300


def test_stream_ids_are_ordered_by_number():
    assert history.order("9-1") < history.order("10-0") < history.order("10-2") < history.order("10-10")


# -- addresses --------------------------------------------------------------------------------------------------------
def test_an_address_never_shows_its_password():
    address = Address("redis://user:geheim@example.org:6380/2", "u", "secret")
    assert "geheim" not in address.shown
    assert "secret" not in repr(address)
    assert address.shown == "redis://example.org:6380/2"


@pytest.mark.parametrize("url", ["http://x", "localhost", "redis+sentinel://host:1"])
def test_a_url_that_names_no_redis_is_refused(url):
    with pytest.raises(link.LinkDown, match="not the URL of a Redis"):
        Address(url).connector()


async def test_a_repeat_that_was_read_before_the_first_was_answered_runs_no_flow(server, until):
    def handle(entry):
        if entry.message.message_id == "a":
            node.origins[-1].pending += 1
        else:
            # What is known of "a" was asked for with the whole batch; its answer and its end come only now.
            reply(side, node.taken[0], {"transactionId": 7})
            node.settle(0)
            reply(side, entry)

    node = Receiver(handle=handle)
    for id in ("a", "b", "a"):
        server.call("StartTransaction", id=id)
    async with flow_side(server) as side:
        side.read(GROUP, node, 10, 5000)
        await until(lambda: len(server.frames()) == 3)
        await until(lambda: server.pending() == 0)
    assert [entry.message.message_id for entry in node.taken] == ["a", "b"]
    assert [frame for frame in server.frames() if frame[1] == "a"] == [[3, "a", {"transactionId": 7}]] * 2
