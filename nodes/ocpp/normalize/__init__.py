"""One form of message for all OCPP versions: requests in, answers and commands out.

Every function takes the version in any spelling (an empty or absent one means 1.6) and ``compat``: ``strict`` corrects
what is unsafe in the nodes this form comes from, ``seed`` repeats it. What differs is told in docs/ocpp.md.
"""

from __future__ import annotations

from typing import Any

from busway.nodes.ocpp.normalize import answers, commands, requests, seed
from busway.nodes.ocpp.normalize.energy import extract_meter_value
from busway.nodes.ocpp.normalize.errors import AnswerError, CommandError, NormalizeError, PayloadError, shown
from busway.nodes.ocpp.normalize.javascript import members
from busway.nodes.ocpp.normalize.requests import stop_reason_to_trigger
from busway.nodes.ocpp.versions import Compat, canonical

__all__ = [
    "AnswerError",
    "CommandError",
    "NormalizeError",
    "PayloadError",
    "build_command",
    "denormalize",
    "extract_meter_value",
    "is_unified_command",
    "normalize",
    "stop_reason_to_trigger",
    "unified_action",
    "version_action",
]


def normalize(action: str, payload: Any, version: str, *, compat: Compat = "strict") -> Any:
    """The unified payload of a station's request. Actions that have no unified form return ``payload`` itself.

    Raises :class:`PayloadError` when an action with a unified form comes without an object, VersionError for an unknown
    version.
    """
    if compat == "seed":
        return _normalize_as_seed(action, payload, version)
    table = requests.STRICT.get(version) or requests.STRICT[_canonical(version)]
    convert = table.get(action)
    if convert is None:
        return payload
    if type(payload) is not dict:
        raise PayloadError(action, payload)
    return convert(payload)


def _normalize_as_seed(action: str, payload: Any, version: str) -> Any:
    convert = requests.SEED[seed.version_of(version)].get(action)
    if convert is None:
        return payload
    if payload is None:
        raise PayloadError(action, payload)
    return convert(members(payload))


def unified_action(action: str, payload: Any, version: str = "1.6", *, compat: Compat = "strict") -> str:
    """The name flows know a request by: ``TransactionStarted`` for StartTransaction and a TransactionEvent that starts.

    ``payload`` is the station's own, of any type. The name is the same for all versions and in both modes.
    """
    return requests.unified_name(action, payload)


def denormalize(action: str, payload: Any, version: str, *, compat: Compat = "strict") -> Any:
    """The answer to ``action`` in the form of the station's version, from a flow's unified or native answer.

    Raises :class:`AnswerError` for an answer that is no object, unclear or incomplete, VersionError for an unknown
    version.
    """
    if compat == "seed":
        return seed.convert(action, payload, version)
    if action in answers.EMPTY:
        return {}
    table = answers.STRICT.get(version) or answers.STRICT[_canonical(version)]
    convert = table.get(action)
    if convert is None:
        return payload
    if type(payload) is not dict:
        raise AnswerError(f"the answer to {action} must be an object, not {shown(payload)}")
    return convert(payload)


def is_unified_command(command: str, *, compat: Compat = "strict") -> bool:
    """Whether ``command`` is one of the twelve names that mean the same for all versions."""
    return command in commands.NAMES["1.6"]


def version_action(command: str, version: str, *, compat: Compat = "strict") -> str:
    """The OCPP action of a command; names that are not unified are returned as they are."""
    names = commands.NAMES[seed.version_of(version) if compat == "seed" else _canonical(version)]
    return names.get(command, command)


def build_command(command: str, payload: Any, version: str, *, compat: Compat = "strict") -> tuple[str, Any]:
    """Action and payload of the CALL that a flow's command means; None as payload counts as ``{}``.

    Raises :class:`CommandError` naming what is missing or unclear, VersionError for an unknown version.
    """
    action = version_action(command, version, compat=compat)
    if compat == "seed":
        return action, seed.convert(command, payload, version)
    return action, commands.build(command, payload, _canonical(version))


def _canonical(version: str | None) -> str:
    return canonical(version) if version else "1.6"
