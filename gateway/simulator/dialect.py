"""What a charger says and hears over one connection, whatever the OCPP version."""

from __future__ import annotations

import logging
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ocpp.routing import on

from busway.engine.errors import BuswayError
from busway.nodes.ocpp.clock import now_iso
from busway.nodes.ocpp.frames import call_error
from busway.nodes.ocpp.schemas import Violation, error_code, is_known, validate

if TYPE_CHECKING:
    from busway.gateway.simulator.charger import Charger, Connector
    from busway.gateway.simulator.charging import ChargingSession

# ``ocpp`` writes every frame to its log.
_frames_log = logging.getLogger("busway.simulator.frames")
_frames_log.setLevel(logging.WARNING)

Handler = TypeVar("Handler", bound=Callable[..., Any])


class InvalidAnswer(BuswayError):
    """The back office answered, but not as the schema says; names the fields."""


@dataclass(slots=True, frozen=True)
class Registration:
    """Answer to BootNotification: ``status`` Accepted, Pending or Rejected, ``interval`` in seconds."""

    status: str
    interval: int


def answers(action: str) -> Callable[[Handler], Handler]:
    """Marks the handler of a command. Payloads are checked by :class:`Dialect`, much faster than ``ocpp`` does."""
    return cast("Callable[[Handler], Handler]", on(action, skip_schema_validation=True))


class Dialect(ABC):
    """One connection in one OCPP version, mixed into that version's ``ChargePoint`` of ``ocpp``.

    The methods that say something raise what ``ocpp`` and ``websockets`` raise, and InvalidAnswer.
    """

    version: str
    charger: Charger

    def __init__(self, charger: Charger, connection: Any) -> None:
        options: dict[str, Any] = {"response_timeout": charger.patience, "logger": _frames_log}
        super().__init__(charger.identity, connection, **options)  # type: ignore[call-arg]
        self.charger = charger
        self._asked: dict[str, str] = {}

    async def ask(self, request: Any, message_id: str | None = None) -> Any:
        """Sends a request of ``ocpp.*.call`` and returns its valid answer."""
        action, message_id = type(request).__name__, message_id or str(uuid.uuid4())
        self._asked[message_id] = action
        try:
            answer = await cast("Any", self).call(
                request, suppress=False, unique_id=message_id, skip_schema_validation=True
            )
        finally:
            del self._asked[message_id]
        self.charger.said(action, _essence(request), answer)
        return answer

    async def _get_specific_response(self, unique_id: str, timeout: float) -> Any:
        """Called by ``ocpp`` for each answer, before it is taken apart."""
        answer = await super()._get_specific_response(unique_id, timeout)  # type: ignore[misc]
        action = self._asked.get(unique_id)
        if answer.message_type_id == 3 and action is not None:
            wrong = validate(self.version, action, "response", answer.payload)
            if wrong:
                raise InvalidAnswer(f"the answer to {action} is not valid: {_listed(wrong)}")
        return answer

    async def _handle_call(self, msg: Any) -> Any:
        """Called by ``ocpp`` for each command: unknown and invalid ones are refused as a real station does."""
        refusal = self._refusal(msg)
        if refusal is not None:
            return await self._send(call_error(msg.unique_id, *refusal))  # type: ignore[attr-defined]
        self.charger.heard(msg.action, msg.payload)
        return await super()._handle_call(msg)  # type: ignore[misc]

    def _refusal(self, command: Any) -> tuple[str, str] | None:
        """Error code and description for a command that cannot be obeyed."""
        if not is_known(self.version, command.action):
            return "NotImplemented", f"OCPP {self.version} has no {command.action}"
        if command.action not in self.route_map:  # type: ignore[attr-defined]
            return "NotSupported", f"no command for a charger: {command.action}"
        wrong = validate(self.version, command.action, "request", command.payload)
        return (error_code(self.version, wrong[0]), _listed(wrong)) if wrong else None

    @staticmethod
    def now() -> str:
        """Timestamp of a message."""
        return now_iso()

    # -- what a charger says

    @abstractmethod
    async def boot(self, reason: str) -> Registration:
        """Registers; ``reason`` is one of OCPP 2.0.1's boot reasons."""

    @abstractmethod
    async def heartbeat(self) -> None:
        """Shows that the charger is alive."""

    @abstractmethod
    async def status(self, connector: Connector) -> None:
        """Tells the state of a connector."""

    @abstractmethod
    async def authorize(self, id_tag: str) -> bool:
        """Asks whether a card may charge."""

    @abstractmethod
    async def begin(self, connector: Connector, session: ChargingSession, message_id: str) -> bool:
        """Tells that a transaction has begun; False when the card may not charge."""

    @abstractmethod
    async def meter(self, connector: Connector, session: ChargingSession) -> None:
        """Tells the meter during a transaction."""

    @abstractmethod
    async def end(self, connector: Connector, session: ChargingSession, message_id: str) -> None:
        """Tells that a transaction has ended."""

    @abstractmethod
    async def firmware_status(self, status: str, request_id: int | None) -> None:
        """Tells how far a firmware update is."""

    @abstractmethod
    async def log_status(self, status: str, request_id: int | None) -> None:
        """Tells how far the upload of a log is."""


def _essence(request: Any) -> str:
    """The word that tells most about a request, for the log."""
    for name in ("connector_status", "status", "event_type", "reason"):
        if word := getattr(request, name, None):
            return str(word)
    return ""


def _listed(violations: list[Violation]) -> str:
    return "; ".join(violation.message for violation in violations)
