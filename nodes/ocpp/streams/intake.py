"""What one consumer group read: given to the ``ocpp-in`` nodes that want it, watched until handled, acknowledged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from busway.engine.errors import NodeStopped
from busway.engine.origin import Origin
from busway.nodes.ocpp.clock import now_ms
from busway.nodes.ocpp.codes import code_for
from busway.nodes.ocpp.messages import EntryError, Inbound, call_error, parse_entry

from . import answers, keys
from .answers import Record
from .calls import Entry
from .history import milliseconds

if TYPE_CHECKING:
    from .flow_side import FlowSide

log = logging.getLogger("busway.ocpp")

ABSENCE = 15.0
"""Seconds that messages wait for an ``ocpp-in`` that a deploy is restarting."""
RETURN = 1.0
"""Seconds after the first node is back when it is looked which others are not."""
STALE = 86_400_000
"""Milliseconds after which an entry that was handed out before is not handed out again: its station gave up long ago."""
CONNECTING = "not connected yet"
DEAD_LENGTH = 10_000
KINDS = 500
"""Kinds of messages for which it is remembered who takes them; stations make names up."""
FIRST_RETRY = 0.05
LONGEST_RETRY = 2.0


class Receiver(Protocol):
    """What an ``ocpp-in`` node is to the group it reads with. Times in seconds."""

    id: str
    auto_ack: bool
    patient: bool
    answer_timeout: float

    def wants(self, message: Inbound) -> bool:
        """Whether the node passes such messages on."""

    def take(self, message: Inbound, entry: Entry) -> None:
        """Sends the message into the flow, or refuses it. The message is the node's own."""

    def origin(self, on_settled: Callable[[Origin], None]) -> Origin:
        """As a node's."""

    def unreadable(self, entry_id: str, fields: dict[str, str], error: Exception) -> None:
        """An entry could not be read or passed on."""

    def trouble(self, text: str | None) -> None:
        """Redis cannot be read, for that reason; None: it can again."""

    def gone(self) -> bool:
        """Whether the node will not be back."""


class Takers(NamedTuple):
    """The nodes that pass a kind of message on, and what they want together; ``absent``: one of them is being restarted."""

    nodes: list[Receiver]
    absent: bool
    manual: bool
    patient: bool
    answer_timeout: float


