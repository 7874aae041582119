"""Static analysis of a JavaScript function body: what of ``msg`` it can read and what it can write.

What crosses the border to JavaScript is what costs, so a body is given only what it can touch, and only what it may have changed
comes back. The analysis trusts nothing that it does not understand: ``msg`` handed to a function, a computed key, a spread make the
whole message cross.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .places import Places
from .scopes import FUNCTIONS, Scopes
from .syntax import Path, Tree, dotted, literal, parse
from .uses import Uses
from .vocabulary import JOB_NAMES, NODE_METHODS


@dataclass(frozen=True)
class Transfer:
    """What crosses. ``reads`` are the paths that go in: of those in ``full`` the whole value, of the others only whether something is
    there and, where it is an object, what longer paths name. ``writes`` are the paths that may come back, ``mutable`` those of them whose
    value may have been changed in place rather than replaced. ``delicate`` are paths whose value the body may also reach, and
    change, by a name that was not followed: where it is not a single value, the whole message must cross."""

    reads: frozenset[Path]
    full: frozenset[Path]
    writes: tuple[Path, ...]
    mutable: frozenset[Path]
    delicate: frozenset[Path]


@dataclass(frozen=True)
class Access:
    """What a body does. ``transfer`` is None when the whole message must cross both ways.

    ``free`` are the names it takes from outside, ``implicit`` those it assigns without declaring them, ``is_async`` whether it awaits,
    ``queues`` whether it may leave work behind for after its return, ``closes_over`` whether inner functions may run after it,
    ``manual_done`` whether it calls ``node.done()``, ``detaches_node`` whether ``node`` or its methods are used as values,
    ``needs_scope`` whether it reaches for the global object, ``environment`` the names it asks of ``env`` (None: computed).
    """

    transfer: Transfer | None
    free: frozenset[str]
    implicit: frozenset[str]
    is_async: bool = False
    queues: bool = True
    closes_over: bool = True
    manual_done: bool = False
    detaches_node: bool = True
    needs_scope: bool = False
    environment: frozenset[str] | None = None


@lru_cache(maxsize=1024)
def analyse(source: str) -> Access:
    """What the function body ``source`` does with its ``msg``; sources that the parser cannot read get the whole message."""
    root = parse(f"async function body(msg){{\n{source}\n}}")
    if root is None or len(root.children) != 1:
        return _unread(source)
    function = root.children[0]
    scopes = Scopes(root)
    traits = _Traits(function, scopes)
    return Access(
        transfer=_transfer(function, scopes),
        free=frozenset(scopes.free),
        implicit=frozenset() if _is_strict(function) else frozenset(scopes.implicit),
        is_async=traits.is_async,
        queues=traits.queues,
        closes_over=traits.closes_over,
        manual_done=traits.manual_done,
        detaches_node=traits.detaches_node,
        needs_scope=traits.needs_scope,
        environment=traits.environment,
    )


def _is_strict(function: Tree) -> bool:
    """Whether the body begins by saying that it wants undeclared variables to be errors."""
    first = next(iter(function.need("body").children), None)
    return first is not None and first.kind == "expression_statement" and literal(first.children[0]) == "use strict"


def _unread(source: str) -> Access:
    """For sources in a syntax newer than the parser: every name may be used."""
    from re import findall

    return Access(None, frozenset(findall(r"[A-Za-z_$][\w$]*", source)), frozenset(), is_async="await" in source)


def _transfer(function: Tree, scopes: Scopes) -> Transfer | None:
    try:
        uses = Uses(function, Places(function, scopes), scopes)
    except RecursionError:
        return None
    if uses.whole:
        return None
    return _summary(uses)


def _summary(uses: Uses) -> Transfer:
    kept, changed = uses.paths("keep"), uses.paths("write", "delete", "mutate")
    # What is kept under another name and changed below comes back in one piece: it may have come to hold itself.
    covering = changed | kept
    outermost = {min((path[:n] for n in range(1, len(path) + 1) if path[:n] in covering), key=len) for path in changed}
    mutable = uses.paths("mutate") | (outermost - uses.paths("write", "delete"))
    entered = {path for path in outermost if any(other[: len(path)] == path for other in changed - {path})}
    entered |= uses.paths("mutate") & uses.paths("write")
    mutable |= entered
    full = _outermost(mutable | kept | uses.paths("value"))
    # A kept value may have been put where something is changed below.
    risky = uses.risky or bool(entered)
    followed = {path[:n] for path in kept for n in range(1, len(path) + 1)} if risky else set()
    parents = {path[:-1] for path in outermost if len(path) > 1}
    return Transfer(
        reads=frozenset(full | parents | uses.paths("test", "delete", "value", "keep", "mutate")),
        full=frozenset(full),
        writes=tuple(sorted(outermost)),
        mutable=frozenset(mutable & outermost),
        delicate=frozenset(full & followed),
    )


def _outermost(paths: set[Path]) -> set[Path]:
    """Those that no other path leads through."""
    return {path for path in paths if not any(path[:n] in paths for n in range(1, len(path)))}


class _Traits:
    """What a body does besides touching its message."""

    def __init__(self, function: Tree, scopes: Scopes) -> None:
        self._free = scopes.free
        self._binding = scopes.binding
        self.is_async = self.queues = self.closes_over = self.manual_done = self.detaches_node = False
        self.needs_scope = not scopes.free.isdisjoint(("globalThis", "eval", "Function"))
        self._environment: set[str] | None = set()
        body = function.need("body")
        waiting = [(child, body, False) for child in body.children]
        while waiting:
            node, parent, nested = waiting.pop()
            self._look(node, parent, nested)
            inner = nested or node.kind in FUNCTIONS or node.kind == "class_body"
            waiting.extend([(child, node, inner) for child in node.children])

    @property
    def environment(self) -> frozenset[str] | None:
        return None if self._environment is None else frozenset(self._environment)

    def _look(self, node: Tree, parent: Tree, nested: bool) -> None:
        kind = node.kind
        if kind in FUNCTIONS:
            self.closes_over = True
            self.queues |= "async" in node.marks
        elif kind == "await_expression" or (kind == "for_in_statement" and "await" in node.marks):
            self.queues = True
            self.is_async |= not nested
        elif kind == "this":
            self.needs_scope |= not nested
        elif kind in ("identifier", "property_identifier", "shorthand_property_identifier"):
            self._look_at_name(node, parent)
        elif kind == "call_expression":
            self._look_at_call(node)

    def _look_at_name(self, node: Tree, parent: Tree) -> None:
        self.queues |= node.text in JOB_NAMES
        if node.kind == "property_identifier" or id(node) in self._binding:
            return
        is_owner = parent.kind == "member_expression" and node.field == "object"
        if node.text == "node":
            self.detaches_node |= not (is_owner and self._is_used_in_place(parent))
        elif node.text == "env" and not (is_owner and parent.need("property").text == "get"):
            self._environment = None

    def _is_used_in_place(self, member: Tree) -> bool:
        """Whether ``node.x`` is called or plainly read, rather than taken as a function value."""
        return member.field == "function" or member.need("property").text not in NODE_METHODS

    def _look_at_call(self, node: Tree) -> None:
        called = dotted(node.need("function"))
        if called == "node.done" and "node" in self._free:
            self.manual_done = True
        elif called == "env.get" and "env" in self._free:
            self._look_at_environment(node.need("arguments"))

    def _look_at_environment(self, arguments: Tree) -> None:
        name = literal(arguments.children[0]) if arguments.children else None
        if name is None:
            self._environment = None
        elif self._environment is not None:
            self._environment.add(name)
