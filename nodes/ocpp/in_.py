"""The ocpp-in node: messages of charging stations."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from busway.engine.fields import Label, Unit
from busway.engine.message import new_id
from busway.engine.node import Config, Field, Message, Node
from busway.nodes.ocpp.checks import VALIDATIONS, Checks, Validation
from busway.nodes.ocpp.config import OcppConfig
from busway.nodes.ocpp.messages import Inbound
from busway.nodes.ocpp.normalize import NormalizeError, normalize, unified_action
from busway.nodes.ocpp.notice import Notice
from busway.nodes.ocpp.streams.calls import Entry

RESPONSES = ("result", "error")


class OcppInConfig(Config):
    server: OcppConfig | None = Field(None, title="Server", description="The Redis server and consumer group.")
    blockTimeout: Annotated[int, Unit("ms")] = Field(
        5000, ge=0, title="Block timeout", description="How long one read waits for messages; at most 2000 ms are used."
    )
    batchSize: int = Field(10, ge=0, title="Batch size", description="Messages read at a time; at least 200 are.")
    autoAck: bool = Field(
        True,
        title="Acknowledge",
        description="Acknowledge a message when everything that came of it has been handled. Off: an ocpp-out does it.",
    )
    normalizePayload: bool = Field(
        True, title="Unified payload", description="Convert the payload to the form that is the same for all versions."
    )
    filterAction: str = Field(
        "",
        title="Action",
        description="Only CALLs with this action; `_CallResult`, `_CallError` or `_Response` for answers of stations.",
    )
    includeResponses: bool = Field(
        False, title="Responses too", description="Pass on stations' answers to commands as well."
    )
    validation: Annotated[Validation, VALIDATIONS] = Field(
        "off",
        title="Check against the schema",
        description="`warn` logs what breaks the official schema, `enforce` answers the station with an error.",
    )
    answerTimeout: Annotated[int, Unit("ms")] = Field(
        30_000, ge=0, title="Answer within", description="A CALL not answered by then is answered with InternalError."
    )
    lateAnswers: bool = Field(
        False,
        title="Answer may come later",
        description="The flow may answer after it has handled the message, from another event say: wait for the time "
        "above instead of answering NotImplemented.",
    )


class OcppIn(Node[OcppInConfig]):
    """Messages that charging stations send.

    ### Output

    - `payload`: the message's content, in the form that is the same for all OCPP versions unless that is switched off;
    - `ocpp`: `messageId`, `action`, `unifiedAction`, `messageType` (`call`, `result`, `error`), `ocppMessageType` (2, 3,
      4), `version`, `protocol`, `tenant`, `deviceId`, `identity`, `timestamp`, `streamId`, and the content as the
      station sent it in `_original`.

    ### Details

    A message is acknowledged when everything that came of it has been handled. Until then it comes again: after a crash,
    or when a node on its way was stopped by a deploy. A CALL that no branch answers gets `NotImplemented`, one whose
    branch fails or takes too long `InternalError`; a station never waits for ever. A CALL that comes a second time gets
    the answer of the first and does not run the flow again.

    The action filter compares the station's own action name, not the unified one. `_Response` passes results and errors
    of commands, `_CallResult` and `_CallError` one kind of them where responses are included.
    """

    type = "ocpp-in"
    category = "ocpp"
    color = "#4CAF50"
    icon = "font-awesome/fa-sign-in"
    label = "ocpp in"
    labels = (Label("ocpp in ({filterAction})"),)
    palette_label = "ocpp in"
    inputs = 0
    outputs = 1

    def start(self) -> None:
        config = self.config
        self.auto_ack, self.patient = config.autoAck, config.lateAnswers
        self.answer_timeout = (config.answerTimeout or 30_000) / 1000
        self._listened = False
        self._problem: str | None = ""
        self._notice = Notice(self)
        self._checks = Checks(config.validation, self.warn)
        if config.server is None:
            self.status("no config", "red", "ring")
            self.error("No OCPP config node configured")
            return
        self._compat = config.server.group.compat

    async def run(self) -> None:
        server, config = self.config.server, self.config
        if server is None:
            return
        server.side.read(server.group, self, config.batchSize or 10, config.blockTimeout or 5000)
        try:
            await asyncio.Event().wait()
        finally:
            server.side.pause(server.group, self)

    def stop(self) -> None:
        server = self.config.server
        if server is not None:
            if self.removed:
                server.side.forget(server.group, self)
            self.status("stopped", "grey", "ring")

    # -- what the reader calls --------------------------------------------------------------------------------------
    def wants(self, message: Inbound) -> bool:
        """Whether the filter lets a message pass."""
        wanted = self.config.filterAction
        if message.message_type in RESPONSES:
            if wanted == "_Response":
                return True
            if not self.config.includeResponses:
                return False
        return not wanted or message.action == wanted

    def take(self, message: Inbound, entry: Entry) -> None:
        """Sends a message into the flow, or refuses it."""
        try:
            if self._checks.active and self._refused(message, entry):
                return
            msg = self._message(message, entry)
        except NormalizeError as error:
            self._unusable(message, entry, error)
            return
        self._show(message)
        self.send(msg)

    def unreadable(self, entry_id: str, fields: dict[str, str], error: Exception) -> None:
        """Tells of an entry that cannot be handled; catch nodes get its fields."""
        self._notice.show("red", "dot", "process error")
        self.error(error, {"_msgid": new_id(), "streamId": entry_id, "fields": fields})

    def trouble(self, text: str | None) -> None:
        """Shows whether messages can be read."""
        if text == self._problem or (text and self._problem):
            return
        self._problem = text
        if text is None:
            self._listened = True
            self.status("listening", "green", "ring")
        elif self._listened:
            self.status("read error", "red", "dot")
            self.error(f"Read error: {text}")
        else:
            self.status("start failed", "red", "ring")
            self.error(f"Start error: {text}")

    def gone(self) -> bool:
        """Whether a deploy has ended without bringing the node back."""
        runtime = self.flow.runtime
        return runtime.started.is_set() and self.id not in runtime.nodes

    # -- inside -----------------------------------------------------------------------------------------------------
    def _message(self, message: Inbound, entry: Entry) -> Message:
        raw = message.payload
        if not self.config.normalizePayload:
            return {"payload": raw, "ocpp": _attributes(message, entry.id)}
        action, version = message.action or "", message.version
        payload = normalize(action, raw, version, compat=self._compat)
        unified = unified_action(action, raw, version, compat=self._compat)
        return {"payload": payload, "ocpp": _unified_attributes(message, entry.id, unified)}

    def _refused(self, message: Inbound, entry: Entry) -> bool:
        if entry.key is None or message.action is None:
            return False
        problem = self._checks.find(message.version, message.action, "request", message.payload)
        if problem is None:
            return False
        entry.intake.refuse(entry, problem.code, problem.text)
        self._notice.show("red", "dot", "{} from {} refused", message.action, message.identity)
        self.warn(f"{message.action} from {message.identity} refused: {problem.text}")
        return True

    def _unusable(self, message: Inbound, entry: Entry, error: NormalizeError) -> None:
        """The content cannot be converted: the station is told, and so is the flow."""
        if entry.key is not None:
            entry.intake.refuse(entry, "FormatViolation", str(error))
        self.unreadable(entry.id, entry.fields, error)

    def _show(self, message: Inbound) -> None:
        if message.message_type == "result":
            self._notice.show("green", "dot", "Response {:.8} from {}", message.message_id or "", message.identity)
        elif message.message_type == "error":
            self._notice.show("green", "dot", "Error {:.8} from {}", message.message_id or "", message.identity)
        else:
            self._notice.show("green", "dot", "{} from {}", message.action, message.identity)


def _attributes(message: Inbound, entry_id: str) -> dict[str, Any]:
    """``msg.ocpp``, its members in the order of the seed's nodes."""
    attributes = _unified_attributes(message, entry_id, "")
    del attributes["unifiedAction"], attributes["_original"]
    return attributes


def _unified_attributes(message: Inbound, entry_id: str, unified: str) -> dict[str, Any]:
    return {
        "messageId": message.message_id,
        "action": message.action,
        "unifiedAction": unified,
        "messageType": message.message_type,
        "ocppMessageType": message.ocpp_message_type,
        "version": message.version,
        "protocol": message.protocol,
        "tenant": message.tenant,
        "deviceId": message.device_id,
        "identity": message.identity,
        "timestamp": message.timestamp,
        "streamId": entry_id,
        "_original": message.payload,
    }
