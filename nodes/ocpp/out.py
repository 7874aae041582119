"""The ocpp-out node: answers to charging stations."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, ClassVar, Final, Literal

from busway.engine.errors import BuswayError
from busway.engine.fields import Unit
from busway.engine.node import Config, Field, Hold, Message, Node
from busway.nodes.ocpp.checks import VALIDATIONS, Checks, Validation
from busway.nodes.ocpp.codes import code_for
from busway.nodes.ocpp.config import OcppConfig
from busway.nodes.ocpp.messages import call_error, call_result
from busway.nodes.ocpp.normalize import denormalize
from busway.nodes.ocpp.notice import Notice
from busway.nodes.ocpp.streams.calls import Key, encodable
from busway.nodes.ocpp.versions import Version, canonical

SEED_CODES: Final = frozenset(
    {
        "NotImplemented",
        "NotSupported",
        "InternalError",
        "ProtocolError",
        "SecurityError",
        "FormationViolation",
        "PropertyConstraintViolation",
        "OccurrenceConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    }
)
"""Codes that go out as the flow spells them, whatever the station's version."""
NO_CALLS: Final = ("result", "error", "send")


class OcppOutError(BuswayError):
    """A message is no answer that can be sent; says what is missing or wrong."""


class OcppOutConfig(Config):
    server: OcppConfig | None = Field(None, title="Server", description="The Redis server and consumer group.")
    denormalizePayload: bool = Field(
        True, title="Convert the payload", description="Convert the payload to the form of the station's version."
    )
    autoAck: bool = Field(
        True,
        title="Acknowledge",
        description="Acknowledge the station's message where the ocpp-in leaves it to others.",
    )
    streamMaxLen: Annotated[int, Unit("entries")] = Field(
        1000, ge=0, title="Stream length", description="About how many messages a station's stream keeps."
    )
    validation: Annotated[Validation, VALIDATIONS] = Field(
        "warn",
        title="Check against the schema",
        description="`warn` logs what breaks the official schema, `enforce` does not send it: the station gets "
        "InternalError.",
    )


