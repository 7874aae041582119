"""Every use that a function body makes of places in its message."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Literal, NamedTuple

from .places import Place, Places
from .scopes import FUNCTIONS, Scopes
from .syntax import Path, Tree, dotted, literal
from .vocabulary import (
    CONSTANTS,
    ELEMENT_METHODS,
    HARMLESS,
    KEEPING,
    MUTATING_ELEMENT_METHODS,
    PREDICATE_METHODS,
    PURE_CLASSES,
    PURE_FUNCTIONS,
    PURE_METHODS,
    PURE_OBJECTS,
    SETTLED_METHODS,
)

Kind = Literal["test", "value", "keep", "mutate", "write", "delete"]


class Use(NamedTuple):
    """One use of the value at ``path``: ``test`` asks whether and what kind of thing is there, ``value`` reads all of it, ``keep`` lets it go
    where the body may reach it by another name, ``mutate`` changes something inside, ``write`` and ``delete`` are what they say."""

    kind: Kind
    path: Path


class How(Enum):
    """What becomes of the value of an expression."""

    TEST = auto()
    """Only its truth or type is asked."""
    VALUE = auto()
    """It is read and not kept."""
    KEEP = auto()
    """It goes somewhere: a variable, an object, a function."""
    SEND = auto()
    """It is sent as a message, or returned: the message itself may stand here."""


_KIND: dict[How, Kind] = {How.TEST: "test", How.VALUE: "value", How.KEEP: "keep", How.SEND: "keep"}
_BARE = frozenset(("identifier", "parenthesized_expression"))


class Uses:
    """``found`` are the uses; ``whole`` says that the message goes where it cannot be followed; ``risky`` that the body changes
    objects that may be parts of the message under another name."""

    def __init__(self, function: Tree, places: Places, scopes: Scopes) -> None:
        self.found: set[Use] = set()
        self.whole = False
        self.risky = False
        self._places, self._scopes = places, scopes
        if places.message is None or places.message.assigned:
            self.whole = True
        self._new = _new_objects(function, scopes)
        body = function.need("body")
        self._function_depth = 1
        self._children(body)
        if (
            "with_statement" in {node.kind for node in function.walk()}
            or "eval" in scopes.free
            or "arguments" in scopes.free
        ):
            self.whole = True

    def paths(self, *kinds: Kind) -> set[Path]:
        """The places that are used in one of these ways."""
        return {use.path for use in self.found if use.kind in kinds}

    # -- walking --------------------------------------------------------------------------------------------------------
    def _children(self, node: Tree, how: How = How.KEEP) -> None:
        for child in node.children:
            self._visit(child, how)

    def _visit(self, node: Tree, how: How = How.KEEP) -> None:
        place = self._places.of(node)
        if place is not None:
            self._use(node, place, how)
            self._around(node)
            return
        visitor = _VISITORS.get(node.kind)
        if visitor is not None:
            visitor(self, node, how)
        elif node.kind in FUNCTIONS:
            self._function(node)
        else:
            self._children(node)

    def _use(self, node: Tree, place: Place, how: How) -> None:
        if not place.path:
            self._use_message(node, place, how)
        elif not place.fresh:
            kind = _KIND[how]
            self.found.add(Use("value" if kind == "test" and not place.exact else kind, place.path))

    def _use_message(self, node: Tree, place: Place, how: How) -> None:
        if how is How.TEST and place.exact:
            return
        if how is not How.SEND or not place.exact or node.kind not in _BARE or self._places.depth(node) > 1:
            self.whole = True

    def _around(self, node: Tree) -> None:
        """What stands inside an expression that is a place: indexes, default values, arguments."""
        kind = node.kind
        if kind == "member_expression":
            self._around(node.need("object"))
        elif kind == "subscript_expression":
            self._around(node.need("object"))
            self._visit(node.need("index"), How.VALUE)
        elif kind == "parenthesized_expression":
            self._around(node.children[0])
        elif kind == "binary_expression":
            self._around(node.need("left"))
            self._visit(node.need("right"), How.KEEP)
        elif kind == "call_expression":
            self._call(node, How.VALUE)

    # -- functions and statements ----------------------------------------------------------------------------------------
    def _function(self, node: Tree, result: How = How.KEEP) -> None:
        outer, self._function_depth = self._function_depth, self._function_depth + 1
        for child in node.children:
            self._visit(child, result if child.field == "body" else How.KEEP)
        self._function_depth = outer

    def _return(self, node: Tree, how: How) -> None:
        self._children(node, How.SEND if self._function_depth == 1 else How.KEEP)

    def _expression_statement(self, node: Tree, how: How) -> None:
        self._children(node, How.TEST)

    def _condition(self, node: Tree, how: How) -> None:
        for child in node.children:
            self._visit(child, How.TEST if child.field in ("condition", "increment", "initializer") else How.KEEP)

    def _switch(self, node: Tree, how: How) -> None:
        cases = [case.get("value") for case in node.need("body").children if case.kind == "switch_case"]
        plain = all(value is not None and value.kind in CONSTANTS for value in cases)
        self._visit(node.need("value"), How.TEST if plain else How.VALUE)
        for case in node.need("body").children:
            for child in case.children:
                self._visit(child, How.VALUE if child.field == "value" else How.KEEP)

    def _loop(self, node: Tree, how: How) -> None:
        left, right = node.need("left"), node.need("right")
        declares = not {"var", "let", "const"}.isdisjoint(node.marks)
        place = self._places.of(right)
        followed = declares and (place is None or left.kind == "array_pattern" or self._places.of(left) is not None)
        self._visit(right, How.VALUE if followed or "in" in node.marks else How.KEEP)
        if not declares:
            self._assign(left)
        self._visit(node.need("body"))

    # -- declarations and assignments -------------------------------------------------------------------------------------
    def _declarator(self, node: Tree, how: How) -> None:
        value, name = node.get("value"), node.need("name")
        if value is None:
            return
        place = self._places.of(value)
        if place is None:
            self._visit(value)
            self._children(name)
        else:
            self._declare(name, place)
            self._around(value)

    def _declare(self, target: Tree, place: Place) -> None:
        """A pattern takes what is at a place: what is not followed under the new name counts as kept."""
        kind = target.kind
        if kind in ("identifier", "shorthand_property_identifier_pattern"):
            # Even where the value is followed under its new name, reading it can fail.
            self._use(target, place, How.KEEP if self._places.of(target) is None else How.TEST)
        elif kind == "object_pattern":
            for child in target.children:
                self._declare_property(child, place)
        elif kind in ("assignment_pattern", "object_assignment_pattern"):
            self._declare(target.need("left"), place)
            self._visit(target.need("right"))
        else:
            self._use(target, place.inside(), How.KEEP)

    def _declare_property(self, child: Tree, place: Place) -> None:
        if child.kind == "pair_pattern":
            self._declare(child.need("value"), self._places.of_key(place, child.need("key")))
            self._visit(child.need("key"), How.VALUE)
        elif child.kind == "rest_pattern":
            self._use(child, place.inside(), How.KEEP)
        else:
            name = child.need("left") if child.kind == "object_assignment_pattern" else child
            self._declare(child, self._places.of_key(place, name))

    def _assignment(self, node: Tree, how: How) -> None:
        left, right = node.need("left"), node.need("right")
        if node.kind == "augmented_assignment_expression":
            self._visit(left, How.VALUE)
        arithmetic = node.kind == "augmented_assignment_expression" and {"||=", "&&=", "??="}.isdisjoint(node.marks)
        self._visit(right, How.VALUE if arithmetic else How.KEEP)
        self._assign(left)

    def _update(self, node: Tree, how: How) -> None:
        self._visit(node.need("argument"), How.VALUE)
        self._assign(node.need("argument"))

    def _assign(self, left: Tree) -> None:
        place = self._places.of(left)
        if left.kind in ("member_expression", "subscript_expression"):
            if place is not None:
                self._around(left)
                self._write(place, "write")
            else:
                self._visit(left.need("object"), How.KEEP)
                self._children(left, How.VALUE)
                self._change(left.need("object"))
        elif left.kind == "parenthesized_expression":
            self._assign(left.children[0])
        elif left.kind not in ("identifier", "shorthand_property_identifier_pattern"):
            for child in left.children:
                self._assign(child) if child.field != "right" else self._visit(child)

    def _write(self, place: Place, kind: Kind) -> None:
        if not place.path:
            self.whole = True
        elif place.fresh:
            owner = Place(place.path[:1], place.exact and len(place.path) == 2, True)
            self.risky |= len(place.path) > 1 and not self._places.is_literal(owner)
            if len(place.path) == 1:
                self.found.add(Use(kind if place.exact else "mutate", place.path))
        else:
            self.found.add(Use(kind if place.exact else "mutate", place.path))

    def _change(self, owner: Tree) -> None:
        """Something in ``owner``, which is no place, is changed: harmless only where the body made it itself."""
        binding = self._scopes.binding.get(id(owner))
        if owner.kind != "identifier" or binding is None or id(binding) not in self._new:
            self.risky = True

    # -- operators --------------------------------------------------------------------------------------------------------
    def _binary(self, node: Tree, how: How) -> None:
        left, right, marks = node.need("left"), node.need("right"), set(node.marks)
        if marks & {"&&"}:
            self._visit(left, How.TEST)
            self._visit(right, how)
        elif marks & {"||", "??"}:
            self._visit(left, how)
            self._visit(right, how)
        elif marks & {"===", "!==", "==", "!="}:
            self._visit(left, _compared(right, marks))
            self._visit(right, _compared(left, marks))
        elif "in" in marks:
            self._membership(left, right)
        else:
            self._visit(left, How.VALUE)
            self._visit(right, How.VALUE)

    def _membership(self, left: Tree, right: Tree) -> None:
        name, place = literal(left), self._places.of(right)
        if name is not None and place is not None and place.exact and not place.fresh:
            self.found.add(Use("test", (*place.path, name)))
            self._around(right)
        else:
            self._visit(left, How.VALUE)
            self._visit(right, How.VALUE)

    def _unary(self, node: Tree, how: How) -> None:
        argument = node.need("argument")
        if "delete" in node.marks:
            self._delete(argument)
        else:
            self._visit(argument, How.TEST if not {"!", "typeof", "void"}.isdisjoint(node.marks) else How.VALUE)

    def _delete(self, argument: Tree) -> None:
        place = self._places.of(argument)
        if place is not None and argument.kind in ("member_expression", "subscript_expression"):
            self._around(argument)
            self._write(place, "delete")
        elif argument.kind in ("member_expression", "subscript_expression"):
            self._children(argument, How.VALUE)
            self._change(argument.need("object"))

    def _ternary(self, node: Tree, how: How) -> None:
        for child in node.children:
            self._visit(child, How.TEST if child.field == "condition" else how)

    def _sequence(self, node: Tree, how: How) -> None:
        for child in node.children[:-1]:
            self._visit(child, How.TEST)
        self._visit(node.children[-1], how)

    def _same(self, node: Tree, how: How) -> None:
        self._children(node, how)

    def _read(self, node: Tree, how: How) -> None:
        self._children(node, How.VALUE)

    def _array(self, node: Tree, how: How) -> None:
        self._children(node, How.SEND if how is How.SEND else How.KEEP)

    def _spread(self, node: Tree, how: How) -> None:
        self._children(node, How.KEEP)

    def _member(self, node: Tree, how: How) -> None:
        """A member of something that is no place: what it is taken from is only read, but what comes out may be part of it."""
        self._visit(node.need("object"), How.KEEP)
        index = node.get("index")
        if index is not None:
            self._visit(index, How.VALUE)

    # -- calls ------------------------------------------------------------------------------------------------------------
    def _call(self, node: Tree, how: How) -> None:
        called, arguments = node.need("function"), node.need("arguments")
        name = dotted(called)
        free = bool(name) and name.split(".")[0] in self._scopes.free
        if free and name in _MESSAGE_CALLS:
            self._message_call(name, arguments)
        elif called.kind == "member_expression" and (place := self._places.of(called.need("object"))) is not None:
            self._method_of_place(node, place)
        elif called.kind == "member_expression":
            self._method(node, name if free else "")
        else:
            self._plain_call(called, arguments, name if free else "")

    def _message_call(self, name: str, arguments: Tree) -> None:
        position = _MESSAGE_CALLS[name]
        for at, argument in enumerate(arguments.children):
            self._visit(argument, How.SEND if at == position else How.VALUE)

    def _method_of_place(self, node: Tree, place: Place) -> None:
        called, arguments = node.need("function"), node.need("arguments")
        name, owner = called.need("property").text, called.need("object")
        self._around(owner)
        asked = literal(arguments.children[0]) if arguments.children else None
        if name == "hasOwnProperty" and asked is not None and place.exact:
            if not place.fresh:
                self.found.add(Use("test", (*place.path, asked)))
            return
        if not place.path:
            self.whole = True
        self._receiver(name, owner, place)
        parameters = self._places.callback_parameters(node)
        for at, argument in enumerate(arguments.children):
            if at == 0 and parameters is not None:
                self._callback(name, argument)
            else:
                self._visit(argument, How.VALUE if name in PURE_METHODS else How.KEEP)

    def _receiver(self, name: str, owner: Tree, place: Place) -> None:
        if (
            name in PURE_METHODS
            or name in ELEMENT_METHODS
            or name in PREDICATE_METHODS
            or name in ("forEach", "map", "flatMap")
        ):
            self._use(owner, place, How.VALUE)
        elif place.fresh:
            self.risky |= not self._places.is_literal(place)
        elif place.path:
            self.found.add(Use("mutate", place.path))

    def _callback(self, name: str, function: Tree) -> None:
        self._function(function, How.TEST if name in PREDICATE_METHODS else How.KEEP)

    def _method(self, node: Tree, name: str) -> None:
        called, arguments = node.need("function"), node.need("arguments")
        owner, method = called.need("object"), called.need("property").text
        pure = name.split(".")[0] in PURE_OBJECTS and name not in KEEPING
        self._visit(owner, How.VALUE if method in PURE_METHODS else How.KEEP)
        if method in MUTATING_ELEMENT_METHODS or not (
            pure or name in HARMLESS or method in PURE_METHODS or method in SETTLED_METHODS or method in ELEMENT_METHODS
        ):
            self._change(owner)
        self._children(arguments, How.VALUE if pure or method in PURE_METHODS else How.KEEP)

    def _plain_call(self, called: Tree, arguments: Tree, name: str) -> None:
        if name not in PURE_FUNCTIONS and name not in _TIMERS:
            self._visit(called)
            self.risky |= not self._is_own_function(called)
        if arguments.kind == "template_string":
            arguments = Tree(
                "arguments", "", "", arguments.at, [inner for part in arguments.children for inner in part.children]
            )
        self._children(arguments, How.VALUE if name in PURE_FUNCTIONS else How.KEEP)

    def _is_own_function(self, called: Tree) -> bool:
        """Whether what is called is a function of this source: its body is analysed where it stands."""
        if called.kind == "parenthesized_expression":
            return self._is_own_function(called.children[0])
        binding = self._scopes.binding.get(id(called))
        if binding is None or binding.assigned or binding.declared is None:
            return called.kind in FUNCTIONS
        value = binding.declared.get("value")
        return binding.declared.kind in FUNCTIONS or (value is not None and value.kind in FUNCTIONS)

    def _new_expression(self, node: Tree, how: How) -> None:
        name = dotted(node.need("constructor"))
        pure = name in PURE_CLASSES and name in self._scopes.free
        arguments = node.get("arguments")
        if arguments is not None:
            self._children(arguments, How.VALUE if pure else How.KEEP)
        if not pure and name not in ("Map", "Set", "Promise", "Array", "Object", "WeakMap", "WeakSet"):
            self._visit(node.need("constructor"))
            self.risky = True


_MESSAGE_CALLS = {"node.send": 0, "node.error": 1}
_TIMERS = frozenset(("setTimeout", "setInterval", "queueMicrotask", "promisify"))


def _compared(other: Tree, marks: set[str]) -> How:
    """How an operand of a comparison with ``other`` is used: an object is never equal to a constant, whatever is in it."""
    strict = not marks.isdisjoint(("===", "!==")) or other.kind in ("null", "undefined")
    return How.TEST if strict and other.kind in CONSTANTS else How.VALUE


def _new_objects(function: Tree, scopes: Scopes) -> set[int]:
    """The variables (by ``id`` of their binding) that hold, for their whole life, an object or array that the body made."""
    found = set()
    for node in function.walk():
        value = node.get("value") if node.kind == "variable_declarator" else None
        if (
            value is not None
            and value.kind in ("object", "array", "new_expression")
            and node.need("name").kind == "identifier"
        ):
            binding = scopes.binding.get(id(node.need("name")))
            if binding is not None and binding.assigned == 0:
                found.add(id(binding))
    return found


_VISITORS: dict[str, Callable[[Uses, Tree, How], None]] = {
    "return_statement": Uses._return,
    "expression_statement": Uses._expression_statement,
    "if_statement": Uses._condition,
    "while_statement": Uses._condition,
    "do_statement": Uses._condition,
    "for_statement": Uses._condition,
    "switch_statement": Uses._switch,
    "for_in_statement": Uses._loop,
    "variable_declarator": Uses._declarator,
    "assignment_expression": Uses._assignment,
    "augmented_assignment_expression": Uses._assignment,
    "update_expression": Uses._update,
    "binary_expression": Uses._binary,
    "unary_expression": Uses._unary,
    "ternary_expression": Uses._ternary,
    "sequence_expression": Uses._sequence,
    "parenthesized_expression": Uses._same,
    "template_substitution": Uses._read,
    "array": Uses._array,
    "spread_element": Uses._spread,
    "member_expression": Uses._member,
    "subscript_expression": Uses._member,
    "call_expression": Uses._call,
    "new_expression": Uses._new_expression,
}
