"""Which declaration each name of a JavaScript source means."""

from __future__ import annotations

from dataclasses import dataclass, field

from .syntax import Tree

FUNCTIONS = frozenset(
    (
        "function_declaration",
        "function_expression",
        "generator_function_declaration",
        "generator_function",
        "arrow_function",
        "method_definition",
    )
)
_HOISTED = frozenset(("function_declaration", "generator_function_declaration"))
_BLOCKS = frozenset(
    ("statement_block", "for_statement", "for_in_statement", "catch_clause", "switch_body", "class_static_block")
)
_LOOP_KINDS = frozenset(("var", "let", "const"))


@dataclass(eq=False, slots=True)
class Binding:
    """A declared name. ``assigned`` counts assignments after the declaration, ``depth`` the functions around it."""

    name: str
    depth: int
    declared: Tree | None = None
    assigned: int = 0


@dataclass(eq=False, slots=True)
class Scope:
    """The names of one block or function; ``depth`` counts the functions around and including it."""

    parent: Scope | None
    depth: int
    is_function: bool
    names: dict[str, Binding] = field(default_factory=dict)

    def find(self, name: str) -> Binding | None:
        """The declaration that ``name`` means here."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.names.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def declare(self, name: str, declared: Tree | None) -> None:
        """Adds a name; a second declaration of it (``var``) counts as an assignment."""
        found = self.names.get(name)
        if found is None:
            self.names[name] = Binding(name, self.depth, declared)
        else:
            found.assigned += 1

    def function(self) -> Scope:
        """The function scope around this scope."""
        scope = self
        while not scope.is_function and scope.parent is not None:
            scope = scope.parent
        return scope


class Scopes:
    """The scopes of a source.

    ``binding`` maps an identifier (by ``id`` of its tree node) to its declaration; ``depth`` says how many functions are around it.
    ``free`` are the names that no declaration explains, ``implicit`` those of them that the source assigns to.
    """

    def __init__(self, root: Tree) -> None:
        self.binding: dict[int, Binding] = {}
        self.depth: dict[int, int] = {}
        self.free: set[str] = set()
        self.implicit: set[str] = set()
        self._opened: dict[int, Scope] = {}
        self._bodies: set[int] = set()
        top = Scope(None, 0, True)
        self._declare(root, top)
        self._resolve(root, top)

    # -- declarations -------------------------------------------------------------------------------------------------
    def _declare(self, root: Tree, top: Scope) -> None:
        waiting = [(root, top)]
        while waiting:
            node, scope = waiting.pop()
            inner = self._enter(node, scope)
            waiting.extend([(child, inner) for child in reversed(node.children)])

    def _enter(self, node: Tree, scope: Scope) -> Scope:
        """Declares what ``node`` declares; the scope of its children."""
        kind = node.kind
        if kind in FUNCTIONS:
            return self._open_function(node, scope)
        if kind in _BLOCKS and id(node) not in self._bodies:
            return self._open_block(node, scope)
        if kind == "class":
            return self._open_named(node, scope)
        if kind == "class_declaration":
            scope.declare(node.need("name").text, node)
        elif kind in ("variable_declaration", "lexical_declaration"):
            self._declare_variables(node, scope)
        return scope

    def _open(self, node: Tree, parent: Scope, is_function: bool) -> Scope:
        scope = Scope(parent, parent.depth + is_function, is_function)
        self._opened[id(node)] = scope
        return scope

    def _open_named(self, node: Tree, parent: Scope) -> Scope:
        scope = self._open(node, parent, False)
        name = node.get("name")
        if name is not None:
            scope.declare(name.text, node)
        return scope

    def _open_function(self, node: Tree, parent: Scope) -> Scope:
        name = node.get("name")
        if node.kind in _HOISTED and name is not None:
            parent.function().declare(name.text, node)
        scope = self._open(node, parent, True)
        if node.kind in ("function_expression", "generator_function") and name is not None:
            scope.declare(name.text, node)
        for parameters in (node.get("parameters"), node.get("parameter")):
            if parameters is not None:
                for target in targets(parameters):
                    scope.declare(target.text, None)
        body = node.get("body")
        if body is not None and body.kind == "statement_block":
            self._bodies.add(id(body))
        return scope

    def _open_block(self, node: Tree, parent: Scope) -> Scope:
        scope = self._open(node, parent, False)
        parameter = node.get("parameter")
        if node.kind == "catch_clause" and parameter is not None:
            for target in targets(parameter):
                scope.declare(target.text, None)
        if node.kind == "for_in_statement" and _LOOP_KINDS.intersection(node.marks):
            owner = scope.function() if "var" in node.marks else scope
            for target in targets(node.need("left")):
                owner.declare(target.text, node)
        return scope

    def _declare_variables(self, node: Tree, scope: Scope) -> None:
        owner = scope.function() if node.kind == "variable_declaration" else scope
        for declarator in node.children:
            if declarator.kind == "variable_declarator":
                for target in targets(declarator.need("name")):
                    owner.declare(target.text, declarator)

    # -- uses -----------------------------------------------------------------------------------------------------------
    def _resolve(self, root: Tree, top: Scope) -> None:
        waiting = [(root, top)]
        while waiting:
            node, outer = waiting.pop()
            scope = self._opened.get(id(node), outer)
            self._resolve_one(node, scope)
            waiting.extend([(child, scope) for child in reversed(node.children)])

    def _resolve_one(self, node: Tree, scope: Scope) -> None:
        kind = node.kind
        if kind in ("identifier", "shorthand_property_identifier", "shorthand_property_identifier_pattern"):
            self._use(node, scope)
        elif kind in ("assignment_expression", "augmented_assignment_expression"):
            self._assign(node.need("left"), scope)
        elif kind == "update_expression":
            self._assign(node.need("argument"), scope)
        elif kind == "for_in_statement" and not _LOOP_KINDS.intersection(node.marks):
            self._assign(node.need("left"), scope)

    def _use(self, node: Tree, scope: Scope) -> None:
        self.depth[id(node)] = scope.depth
        found = scope.find(node.text)
        if found is None:
            self.free.add(node.text)
        else:
            self.binding[id(node)] = found

    def _assign(self, left: Tree, scope: Scope) -> None:
        for target in targets(left):
            found = scope.find(target.text)
            if found is None:
                self.implicit.add(target.text)
            else:
                found.assigned += 1


def targets(pattern: Tree) -> list[Tree]:
    """The identifiers that a pattern (of a declaration, a parameter, an assignment) binds; member expressions bind none."""
    kind = pattern.kind
    if kind in ("identifier", "shorthand_property_identifier_pattern"):
        return [pattern]
    if kind in ("assignment_pattern", "object_assignment_pattern"):
        return targets(pattern.need("left"))
    if kind == "pair_pattern":
        return targets(pattern.need("value"))
    if kind in ("object_pattern", "array_pattern", "rest_pattern", "formal_parameters", "parenthesized_expression"):
        return [found for child in pattern.children for found in targets(child)]
    return []
