"""What the nodes do with payloads that break the official schemas: nothing, a warning, or a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from busway.engine.fields import Choices
from busway.nodes.ocpp import schemas
from busway.nodes.ocpp.schemas import Kind, UnknownActionError

Validation = Literal["off", "warn", "enforce"]
VALIDATIONS = Choices(off="No", warn="Yes, and log what breaks it", enforce="Yes, and refuse what breaks it")
REMEMBERED = 1000
"""Different warnings that a node gives; the same one is given once."""


class Problem(NamedTuple):
    """What is wrong with a message: the code of a CALLERROR about it, and a sentence."""

    code: str
    text: str


class Checks:
    """Checks for one node: ``find`` returns what is to be refused, and warns of the rest."""

    def __init__(self, mode: Validation, warn: Callable[[str], None]) -> None:
        self.active = mode != "off"
        self._enforce = mode == "enforce"
        self._warn = warn
        self._warned: set[str] = set()
        if self.active:
            schemas.prepare()

    def find(self, version: str, action: str, kind: Kind, payload: Any) -> Problem | None:
        """The problem for which a message must not go on; None when there is none or it is only warned of."""
        if not self.active:
            return None
        problem = _problem(version, action, kind, payload)
        if problem is None or self._enforce:
            return problem
        self._warn_once(f"{action} ({version}): {problem.text}")
        return None

    def _warn_once(self, text: str) -> None:
        if text not in self._warned and len(self._warned) < REMEMBERED:
            self._warned.add(text)
            self._warn(text)


def _problem(version: str, action: str, kind: Kind, payload: Any) -> Problem | None:
    try:
        violations = schemas.validate(version, action, kind, payload)
    except UnknownActionError as error:
        return Problem("NotImplemented", str(error))
    if not violations:
        return None
    text = "; ".join(violation.message for violation in violations[:3])
    return Problem(schemas.error_code(version, violations[0]), text)
