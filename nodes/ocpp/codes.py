"""Error codes of CALLERROR, by version (OCPP-J 1.6 section 4.2.3; OCPP 2.0.1 and 2.1 part 4 section 4.3)."""

from __future__ import annotations

from typing import Final

from busway.nodes.ocpp.versions import canonical

_COMMON = (
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "PropertyConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
)
# OCPP 1.6 prints two names that later versions spell otherwise; its errata keep them, stations compare the text.
_V16 = frozenset((*_COMMON, "FormationViolation", "OccurenceConstraintViolation"))
_V2 = frozenset(
    (*_COMMON, "FormatViolation", "OccurrenceConstraintViolation", "MessageTypeNotSupported", "RpcFrameworkError")
)

CODES: Final[dict[str, frozenset[str]]] = {"1.6": _V16, "2.0.1": _V2, "2.1": _V2}

_TO_V16 = {
    "FormatViolation": "FormationViolation",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
    "RpcFrameworkError": "FormationViolation",
    "MessageTypeNotSupported": "NotSupported",
}
_TO_V2 = {
    "FormationViolation": "FormatViolation",
    "OccurenceConstraintViolation": "OccurrenceConstraintViolation",
}
_TRANSLATIONS = {"1.6": _TO_V16, "2.0.1": _TO_V2, "2.1": _TO_V2}


def code_for(version: str, code: str) -> str:
    """``code`` as ``version`` spells it; a code that version does not have becomes ``GenericError``."""
    version = canonical(version)
    if code in CODES[version]:
        return code
    return _TRANSLATIONS[version].get(code, "GenericError")
