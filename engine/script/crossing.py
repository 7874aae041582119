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
from .entry import key_names

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
