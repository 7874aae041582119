"""Payloads checked against the official JSON schemas, which the package ``ocpp`` ships.

Schemas are compiled when first asked for; neither ``ocpp``'s modules nor the validator are loaded before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from busway.engine.errors import BuswayError, suggest
from busway.nodes.ocpp.codes import code_for
from busway.nodes.ocpp.frames import encode
from busway.nodes.ocpp.versions import canonical

if TYPE_CHECKING:
    from jsonschema_rs import Draft6Validator, ValidationError

Kind = Literal["request", "response"]

_FOLDERS: Final = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}
_MOST: Final = 20
"""More violations than these say nothing new about one message."""


class UnknownActionError(BuswayError):
    """A version has no such action, or the action has no message of that kind."""


@dataclass(slots=True, frozen=True)
class Violation:
    """One broken rule.

    ``path`` is such as ``meterValue[0].sampledValue`` (empty: the payload itself), ``rule`` the schema's keyword
    (``required``, ``maxLength``, ``enum`` ...), ``message`` a sentence for people.
    """

    path: str
    rule: str
    message: str


_RESPONSE: Final = "Response"
_REQUEST: Final = "Request"


@cache
def _names(version: str) -> dict[tuple[str, str], str]:
    """(action, kind) -> file name. Only OCPP 1.6's requests, and SEND messages, carry the bare name of the action."""
    folder = files("ocpp").joinpath(_FOLDERS[version], "schemas")
    stems = [entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json")]
    return {_meaning(stem): f"{stem}.json" for stem in stems}


def _meaning(stem: str) -> tuple[str, str]:
    if stem.endswith(_RESPONSE):
        return stem.removesuffix(_RESPONSE), "response"
    return stem.removesuffix(_REQUEST), "request"


@cache
def _actions(version: str) -> frozenset[str]:
    return frozenset(action for action, _ in _names(version))


def known_actions(version: str) -> frozenset[str]:
    """All actions of a version, of either direction, the security extension of 1.6 included."""
    return _actions(canonical(version))


def is_known(version: str, action: str) -> bool:
    """Whether ``action`` is one of :func:`known_actions`."""
    return action in _actions(canonical(version))


@cache
def _validator(version: str, action: str, kind: Kind) -> Draft6Validator:
    # Draft 6 also for the schemas of 1.6, which say draft 4: unlike that it takes 1.0 for an integer, as JSON does.
    from jsonschema_rs import Draft6Validator

    name = _names(version).get((action, kind))
    if name is None:
        hint = suggest(action, sorted(_actions(version)))
        raise UnknownActionError(f"OCPP {version} has no {kind} named {action!r}{hint}")
    # some of the files begin with a byte order mark
    text = files("ocpp").joinpath(_FOLDERS[version], "schemas", name).read_text(encoding="utf-8-sig")
    return Draft6Validator(orjson.loads(text), formats={"date-time": _is_moment}, validate_formats=True)


def prepare() -> None:
    """Loads the validator and finds the schemas: some ten milliseconds for which no station is to wait."""
    for version in _FOLDERS:
        _validator(version, "Heartbeat", "response")


def _is_moment(text: str) -> bool:
    """ISO 8601 with date and time. Without a zone too: many OCPP 1.6 stations leave it out."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return len(text) >= len("2026-01-01T00:00:00")


def validate(version: str, action: str, kind: Kind, payload: Any) -> list[Violation]:
    """What is wrong with the payload of ``action``'s request or response; [] when valid, at most 20 violations.

    A field is named once, by its first violation. Raises :class:`UnknownActionError`, VersionError for an unknown
    version and EncodeError for a payload that cannot be written as JSON at all.
    """
    validator = _validator(canonical(version), action, kind)
    try:
        return _violations(validator, payload)
    except ValueError:
        # a flow's payload may hold what becomes JSON only when it is written, a datetime say
        return _violations(validator, orjson.loads(encode(payload)))


def _violations(validator: Draft6Validator, payload: Any) -> list[Violation]:
    if validator.is_valid(payload):
        return []
    found: dict[str, Violation] = {}
    for violation in islice(_told(validator.iter_errors(payload)), _MOST):
        found.setdefault(violation.path, violation)
    return list(found.values())


def _told(errors: Iterable[ValidationError]) -> Iterable[Violation]:
    for error in errors:
        rule = str(error.schema_path[-1]) if error.schema_path else "schema"
        for path in _paths(error, rule):
            message = _SENTENCES.get(rule, _other)(error)
            yield Violation(path, rule, f"{path or 'the payload'} {message}")


# What ``kind`` holds depends on the rule, and its types do not tell: hence Any below.
def _paths(error: Any, rule: str) -> list[str]:
    """A missing or unexpected member is named itself, not the object around it."""
    if rule == "required":
        return [_path([*error.instance_path, error.kind.property])]
    if rule == "additionalProperties":
        return [_path([*error.instance_path, name]) for name in error.kind.unexpected]
    return [_path(error.instance_path)]


def _path(parts: Iterable[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def _type(error: Any) -> str:
    return f"must be of type {' or '.join(error.kind.types)}, not {_json_type(error.instance)}"


_TYPES: Final = {type(None): "null", bool: "boolean", str: "string", list: "array", dict: "object", int: "integer"}


def _json_type(value: object) -> str:
    return _TYPES.get(type(value), "number")


def _enum(error: Any) -> str:
    options = [str(option) for option in error.kind.options]
    value = error.instance
    near = suggest(value, options) if isinstance(value, str) else ""
    return f"is {value!r:.60}; allowed are {', '.join(options)}{near}"


def _too_long(error: Any) -> str:
    return f"has {len(error.instance)} characters; at most {error.kind.limit} are allowed"


def _format(error: Any) -> str:
    return f"is {error.instance!r:.60}, which is no {error.kind.format}"


def _other(error: Any) -> str:
    return f"is wrong: {error.message}"


_SENTENCES: Final[dict[str, Callable[[Any], str]]] = {
    "required": lambda error: "is missing",
    "additionalProperties": lambda error: "is not a field of this message",
    "type": _type,
    "enum": _enum,
    "maxLength": _too_long,
    "format": _format,
}

_CODES: Final = {
    "type": "TypeConstraintViolation",
    "required": "OccurrenceConstraintViolation",
    "minItems": "OccurrenceConstraintViolation",
    "maxItems": "OccurrenceConstraintViolation",
    "additionalItems": "OccurrenceConstraintViolation",
    "uniqueItems": "OccurrenceConstraintViolation",
    "additionalProperties": "FormatViolation",
}


def error_code(version: str, violation: Violation) -> str:
    """The CALLERROR code of ``version`` for a violation (OCPP-J 1.6 section 4.2.3, OCPP 2.x part 4 section 4.3)."""
    if not violation.path:
        return code_for(version, "FormatViolation")
    return code_for(version, _CODES.get(violation.rule, "PropertyConstraintViolation"))