class Intake:
    """The entries of one group that are being worked on, and the nodes that read with the group.

    A node that a deploy restarts is absent for a while: what it would get waits for it.
    """

    def __init__(self, group: str, side: FlowSide, limit: int, max_deliveries: int) -> None:
        self.group, self.limit, self.max_deliveries = group, limit, max_deliveries
        self.nodes: dict[str, Receiver] = {}
        self.open: dict[str, Entry] = {}
        """Entries by id, until Redis has confirmed that they are acknowledged."""
        self.left: set[str] = set()
        """Entries whose acknowledgement is the flow's business."""
        self._lookups: list[list[Entry]] = []
        self._absent: dict[str, Receiver] = {}
        self._parked: list[Entry] = []
        self._takers: dict[tuple[str, str | None], Takers] = {}
        self._problem: str | None = CONNECTING
        self._freed = asyncio.Event()
        self._side = side
        self._loop = asyncio.get_running_loop()

    # -- who reads --------------------------------------------------------------------------------------------------
    def join(self, node: Receiver) -> None:
        """A node starts to read, or is back."""
        self._absent.pop(node.id, None)
        self.nodes[node.id] = node
        self._takers.clear()
        if self._problem != CONNECTING:
            node.trouble(self._problem)
        self._unpark()
        if self._absent:
            self._loop.call_later(RETURN, self._forget_gone)

    def leave(self, node: Receiver) -> None:
        """A node stops to read, for a deploy at least: its messages wait."""
        if self.nodes.get(node.id) is node:
            del self.nodes[node.id]
            self._absent[node.id] = node
            self._takers.clear()
            self._loop.call_later(ABSENCE, self.forget, node)

    def forget(self, node: Receiver) -> None:
        """A node that left will not be back."""
        if self._absent.get(node.id) is node:
            del self._absent[node.id]
            self._takers.clear()
            if self.nodes or self._absent:
                self._unpark()
            else:
                self._give_back()

    def _forget_gone(self) -> None:
        """After a deploy: nodes that it has not brought back."""
        for node in list(self._absent.values()):
            if node.gone():
                self.forget(node)

    def _unpark(self) -> None:
        parked, self._parked = self._parked, []
        for entry in parked:
            self._loop.call_soon(self._dispatch, entry)

    def _give_back(self) -> None:
        """Nobody reads here any more: what waits is pending in Redis, for whoever reads next."""
        parked, self._parked = self._parked, []
        for entry in parked:
            self.open.pop(entry.id, None)
            if entry.key is not None:
                self._side.calls.discard(entry.key, entry)

    def trouble(self, text: str | None) -> None:
        """Tells the nodes that Redis cannot be read, or can again."""
        self._problem = text
        for node in self.nodes.values():
            node.trouble(text)

    def has(self, entry_id: str) -> bool:
        """Whether an entry is this process's business already."""
        return entry_id in self.open or entry_id in self.left

    def wanted(self, message: Inbound) -> bool:
        """Whether any node passes such messages on."""
        return any(node.wants(message) for node in (*self.nodes.values(), *self._absent.values()))

    @property
    def free(self) -> int:
        """How many entries may be taken."""
        return self.limit - len(self.open)

    async def room(self) -> int:
        """How many entries may be taken; waits until it is at least one."""
        while (room := self.free) <= 0 or self._side.overloaded():
            self._freed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._freed.wait(), 0.05)
        return room

    # -- in ---------------------------------------------------------------------------------------------------------
    def look_up(self) -> list[Entry]:
        """Stored answers are asked for; tell :meth:`handed_over` what this returns when the last entry is accepted.

        A CALL that ends meanwhile stays known: its repeat may be among those entries, without its answer.
        """
        lookup: list[Entry] = []
        self._lookups.append(lookup)
        return lookup

    def handed_over(self, lookup: list[Entry]) -> None:
        """The entries of a lookup are accepted, or will not be."""
        index = next((i for i, other in enumerate(self._lookups) if other is lookup), None)
        if index is None:
            return
        del self._lookups[index]
        self._forget_ended(lookup, self._lookups[:index])

    def _forget_ended(self, ended: list[Entry], lookups: list[list[Entry]]) -> None:
        """Forgets CALLs, unless ``lookups`` that began before they ended are under way."""
        if lookups:
            lookups[-1].extend(ended)
            return
        for entry in ended:
            if entry.key is not None:
                self._side.calls.discard(entry.key, entry)

    def accept(self, entry: Entry, record: Record | None) -> None:
        """Takes an entry over; ``record`` is the answer that its message id got before, if any."""
        if self.has(entry.id):
            return
        self.open[entry.id] = entry
        entry.taken_at = self._loop.time()
        if entry.deliveries > 1 and now_ms() - milliseconds(entry.id) > STALE:
            self._bury(entry.id, entry.fields, "left unhandled for more than a day", entry.deliveries)
            self._acknowledge(entry.id)
            return
        key = entry.key
        if key is None:
            self._side.commands.offer(entry.message)
        elif (record is not None and self._repeated(entry, record)) or self._joined(entry):
            return
        else:
            self._side.calls.add(key, entry)
        if entry.deliveries > self.max_deliveries:
            self.give_up(entry, f"handed out {entry.deliveries - 1} times without being handled")
        else:
            self._dispatch(entry)

    def _repeated(self, entry: Entry, record: Record) -> bool:
        if record.entry == entry.id:
            self._end(entry)
            return True
        if not record.repeats(entry.message.action, entry.digest, now_ms()):
            return False
        self._answer(entry, record.frame, record.sent_at)
        self._end(entry)
        return True

    def _joined(self, entry: Entry) -> bool:
        """A CALL that came again while its first entry is being worked on ends with that."""
        key = entry.key
        running = self._side.calls.running(key, entry) if key is not None else None
        if running is None:
            return False
        if running.answered:
            self._answer(entry, running.frame)
            self._end(entry)
        else:
            running.repeats.append(entry.id)
        return True

    def unreadable(self, entry_id: str, fields: dict[str, str], error: EntryError) -> None:
        """An entry that is no message of a station: told, kept in the dead letters, acknowledged."""
        for node in self.nodes.values():
            node.unreadable(entry_id, fields, error)
        self._bury(entry_id, fields, str(error), 1)
        tenant, device, message_id = fields.get("tenant"), fields.get("deviceId"), fields.get("id")
        if tenant and device and message_id:
            frame = call_error(message_id, "InternalError", "the message could not be read")
            answers.send(self._side.writer, (tenant, device, message_id), frame, entry=entry_id, digest="-")
        self._acknowledge(entry_id)

    # -- through the flow -------------------------------------------------------------------------------------------
    def _dispatch(self, entry: Entry) -> None:
        message = entry.message
        takers = self._takers.get((message.message_type, message.action)) or self._takers_of(message)
        if takers.absent:
            self._parked.append(entry)
            return
        if not takers.nodes:
            self._unanswered(entry, matched=False, failed=False)
            return
        entry.manual, entry.patient = takers.manual, takers.patient
        entry.deadline = self._loop.time() + takers.answer_timeout
        first, *others = takers.nodes
        with first.origin(partial(self._settled, entry)):
            first.take(message, entry)
            for node in others:
                # what one flow changes in its message must not show in another's
                node.take(parse_entry(entry.fields), entry)

    def _takers_of(self, message: Inbound) -> Takers:
        """What is to become of such messages, remembered until nodes come or go."""
        if len(self._takers) >= KINDS:
            self._takers.clear()
        nodes = [node for node in self.nodes.values() if node.wants(message)]
        manual = not all(node.auto_ack for node in nodes)
        takers = self._takers[message.message_type, message.action] = Takers(
            nodes,
            absent=not self.nodes or any(node.wants(message) for node in self._absent.values()),
            manual=manual,
            patient=manual or any(node.patient for node in nodes),
            answer_timeout=max((node.answer_timeout for node in nodes), default=0),
        )
        return takers

    def _settled(self, entry: Entry, origin: Origin) -> None:
        entry.settled = True
        if entry.answered:
            self._end(entry)
        elif any(isinstance(error, NodeStopped) for _, error in origin.errors):
            self._retry(entry)
        elif entry.key is None:
            self._end(entry)
        elif origin.errors or not entry.patient:
            self._unanswered(entry, matched=True, failed=bool(origin.errors))

    def _retry(self, entry: Entry) -> None:
        """A node on the way stopped: the message is handed out again, to what runs then."""
        entry.retries += 1
        if entry.deliveries + entry.retries > self.max_deliveries:
            self.give_up(entry, "nodes on its way stopped each time, or do not run")
            return
        entry.settled = False
        delay = min(FIRST_RETRY * 2**entry.retries, LONGEST_RETRY)
        self._loop.call_later(delay, self._dispatch, entry)

    # -- ends -------------------------------------------------------------------------------------------------------
    def _unanswered(self, entry: Entry, *, matched: bool, failed: bool) -> None:
        if entry.key is not None and self._side.may_answer(self, entry.message, matched):
            action = entry.message.action
            if failed:
                self.refuse(entry, "InternalError", f"{action} could not be handled")
            else:
                self.refuse(entry, "NotImplemented", f"{action} is not handled here")
        self._end(entry)

    def overdue(self, entry: Entry) -> None:
        """The time in which a CALL must be answered is over."""
        waited = self._loop.time() - entry.taken_at
        entry.answered = True
        if self._side.may_answer(self, entry.message, True):
            self.refuse(entry, "InternalError", f"no answer within {waited:.0f} s")
        if entry.settled:
            self._end(entry)

    def give_up(self, entry: Entry, reason: str) -> None:
        """An entry that cannot be handled: kept in the dead letters, answered, acknowledged."""
        self._bury(entry.id, entry.fields, reason, entry.deliveries + entry.retries)
        log.error("entry %s of %s given up: %s", entry.id, entry.message.identity, reason)
        entry.manual = False
        self._unanswered(entry, matched=True, failed=True)

    def refuse(self, entry: Entry, code: str, text: str, details: dict[str, Any] | None = None) -> None:
        """Answers a CALL with an error, in the station's version's spelling of ``code``."""
        message = entry.message
        if message.message_id is not None:
            code = code_for(message.version, code)
            self._answer(entry, call_error(message.message_id, code, text, details))

    def _answer(self, entry: Entry, frame: str, first: int = 0) -> None:
        key = entry.key
        if key is None:
            return
        entry.answered, entry.frame = True, frame
        answers.send(self._side.writer, key, frame, entry=entry.id, digest=entry.digest, first=first)

    def answered(self, entry: Entry, frame: str) -> None:
        """An ``ocpp-out`` answered the CALL; the answer is on its way."""
        entry.answered, entry.frame = True, frame
        if entry.settled:
            self._end(entry)

    def _end(self, entry: Entry) -> None:
        key = entry.key
        if key is not None and not entry.answered:
            self._side.calls.discard(key, entry)
        for repeat in entry.repeats:
            self._acknowledge(repeat)
        if not entry.manual:
            self._acknowledge(entry.id)
            return
        self.left.add(entry.id)
        self._release([entry.id])

    def _acknowledge(self, entry_id: str) -> None:
        self._side.writer.acknowledge(self.group, entry_id, self._release)

    def _release(self, entry_ids: list[str]) -> None:
        """Now that Redis has confirmed their answers, whoever asks from here on is told them."""
        ended = [entry for id in entry_ids if (entry := self.open.pop(id, None)) is not None]
        self._freed.set()
        self._forget_ended(ended, self._lookups)

    def _bury(self, entry_id: str, fields: dict[str, str], reason: str, deliveries: int) -> None:
        why = ("reason", reason, "group", self.group, "entry", entry_id, "deliveries", deliveries, "buriedAt", now_ms())
        flat = [text for field in fields.items() for text in field]
        self._side.writer.add(("XADD", keys.DEAD, "MAXLEN", "~", DEAD_LENGTH, "*", *flat, *why), bounded=False)
