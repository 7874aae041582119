"""The ocpp-command node: commands to charging stations."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, NamedTuple
from uuid import uuid4

from busway.engine.errors import BuswayError
from busway.engine.fields import Choices, Label, Unit
from busway.engine.node import Config, Field, Hold, Message, Node
from busway.nodes.ocpp import messages
from busway.nodes.ocpp.checks import VALIDATIONS, Checks, Validation
from busway.nodes.ocpp.config import OcppConfig
from busway.nodes.ocpp.normalize import build_command
from busway.nodes.ocpp.notice import Notice
from busway.nodes.ocpp.streams.calls import encodable
from busway.nodes.ocpp.streams.commands import Command
from busway.nodes.ocpp.versions import Compat, Version, canonical

STATUS_TEXT = 60
"""Characters of an error shown as status."""


class OcppCommandError(BuswayError):
    """A command cannot be sent; says what is missing or wrong."""


class StationOffline(OcppCommandError):
    """The station of a command is not connected."""


OFFLINE = Choices(
    queue="Send when it connects before the timeout", error="An error at once", output="To a second output at once"
)


class OcppCommandConfig(Config):
    server: OcppConfig | None = Field(None, title="Server", description="The Redis server and consumer group.")
    command: str = Field(
        "",
        title="Command",
        description="Unified name (`RemoteStart`, `Reset`, ...) or the action of a version; `msg.ocpp.command` goes first.",
    )
    timeout: Annotated[int, Unit("ms")] = Field(
        30_000, ge=0, title="Timeout", description="How long the station's answer is waited for."
    )
    streamMaxLen: Annotated[int, Unit("entries")] = Field(
        1000, ge=0, title="Stream length", description="About how many messages a station's stream keeps."
    )
    offline: Annotated[Literal["queue", "error", "output"], OFFLINE] = Field(
        "queue",
        title="Station not connected",
        description="`queue` sends when it connects before the timeout, `error` is an error at once, `output` sends the "
        "message to a second output at once.",
    )
    validation: Annotated[Validation, VALIDATIONS] = Field(
        "warn",
        title="Check against the schema",
        description="`warn` logs what breaks the official schema, `enforce` does not send it.",
    )


class OcppCommand(Node[OcppCommandConfig]):
    """Sends a command to a charging station and passes its answer on.

    ### Input

    - `ocpp.tenant` and `ocpp.deviceId` (or `tenant`, `deviceId`): the station;
    - `ocpp.command` (or `command`): the command, if not the node's;
    - `payload`: what the command needs, in the form that is the same for all versions or in the station's own;
    - `ocpp.messageId`: an id for the command, unless the message came from **ocpp in** or is an answer: then, and
      without it, the command gets an id of its own.

    ### Output

    The input message with the station's answer: `payload`, and `ocpp` with `messageId`, `action` (as sent), `command`
    (as asked for), `version`, `tenant`, `deviceId`, `identity`, `response` (true), `error`, `errorCode`,
    `errorDescription`, `sentAt`, `receivedAt` and `latency` (milliseconds). If no answer comes in time, `payload` is null
    and `ocpp.errorCode` is `Timeout`; such a command does not reach the station later.

    ### Details

    The version is that of the station's connection, else `ocpp.version`, else 1.6. An answer that comes while a deploy
    restarts the node is not lost.
    """

    type = "ocpp-command"
    category = "ocpp"
    color = "#FF9800"
    icon = "font-awesome/fa-bolt"
    label = "ocpp command"
    labels = (Label("{command}"),)
    palette_label = "ocpp command"
    inputs = 1
    outputs = 1
    output_rule: ClassVar[dict[str, Any] | None] = {"field": "offline", "in": ["output"], "then": 2, "else": 1}

    @classmethod
    def output_count(cls, config: OcppCommandConfig) -> int:
        return 2 if config.offline == "output" else 1

    def start(self) -> None:
        config = self.config
        self._notice = Notice(self)
        self._checks = Checks(config.validation, self.warn)
        self._length, self._timeout = config.streamMaxLen or 1000, config.timeout or 30_000
        if config.server is None:
            self.status("no config", "red", "ring")
            self.error("No OCPP config node configured")
            self.on_message = self._without_server  # type: ignore[method-assign]
            return
        self._side, self._compat = config.server.side, config.server.group.compat
        self._server_id = f"busway-{self.id[:8]}-{config.server.instance}"
        self.status("initializing", "grey", "ring")
        self._side.responses.watchers.add(self._listening)
        self._side.commands.attach(self.id, self)
        self.spawn(self._listen())

    def stop(self) -> None:
        if self.config.server is None:
            return
        self._side.responses.watchers.discard(self._listening)
        self._side.commands.detach(self.id, self)
        for command in self._side.commands.of(self.id):
            self._leave(command)

    def _leave(self, command: Command) -> None:
        """The command's answer is kept for the node that comes after this one; without one nobody waits for it."""
        if self.removed:
            self._side.commands.forget(command)
        elif command.hold is not None:
            command.hold.drop()
            command.hold = None

    async def _listen(self) -> None:
        await self._side.responses.listen(self._server_id)
        self._listening(None)

    def _listening(self, trouble: str | None) -> None:
        if trouble is None:
            self.status("ready", "green", "ring")
        else:
            self.status("sub error", "red", "ring")

    # -- out --------------------------------------------------------------------------------------------------------
    def on_message(self, msg: Message) -> None:
        try:
            asked = _asked(msg, self.config.command)
        except (OcppCommandError, ValueError) as error:
            self._show_error(error)
            raise
        self.spawn(self._command_station(self.hold(msg), asked))

    def _without_server(self, msg: Message) -> None:
        raise OcppCommandError("No OCPP config node configured")

    async def _command_station(self, hold: Hold, asked: Asked) -> None:
        from redis.exceptions import RedisError

        try:
            presence = await self._side.commands.presence(asked.tenant, asked.device, self._timeout / 1000)
            if not presence and self.config.offline != "queue":
                self._offline(hold, asked)
                return
            await self._side.responses.listen(self._server_id)
            self._side.commands.send(self._command(hold, asked, presence), self._length)
            self._notice.show("blue", "dot", "{} → {}:{}", asked.name, asked.tenant, asked.device)
        except (BuswayError, RedisError, ValueError) as error:
            self._show_error(error)
            hold.fail(error)

    def _command(self, hold: Hold, asked: Asked, presence: dict[str, str]) -> Command:
        version = version_of(presence.get("protocol", ""), asked.version, self._compat)
        payload = hold.msg.get("payload")
        action, content = build_command(asked.name, {} if payload is None else payload, version, compat=self._compat)
        if self._checks.active:
            problem = self._checks.find(version, action, "request", content)
            if problem is not None:
                raise OcppCommandError(f"{action} breaks the schema: {problem.text}")
        return Command(
            asked.message_id,
            asked.tenant,
            asked.device,
            action,
            asked.name,
            version,
            messages.call(asked.message_id, action, content),
            self._server_id,
            self.id,
            self._timeout,
            hold.msg,
            hold,
        )

    def _offline(self, hold: Hold, asked: Asked) -> None:
        text = f"station {asked.tenant}:{asked.device} is not connected"
        if self.config.offline == "error":
            raise StationOffline(text)
        known = {"tenant": asked.tenant, "deviceId": asked.device, "identity": f"{asked.tenant}:{asked.device}"}
        error = {"response": True, "error": True, "errorCode": "Offline", "errorDescription": text}
        hold.msg["ocpp"] = {"messageId": asked.message_id, "command": asked.name, **known, **error}
        hold.msg["payload"] = None
        self._notice.show("yellow", "dot", "offline: {}", asked.name)
        hold.send(hold.msg, 1)
        hold.done()

    # -- back -------------------------------------------------------------------------------------------------------
    def replied(self, command: Command) -> None:
        """The station answered, or the time is over."""
        reply = command.reply
        if reply is None:
            return
        msg, hold = command.msg, command.hold
        msg["payload"], msg["ocpp"] = reply.payload, _result(command)
        if reply.timeout:
            self._notice.show("yellow", "dot", "timeout: {}", command.action)
        elif reply.error:
            self._notice.show("red", "dot", "{}: error", command.action)
        else:
            self._notice.show("green", "dot", "{}: ok", command.action)
        if hold is None:
            self.send(msg)
        else:
            hold.send(msg)
            hold.done()

    def failed(self, command: Command, error: Exception) -> None:
        """Redis refused the command."""
        self._show_error(error)
        if command.hold is not None:
            command.hold.fail(error)
        else:
            self.error(error, command.msg)

    def _show_error(self, error: Exception) -> None:
        self._notice.show("red", "dot", "{}", str(error)[:STATUS_TEXT])


