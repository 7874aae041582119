"""Which expressions of a function body stand for a place in its message: ``msg.payload.id``, ``msg["topic"]``, a ``const p = msg.payload``
and ``p.id``, the element variable of a loop over ``msg.payload.items``."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .scopes import FUNCTIONS, Binding, Scopes, targets
from .syntax import Path, Tree, dotted, literal
from .vocabulary import CALLBACK_METHODS, ELEMENT_METHODS, LITERALS, MUTATING_ELEMENT_METHODS, OBJECT_MEMBERS

_HANDING = ELEMENT_METHODS | MUTATING_ELEMENT_METHODS


@dataclass(frozen=True, slots=True)
class Place:
    """A path from the message. Not ``exact``: somewhere below it. ``fresh``: in a value that the body itself put there before."""

    path: Path
    exact: bool = True
    fresh: bool = False

    def inside(self) -> Place:
        """Some place below this one."""
        return replace(self, exact=False)


class Places:
    """Finds the place an expression stands for.

    Variables are followed where they are declared with a place and never assigned again, whatever the order of the source: a
    function may use a variable that is declared below it.
    """

    def __init__(self, function: Tree, scopes: Scopes) -> None:
        self._scopes = scopes
        self._body = function.need("body")
        self.message = self._message_binding(function)
        self._aliases: dict[int, Place] = {}
        self._literal: set[str] = set()
        self._replaced = self._replacements()
        declarations = [node for node in function.walk() if node.kind in _SOURCES]
        known = -1
        while known != len(self._aliases):
            known = len(self._aliases)
            for node in declarations:
                _SOURCES[node.kind](self, node)

    def _message_binding(self, function: Tree) -> Binding | None:
        parameter = targets(function.need("parameters"))[0]
        return self._scopes.binding.get(id(parameter))

    def _replacements(self) -> dict[str, int]:
        """Top-level properties that a statement of the body's own block sets, with the offset from which that holds."""
        found: dict[str, int] = {}
        for at, statement in enumerate(self._body.children[:-1]):
            assignment = statement.children[0] if statement.kind == "expression_statement" else statement
            if assignment.kind == "assignment_expression":
                name = self._property_of_message(assignment.need("left"))
                if name is not None and name not in found:
                    found[name] = self._body.children[at + 1].at
                    if assignment.need("right").kind in ("object", "array"):
                        self._literal.add(name)
        return found

    def _property_of_message(self, node: Tree) -> str | None:
        if node.kind != "member_expression":
            return None
        owner, name = node.need("object"), node.need("property")
        return name.text if self.is_message(owner) and owner.kind == "identifier" else None

    # -- places ---------------------------------------------------------------------------------------------------------
    def is_message(self, node: Tree) -> bool:
        """Whether an identifier is the parameter ``msg`` itself."""
        return self.message is not None and self._scopes.binding.get(id(node)) is self.message

    def is_literal(self, place: Place) -> bool:
        """Whether the value at a fresh place is the very object or array literal that the body put there."""
        return place.fresh and place.exact and len(place.path) == 1 and place.path[0] in self._literal

    def depth(self, node: Tree) -> int:
        """How many functions are around an expression, judged by the variable it starts with; 1 is the body itself."""
        while node.children:
            node = node.children[0]
        return self._scopes.depth.get(id(node), 2)

    def of(self, node: Tree) -> Place | None:
        """The place that an expression stands for, None when it stands for something else."""
        finder = _FINDERS.get(node.kind)
        return finder(self, node) if finder is not None else None

    def _of_identifier(self, node: Tree) -> Place | None:
        if self.is_message(node):
            return Place(())
        binding = self._scopes.binding.get(id(node))
        return self._aliases.get(id(binding)) if binding is not None else None

    def _of_parentheses(self, node: Tree) -> Place | None:
        return self.of(node.children[0]) if len(node.children) == 1 else None

    def _of_member(self, node: Tree) -> Place | None:
        owner = self.of(node.need("object"))
        name = node.need("property")
        if owner is None or name.kind != "property_identifier":
            return None
        return self._member(owner, name.text, node)

    def _of_subscript(self, node: Tree) -> Place | None:
        owner = self.of(node.need("object"))
        if owner is None:
            return None
        name = literal(node.need("index"))
        if name is not None and not name.isdigit():
            return self._member(owner, name, node)
        return owner.inside()

    def _member(self, owner: Place, name: str, node: Tree) -> Place:
        if not owner.exact or name == "__proto__":
            return owner.inside()
        if not owner.path:
            return Place((name,), True, self._is_replaced(name, node))
        if name in OBJECT_MEMBERS:
            return owner.inside()
        return Place((*owner.path, name), True, owner.fresh)

    def _is_replaced(self, name: str, node: Tree) -> bool:
        since = self._replaced.get(name)
        return since is not None and node.at >= since and self.depth(node) == 1

    def _of_default(self, node: Tree) -> Place | None:
        """``place || literal``: if the message holds nothing there, there is nothing to tell of."""
        if not {"||", "??"}.isdisjoint(node.marks) and node.need("right").kind in LITERALS:
            return self.of(node.need("left"))
        return None

    def _of_call(self, node: Tree) -> Place | None:
        called = node.need("function")
        arguments = node.need("arguments").children
        if dotted(called) in ("Object.values", "Object.entries", "Array.from") and arguments:
            place = self.of(arguments[0])
            return place.inside() if place is not None and place.path else None
        if called.kind != "member_expression" or called.need("property").text not in _HANDING:
            return None
        place = self.of(called.need("object"))
        return place.inside() if place is not None and place.path else None

    # -- variables --------------------------------------------------------------------------------------------------------
    def _learn(self, target: Tree, place: Place | None) -> None:
        """Notes that the variables of a pattern stand for places."""
        if place is None:
            return
        kind = target.kind
        if kind in ("identifier", "shorthand_property_identifier_pattern"):
            binding = self._scopes.binding.get(id(target))
            if binding is not None and binding.assigned == 0:
                self._aliases[id(binding)] = place
        elif kind == "object_pattern":
            for child in target.children:
                self._learn_property(child, place)
        elif kind in ("array_pattern", "formal_parameters"):
            for child in target.children:
                self._learn(child, place.inside())
        elif kind in ("assignment_pattern", "object_assignment_pattern"):
            self._learn(target.need("left"), place)

    def _learn_property(self, child: Tree, place: Place) -> None:
        if child.kind == "pair_pattern":
            self._learn(child.need("value"), self.of_key(place, child.need("key")))
        elif child.kind != "rest_pattern":
            name = child.need("left") if child.kind == "object_assignment_pattern" else child
            self._learn(child, self.of_key(place, name))

    def of_key(self, place: Place, key: Tree) -> Place:
        """The place of one property of a destructuring pattern."""
        name = literal(key) if key.kind == "string" else key.text
        if key.kind == "computed_property_name" or name is None:
            return place.inside()
        return self._member(place, name, key) if place.path else Place((name,))

    def _learn_declarator(self, node: Tree) -> None:
        value = node.get("value")
        if value is not None:
            self._learn(node.need("name"), self.of(value))

    def _learn_loop(self, node: Tree) -> None:
        if "of" in node.marks:
            place = self.of(node.need("right"))
            if place is not None and place.path:
                self._learn(node.need("left"), place.inside())

    def _learn_callback(self, node: Tree) -> None:
        parameters = self.callback_parameters(node)
        if parameters is not None:
            place, elements = parameters
            for element in elements:
                self._learn(element, place.inside())

    def callback_parameters(self, node: Tree) -> tuple[Place, list[Tree]] | None:
        """For ``place.map(x => ...)`` and its like: the place, and the parameters that stand for parts of it."""
        called, arguments = node.need("function"), node.need("arguments").children
        if called.kind != "member_expression" or not arguments or arguments[0].kind not in FUNCTIONS:
            return None
        name, place = called.need("property").text, self.of(called.need("object"))
        if name not in CALLBACK_METHODS or place is None or not place.path:
            return None
        listed = arguments[0].get("parameters")
        single = arguments[0].get("parameter")
        parameters = listed.children if listed is not None else [single] if single is not None else []
        if "reduce" in name and len(arguments) > 1:
            return place, [parameter for at, parameter in enumerate(parameters) if at in (1, 3)]
        return place, parameters


_SOURCES = {
    "variable_declarator": Places._learn_declarator,
    "for_in_statement": Places._learn_loop,
    "call_expression": Places._learn_callback,
}
_FINDERS = {
    "identifier": Places._of_identifier,
    "shorthand_property_identifier": Places._of_identifier,
    "parenthesized_expression": Places._of_parentheses,
    "member_expression": Places._of_member,
    "subscript_expression": Places._of_subscript,
    "binary_expression": Places._of_default,
    "call_expression": Places._of_call,
}
