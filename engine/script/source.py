"""The texts of a function."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """``body`` handles a message, ``setup`` runs when the node starts, ``cleanup`` when it stops. ``libraries`` are ``(variable,
    module)``; ``timeout`` is in seconds, 0 for the usual limit (both for JavaScript only)."""

    body: str
    setup: str = ""
    cleanup: str = ""
    libraries: tuple[tuple[str, str], ...] = ()
    timeout: float = 0