class OcppOut(Node[OcppOutConfig]):
    """Answers a message of a charging station.

    ### Input

    - `payload`: the answer, in the form that is the same for all versions or in the station's own;
    - `ocpp`: as it came from **ocpp in**; `messageId`, `tenant` and `deviceId` are needed;
    - `ocpp.error`, or `error`: if true, an error is answered, with `ocpp.errorCode` (`InternalError` unless given),
      `ocpp.errorDescription` and `ocpp.errorDetails`.

    ### Output

    The same message, when Redis has confirmed the answer.

    ### Details

    A station takes one answer to a CALL: a second one, or one after the time of the **ocpp in** node was over, is an error
    of this node. What came as a station's answer to a command cannot be answered.
    """

    type = "ocpp-out"
    category = "ocpp"
    color = "#2196F3"
    icon = "font-awesome/fa-sign-out"
    label = "ocpp out"
    palette_label = "ocpp out"
    align: ClassVar[Literal["left", "right"]] = "right"
    inputs = 1
    outputs = 1

    def start(self) -> None:
        config = self.config
        self._notice = Notice(self)
        self._checks = Checks(config.validation, self.warn)
        self._length = config.streamMaxLen or 1000
        if config.server is None:
            self.status("no config", "red", "ring")
            self.error("No OCPP config node configured")
            self.on_message = self._without_server  # type: ignore[method-assign]
            return
        self._side, self._group = config.server.side, config.server.group
        self._strict = self._group.compat == "strict"
        self.status("ready", "grey", "ring")
        self._side.desk(self._group).answering.add(self)
        self._side.watchers.add(self._connected)
        if self._side.trouble is None:
            self._connected(None)

    async def stop(self) -> None:
        if self.config.server is not None:
            self._side.watchers.discard(self._connected)
            self._side.desk(self._group).answering.discard(self)
            # What is written already is not done again because of a deploy: its confirmation is waited for.
            await self._side.flush()

    def on_message(self, msg: Message) -> None:
        try:
            found = msg.get("ocpp")
            ocpp = found if isinstance(found, dict) else {}
            key = _key(ocpp)
            frame = self._frame(msg, ocpp, key)
        except Exception as error:
            self._notice.show("red", "dot", "{}", error)
            raise
        hold = self.hold(msg)
        try:
            self._side.answer(key, frame, self._length, _entry_id(ocpp), partial(self._written, hold))
        except BuswayError as error:
            self._failed(hold, error)

    def _without_server(self, msg: Message) -> None:
        raise OcppOutError("No OCPP config node configured")

    # -- the frame --------------------------------------------------------------------------------------------------
    def _frame(self, msg: Message, ocpp: dict[str, Any], key: Key) -> str:
        if self._strict:
            _check_answerable(ocpp)
        if truthy(ocpp.get("error")) or truthy(msg.get("error")):
            return self._error_frame(msg, ocpp, key)
        payload = self._answer(msg.get("payload", {}), ocpp, key)
        return call_result(key[2], payload)

    def _answer(self, payload: Any, ocpp: dict[str, Any], key: Key) -> Any:
        action = ocpp.get("action")
        version = self._version(ocpp, key) if action else "1.6"
        if action and self.config.denormalizePayload:
            payload = denormalize(action, payload, version, compat=self._group.compat)
        if self._strict and type(payload) is not dict:
            raise OcppOutError(f"msg.payload must be an object, not {type(payload).__name__}")
        if action and self._checks.active:
            problem = self._checks.find(version, action, "response", payload)
            if problem is not None:
                raise OcppOutError(f"the answer to {action} breaks the schema: {problem.text}")
        return payload

    def _error_frame(self, msg: Message, ocpp: dict[str, Any], key: Key) -> str:
        error = msg.get("error")
        told = error.get("message") if isinstance(error, dict) else None
        text = ocpp.get("errorDescription") or told or "Unknown error"
        details = ocpp.get("errorDetails") or {}
        code = self._code(str(ocpp.get("errorCode") or "InternalError"), ocpp, key)
        return call_error(key[2], code, str(text), details)

    def _code(self, code: str, ocpp: dict[str, Any], key: Key) -> str:
        if code in SEED_CODES:
            return code
        known = code_for(self._version(ocpp, key), code) if self._strict else "GenericError"
        if known == "GenericError":
            self.warn(f"{code!r} is no OCPP error code; GenericError is sent")
        return known

    def _version(self, ocpp: dict[str, Any], key: Key) -> Version:
        version = ocpp.get("version")
        if version:
            return canonical(str(version))
        entries = self._side.calls.of(key)
        return canonical(entries[0].message.version) if entries and self._strict else "1.6"

    # -- afterwards -------------------------------------------------------------------------------------------------
    def _written(self, hold: Hold, reply: Any) -> None:
        """Redis has carried the answer out, or refused it."""
        if isinstance(reply, Exception):
            self._failed(hold, reply)
            return
        ocpp = hold.msg["ocpp"]
        if reply == 0:
            self._failed(
                hold, OcppOutError(f"CALL {ocpp['messageId']} was answered before; a station takes one answer")
            )
            return
        entry_id = _entry_id(ocpp)
        if self.config.autoAck and entry_id:
            self._side.acknowledge(self._group, entry_id)
        self._notice.show("green", "dot", "{} → {}", ocpp.get("action") or "response", _identity(ocpp))
        hold.send(hold.msg)
        hold.done()

    def _failed(self, hold: Hold, error: Exception) -> None:
        self._notice.show("red", "dot", "{}", error)
        hold.fail(error)

    def _connected(self, trouble: str | None) -> None:
        if trouble is None:
            self.status("connected", "green", "ring")
        else:
            self.status("no connection", "red", "ring")


def _key(ocpp: dict[str, Any]) -> Key:
    """Whom a message answers, and what. Raises OcppOutError naming what is missing."""
    message_id, tenant, device = ocpp.get("messageId"), ocpp.get("tenant"), ocpp.get("deviceId")
    if not message_id:
        raise OcppOutError("Missing ocpp.messageId")
    if not tenant or not device:
        raise OcppOutError("Missing ocpp.tenant or ocpp.deviceId")
    return encodable(tenant, device, message_id)


def _entry_id(ocpp: dict[str, Any]) -> str | None:
    found = ocpp.get("streamId")
    return found if isinstance(found, str) and found else None


def _identity(ocpp: dict[str, Any]) -> str:
    return str(ocpp.get("identity") or f"{ocpp['tenant']}:{ocpp['deviceId']}")


def _check_answerable(ocpp: dict[str, Any]) -> None:
    kind = ocpp.get("messageType")
    if kind in NO_CALLS or ocpp.get("response") is True:
        what = "the answer to a command" if ocpp.get("response") is True or kind != "send" else "a SEND"
        raise OcppOutError(f"message {ocpp['messageId']} is {what}, and takes no answer; send the ocpp-in's msg.ocpp")


def truthy(value: Any) -> bool:
    """Whether JavaScript takes a value for true: empty objects and lists are."""
    return bool(value) or type(value) in (dict, list)
