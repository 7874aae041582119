"""Commands to stations that wait for their answer. They outlive their node: redeployed, it gets the answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from busway.engine.errors import BuswayError
from busway.nodes.ocpp.clock import now_ms
from busway.nodes.ocpp.messages import Inbound

from . import keys, scripts

if TYPE_CHECKING:
    from busway.engine.node import Hold

    from .writer import Write, Writer

GRACE = 10
"""Seconds that the note of a command outlives its timeout."""
ABSENCE = 15.0
"""Seconds that an answer waits for a node that a deploy is restarting."""


class CommandError(BuswayError):
    """A command cannot be sent; says why."""


@dataclass(slots=True, frozen=True)
class Reply:
    """How a command ended: ``payload`` of the station, or an error. ``timeout``: nothing came in time."""

    payload: Any
    error: bool = False
    code: str | None = None
    description: str | None = None
    details: Any = None
    timeout: bool = False


@dataclass(slots=True, eq=False)
class Command:
    """A command on its way. Times in milliseconds; ``msg`` is the message that asked for it, ``hold`` keeps it open."""

    message_id: str
    tenant: str
    device: str
    action: str
    name: str
    version: str
    frame: str
    server_id: str
    node_id: str
    timeout: int
    msg: dict[str, Any]
    hold: Hold | None
    sent_at: int = 0
    entry: str | None = None
    reply: Reply | None = None
    received_at: int = 0
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)
    write: Write | None = field(default=None, repr=False)

    @property
    def identity(self) -> str:
        """``tenant:device``."""
        return f"{self.tenant}:{self.device}"

    def note(self) -> str:
        """What the gateway reads in ``ws:pending``."""
        about = {"action": self.action, "sentAt": self.sent_at, "timeout": self.timeout, "serverId": self.server_id}
        return orjson.dumps(about).decode()


class Sender(Protocol):
    """What an ``ocpp-command`` node is to the commands it sent."""

    def replied(self, command: Command) -> None:
        """``command.reply`` is there."""

    def failed(self, command: Command, error: Exception) -> None:
        """Redis refused the command: it was not sent."""


class Commands:
    """All commands of this process to the stations of one Redis."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._waiting: dict[str, Command] = {}
        self._senders: dict[str, Sender] = {}
        self._loop = asyncio.get_running_loop()

    # -- nodes ------------------------------------------------------------------------------------------------------
    def attach(self, node_id: str, sender: Sender) -> None:
        """A node starts, or is back: it gets the answers to what it sent, those that came meanwhile too."""
        self._senders[node_id] = sender
        for command in self.of(node_id):
            if command.reply is not None:
                self._deliver(command)

    def detach(self, node_id: str, sender: Sender) -> None:
        """A node stops, for a deploy at least."""
        if self._senders.get(node_id) is sender:
            del self._senders[node_id]

    def of(self, node_id: str) -> list[Command]:
        """The commands of a node that have not ended."""
        return [command for command in self._waiting.values() if command.node_id == node_id]

    # -- out --------------------------------------------------------------------------------------------------------
    def send(self, command: Command, length: int) -> None:
        """Writes a command to its station's stream, and what is known of it to ``ws:pending``.

        Raises CommandError when a command with that id is under way, Overloaded when too much waits for Redis.
        """
        if command.message_id in self._waiting:
            raise CommandError(
                f"a command with the id {command.message_id!r} is under way; each needs an id of its own"
            )
        command.sent_at = now_ms()
        names = (keys.pending(command.tenant, command.device), keys.outbound(command.tenant, command.device))
        life = -(-command.timeout // 1000) + GRACE
        about = (command.message_id, command.note(), life, command.frame, str(command.sent_at))
        rest = (command.server_id, length, str(command.sent_at + command.timeout))
        done = partial(self._written, command)
        command.write = self._writer.run(scripts.COMMAND, names, (*about, *rest), done)
        self._waiting[command.message_id] = command
        command.timer = self._loop.call_later(command.timeout / 1000, self._timed_out, command)

    def _written(self, command: Command, reply: Any) -> None:
        if isinstance(reply, Exception):
            if self._waiting.pop(command.message_id, None) is not None:
                self._stop_timer(command)
                sender = self._senders.get(command.node_id)
                if sender is not None:
                    sender.failed(command, reply)
            return
        command.entry = reply or ""
        if command.reply is not None and command.reply.timeout:
            self._withdraw(command)

    # -- back -------------------------------------------------------------------------------------------------------
    def heard(self, text: str) -> None:
        """What was published on a channel: the answer to a command, if it is one of these."""
        try:
            said = orjson.loads(text)
        except orjson.JSONDecodeError:
            return
        if isinstance(said, dict):
            command = self._waiting.get(str(said.get("messageId") or said.get("uniqueID")))
            if command is not None:
                self._end(command, read_reply(said))

    def offer(self, message: Inbound) -> None:
        """An answer that a gateway wrote to the inbound stream: it counts if the published one was missed."""
        command = self._waiting.get(message.message_id or "")
        if command is None or (message.tenant, message.device_id) != (command.tenant, command.device):
            return
        failed = message.message_type == "error" or message.ocpp_message_type != 3
        code, text = message.error_code, message.error_description
        self._end(command, Reply(message.payload, failed, code, text, message.error_details))

    def _timed_out(self, command: Command) -> None:
        text = f"Command {command.action} timed out after {command.timeout}ms"
        self._end(command, Reply(None, True, "Timeout", text, timeout=True))

    def _end(self, command: Command, reply: Reply) -> None:
        if command.reply is not None:
            return
        command.reply, command.received_at = reply, now_ms()
        self._stop_timer(command)
        pending = keys.pending(command.tenant, command.device)
        self._writer.add(("HDEL", pending, command.message_id), bounded=False)
        if reply.timeout:
            self._withdraw(command)
        self._deliver(command)

    def _withdraw(self, command: Command) -> None:
        """A command that nobody waits for any more must not reach a station that connects later."""
        if command.entry is None and command.write is not None:
            command.write.withdraw()
        elif command.entry:
            stream = keys.outbound(command.tenant, command.device)
            self._writer.add(("XDEL", stream, command.entry), bounded=False)

    def _deliver(self, command: Command) -> None:
        sender = self._senders.get(command.node_id)
        if sender is not None:
            self._waiting.pop(command.message_id, None)
            self._stop_timer(command)
            sender.replied(command)
        else:
            command.timer = self._loop.call_later(ABSENCE, self.forget, command)

    def _stop_timer(self, command: Command) -> None:
        if command.timer is not None:
            command.timer.cancel()
            command.timer = None

    def forget(self, command: Command) -> None:
        """Gives a command up: its answer, if it comes, is for nobody."""
        if self._waiting.pop(command.message_id, None) is not None:
            self._stop_timer(command)
            pending = keys.pending(command.tenant, command.device)
            self._writer.add(("HDEL", pending, command.message_id), bounded=False)

    async def presence(self, tenant: str, device: str, within: float) -> dict[str, str]:
        """The station's connection as its gateway describes it; empty when it has none.

        Waits ``within`` seconds for Redis if it is away, then raises LinkDown.
        """
        await self._writer.connected(within)
        flat = await self._writer.ask("HGETALL", keys.connection(tenant, device))
        return dict(zip(flat[::2], flat[1::2], strict=True))


def read_reply(said: dict[str, Any]) -> Reply:
    """A published answer. Only the number 4 and a true ``error`` mean an error; without a payload all of it is one."""
    kind = said.get("messageType")
    failed = (type(kind) is int and kind == 4) or said.get("error") is True
    payload = said.get("payload")
    falsy = not payload and type(payload) not in (dict, list)
    code, text = said.get("errorCode"), said.get("errorDescription")
    return Reply(said if falsy else payload, failed, code, text, said.get("errorDetails"))
