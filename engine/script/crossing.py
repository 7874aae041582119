"""How a message crosses for one function body: what picks the parts that go in, and what sets in it the parts that come back.

Both are made once for each body, from what :mod:`access` found; :mod:`entry` is what stands between them in JavaScript.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from ..message import Message, set_at
from .access import Transfer
from .entry import key_names, single_paths
from .syntax import Path

Pack = Callable[[Message], "dict[str, Any] | None"]
"""Picks from a message what goes in; None when the whole message must."""
Apply = Callable[[Message, "dict[str, Any]"], None]
"""Sets in a message what came back."""

MISSING = object()
SINGLE = frozenset((str, int, float, bool, type(None)))
"""Types of values that nothing can change from inside."""


@dataclass
class _Branch:
    """A point on the paths that go in: ``full`` the whole value does, ``delicate`` only if it is a single one."""

    full: bool = False
    delicate: bool = False
    children: dict[str, _Branch] = field(default_factory=dict)


def _tree(transfer: Transfer) -> _Branch:
    root = _Branch()
    for path in sorted(transfer.reads | transfer.full):
        branch = root
        for name in path:
            branch = branch.children.setdefault(name, _Branch())
        branch.full = path in transfer.full
        branch.delicate = path in transfer.delicate
    return root


# -- packing ----------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=1024)
def compile_pack(transfer: Transfer) -> Pack | None:
    """The function that picks what goes in; None when nothing does."""
    tree = _tree(transfer)
    if not tree.children:
        return None
    lines = ["def pack(v0):", " o0 = {}", *_pack_children(tree, 0), " return o0"]
    scope: dict[str, Any] = {"M": MISSING, "SINGLE": SINGLE}
    exec("\n".join(lines), scope)
    pack: Pack = scope["pack"]
    return pack


def _pack_children(branch: _Branch, level: int) -> list[str]:
    return [line for name, child in branch.children.items() for line in _pack_one(name, child, level)]


def _pack_one(name: str, branch: _Branch, level: int) -> list[str]:
    inner = level + 1
    get = f"v{inner} = v{level}.get({name!r}, M)"
    put = f"o{level}[{name!r}] = v{inner}"
    if branch.full:
        refuse = [f"  if type(v{inner}) not in SINGLE: return None"] if branch.delicate else []
        return [f" {get}", f" if v{inner} is not M:", *refuse, f"  {put}"]
    inside = [" " + line for line in _pack_children(branch, inner)]
    return [
        f" {get}",
        f" if type(v{inner}) is dict:",
        f"  o{inner} = o{level}[{name!r}] = {{}}",
        *inside,
        f" elif v{inner} is not M: {put}",
    ]


# -- passing single values ------------------------------------------------------------------------------------------------
Call = Callable[[Message], Any]
_FITS = """\
  if type(v{at}) is int:
   if not -2147483648 <= v{at} <= 2147483647:
    if not -9007199254740992 <= v{at} <= 9007199254740992: return other(msg)
    v{at} = float(v{at})
  elif type(v{at}) is str:
   if not v{at}.isascii(): return other(msg)
  elif type(v{at}) is not float and type(v{at}) is not bool and v{at} is not None: return other(msg)"""
# The binding cuts integers to 32 bits, which floats are not, and fails at lone surrogates.


@lru_cache(maxsize=1024)
def compile_singles(transfer: Transfer, late: bool) -> Callable[[Any, Call], Call] | None:
    """``make(entry, other)`` gives a function that calls ``entry`` with the values that the body reads, without any JSON, and
    ``other`` with messages in which something is no single value or is missing. None where the body reads objects."""
    paths = single_paths(transfer)
    if not paths:
        return None
    lines = ["def make(entry, other):", " def call(msg):"]
    for at, path in enumerate(paths):
        lines += [*_walk(path, f"v{at}"), _FITS.format(at=at)]
    msgid = "msg.get('_msgid')" if late else "None"
    passed = ", ".join(f"v{at}" for at in range(len(paths)))
    lines += [f"  return entry(None, False, {msgid}, {passed})", " return call"]
    scope: dict[str, Any] = {"M": MISSING}
    exec("\n".join(lines), scope)
    make: Callable[[Any, Call], Call] = scope["make"]
    return make


def _walk(path: Path, name: str) -> list[str]:
    """Puts what a path leads to into a variable."""
    *around, last = path
    lines, place = [], "msg"
    for key in around:
        lines += [f"  p = {place}.get({key!r})", "  if type(p) is not dict: return other(msg)"]
        place = "p"
    return [*lines, f"  {name} = {place}.get({last!r}, M)"]


# -- applying -----------------------------------------------------------------------------------------------------------
def compile_apply(transfer: Transfer | None) -> Apply | None:
    """The function that sets what came back; None where ``dict.update`` does."""
    deep = {name: path for path, name in key_names(transfer).items() if len(path) > 1} if transfer is not None else {}
    if not deep:
        return None

    def apply(msg: Message, changes: dict[str, Any]) -> None:
        for name, value in changes.items():
            path = deep.get(name)
            if path is None:
                msg[name] = value
            elif len(path) == 2 and type(parent := msg.get(path[0])) is dict:
                parent[path[1]] = value
            else:
                set_at(msg, path, value)

    return apply
