"""Which permissions allow what. The words are Node-RED's: an area and ``read`` or ``write``, as in ``flows.write``."""

from __future__ import annotations

from collections.abc import Iterable


def permits(granted: Iterable[str], wanted: str) -> bool:
    """Whether one of ``granted`` allows ``wanted``; "" is allowed to all.

    ``*`` allows everything, ``read`` and ``*.read`` everything that ends in read, ``write`` likewise.
    """
    return not wanted or any(_allows(one, wanted) for one in granted)


def permits_all(granted: Iterable[str], wanted: Iterable[str]) -> bool:
    """Whether ``granted`` allows each of ``wanted``."""
    granted = tuple(granted)
    return all(permits(granted, one) for one in wanted)


def _allows(granted: str, wanted: str) -> bool:
    if granted in ("*", wanted):
        return True
    verb = granted.removeprefix("*.")
    return verb in ("read", "write") and (wanted == verb or wanted.endswith(f".{verb}"))