class Asked(NamedTuple):
    """What a message asks for: ``version`` is what the flow believes the station to speak."""

    tenant: str
    device: str
    name: str
    message_id: str
    version: str


def _asked(msg: Message, default: str) -> Asked:
    given = msg.get("ocpp")
    ocpp = given if isinstance(given, dict) else {}
    tenant = ocpp.get("tenant") or msg.get("tenant")
    device = ocpp.get("deviceId") or msg.get("deviceId")
    if not tenant or not device:
        raise OcppCommandError("Missing tenant or deviceId. Set msg.ocpp.tenant and msg.ocpp.deviceId")
    name = ocpp.get("command") or msg.get("command") or default
    if not name:
        raise OcppCommandError("Missing command action. Set msg.ocpp.command or configure in node")
    key = encodable(tenant, device, _message_id(ocpp))
    return Asked(key[0], key[1], str(name), key[2], str(ocpp.get("version") or ""))


def _message_id(ocpp: dict[str, Any]) -> str:
    """The flow's id; that of a station's CALL or of a command before is not the id of this one."""
    foreign = "streamId" in ocpp or "messageType" in ocpp or ocpp.get("response") is True
    given = None if foreign else ocpp.get("messageId")
    return str(given) if given else str(uuid4())


def version_of(protocol: str, asked: str, compat: Compat) -> Version:
    """The version a station speaks: that of its connection, else what the flow says, else 1.6."""
    if "2.0.1" in protocol:
        return "2.0.1"
    if protocol:
        return "2.1" if "2.1" in protocol and compat == "strict" else "1.6"
    return canonical(asked) if asked else "1.6"


def _result(command: Command) -> dict[str, Any]:
    """``msg.ocpp`` of an answer; after a timeout without what only an answer can tell."""
    reply = command.reply
    assert reply is not None
    ocpp = {
        "messageId": command.message_id,
        "action": command.action,
        "command": command.name,
        "version": command.version,
        "tenant": command.tenant,
        "deviceId": command.device,
        "identity": command.identity,
        "response": True,
        "error": reply.error,
        "errorCode": reply.code,
        "errorDescription": reply.description,
        "errorDetails": reply.details,
        "sentAt": command.sent_at,
        "receivedAt": command.received_at,
        "latency": command.received_at - command.sent_at,
    }
    left_out = {"command", "version", "latency"} if reply.timeout else set()
    optional = ("errorCode", "errorDescription", "errorDetails")
    return {
        key: value for key, value in ocpp.items() if key not in left_out and (value is not None or key not in optional)
    }
