"""JavaScript source as a tree of plain Python objects.

The parser (tree-sitter) is imported with the first function body, and its tree is copied once: walking a copy is several times
faster than asking the parser for each child.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tree_sitter

Path = tuple[str, ...]
"""Names that lead from a message to a value in it."""


class Tree:
    """One syntax node. ``kind`` is the grammar's name, ``field`` its role in the parent, ``text`` the source of a leaf,
    ``at`` the offset of its first byte. ``children`` holds named nodes only; what the grammar writes as punctuation is in ``marks``."""

    __slots__ = ("at", "children", "field", "kind", "marks", "text")

    def __init__(self, kind: str, field: str, text: str, at: int, children: list[Tree] | None = None) -> None:
        self.kind, self.field, self.text, self.at = kind, field, text, at
        self.children: list[Tree] = children or []
        self.marks: list[str] = []

    def get(self, field: str) -> Tree | None:
        """The child in the role ``field``."""
        for child in self.children:
            if child.field == field:
                return child
        return None

    def need(self, field: str) -> Tree:
        """The child in the role ``field``, which the grammar guarantees."""
        found = self.get(field)
        if found is None:
            raise ValueError(f"a {self.kind} without {field}")
        return found

    def walk(self) -> Iterator[Tree]:
        """This node and all below it, parents first."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))


@cache
def _parser() -> tree_sitter.Parser:
    import tree_sitter
    import tree_sitter_javascript

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_javascript.language()))


def parse(source: str) -> Tree | None:
    """The tree of a whole program; None where the parser cannot make sense of it."""
    parsed = _parser().parse(source.encode("utf-8", "replace"))
    return None if parsed.root_node.has_error else _copy(parsed.walk())


def _copy(cursor: tree_sitter.TreeCursor) -> Tree:
    """Copies the tree under the cursor without recursion: sources may nest deeply."""
    root = _node(cursor)
    path = [root]
    if not cursor.goto_first_child():
        return root
    while True:
        _attach(path[-1], cursor, path)
        if cursor.goto_first_child():
            continue
        path.pop()
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent() or len(path) == 1:
                return root
            path.pop()


def _attach(parent: Tree, cursor: tree_sitter.TreeCursor, path: list[Tree]) -> None:
    found = _node(cursor)
    path.append(found)
    node = cursor.node
    if node is not None and node.is_named:
        parent.children.append(found)
    else:
        parent.marks.append(found.kind)


def _node(cursor: tree_sitter.TreeCursor) -> Tree:
    node = cursor.node
    if node is None:
        raise ValueError("the cursor is outside of the tree")
    leaf = (node.text or b"").decode("utf-8", "replace") if node.child_count == 0 else ""
    return Tree(node.type, cursor.field_name or "", leaf, node.start_byte)


def dotted(node: Tree) -> str:
    """``a.b.c`` for a chain of plain names, else an empty text."""
    if node.kind in ("identifier", "this"):
        return node.text
    if node.kind == "member_expression":
        owner, name = dotted(node.need("object")), node.need("property")
        return f"{owner}.{name.text}" if owner and name.kind == "property_identifier" else ""
    return ""


def literal(node: Tree) -> str | None:
    """The text of a string literal without escapes."""
    if node.kind == "string" and all(child.kind == "string_fragment" for child in node.children):
        return "".join(child.text for child in node.children)
    return None
