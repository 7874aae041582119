"""OCPP versions: their one name here and their spellings outside; and how closely the seed's nodes are followed."""

from __future__ import annotations

from typing import Final, Literal

from busway.engine.errors import BuswayError, suggest

Version = Literal["1.6", "2.0.1", "2.1"]
Compat = Literal["strict", "seed"]
"""``strict`` corrects what is wrong or unsafe in the seed (@blokcert/node-red-contrib-ocpp), ``seed`` repeats it."""

VERSIONS: Final[tuple[Version, ...]] = ("1.6", "2.0.1", "2.1")
SUBPROTOCOLS: Final[dict[str, str]] = {version: f"ocpp{version}" for version in VERSIONS}
"""WebSocket subprotocol by version (OCPP-J 1.6 and OCPP 2.0.1 part 4, section 3.1.2)."""

SPELLINGS: Final[dict[str, Version]] = {
    "1.6": "1.6",
    "1.6j": "1.6",
    "ocpp1.6": "1.6",
    "ocpp1.6j": "1.6",
    "2.0": "2.0.1",
    "2.0.1": "2.0.1",
    "ocpp2.0": "2.0.1",
    "ocpp2.0.1": "2.0.1",
    "2.1": "2.1",
    "ocpp2.1": "2.1",
}
"""Every spelling in lower case. OCPP 2.0 was withdrawn in favour of 2.0.1, its messages are read as such."""


class VersionError(BuswayError):
    """A text names no OCPP version that is known here."""


def canonical(text: str) -> Version:
    """The version meant by ``text``: ``1.6J``, ``ocpp2.0.1``, ``OCPP 2.1`` ... (letter case and spaces do not matter).

    Raises :class:`VersionError` for anything else.
    """
    found = SPELLINGS.get(text) or SPELLINGS.get(text.lower().replace(" ", ""))
    if found is None:
        hint = suggest(text, SPELLINGS)
        raise VersionError(f"{text!r} is not an OCPP version known here (1.6, 2.0.1, 2.1){hint}")
    return found
