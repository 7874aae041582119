"""Environment variables of tabs, groups, subflow instances and the process, as nodes see them.

An environment is one level of a chain: node, its groups from the inside out, flow or subflow instance, what is around
that, the global-config node, the process.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from .errors import BuswayError
from .message import UNDEFINED, copy_value
from .values import Variables, compile_value, expand_variables

if TYPE_CHECKING:
    from .context import Context
    from .values import ValueScope

log = logging.getLogger("busway.environment")

_PARENT = "$parent."


_OWN_SECRETS = frozenset({"BUSWAY_CREDENTIAL_SECRET", "BUSWAY_TOKEN"})


class ProcessEnvironment:
    """The variables of the process, the end of every chain; ``excludes`` are the names that flows must not see, beside those
    that hold secrets of Busway itself."""

    def __init__(self, excludes: Iterable[str] = ()) -> None:
        self._excludes = _OWN_SECRETS.union(excludes)

    def get(self, name: str) -> Any:
        """The value of a variable, UNDEFINED when there is none or it is excluded."""
        while name.startswith(_PARENT):
            name = name.removeprefix(_PARENT)
        try:
            return UNDEFINED if name in self._excludes else os.environ.get(name, UNDEFINED)
        except UnicodeEncodeError:  # a lone surrogate is in no name
            return UNDEFINED


_PROCESS = ProcessEnvironment()


class Environment:
    """One level of variables.

    ``entries`` are the ``env`` list of a tab, group or instance: ``{"name", "value", "type"}`` with the types ``str
    num bool json bin env cred jsonata date conf-type``; None for a node, which has built-ins but is no level that
    ``$parent.`` could skip. ``builtins`` are names such as ``NR_FLOW_ID``; ``credentials`` hold the values of
    ``cred`` entries; ``scope`` gives JSONata entries their contexts. All entries are evaluated here, once. One that
    cannot be is logged and stays undefined.
    """

    def __init__(
        self,
        entries: Iterable[Mapping[str, Any]] | None,
        parent: Variables | None = None,
        builtins: Mapping[str, Any] | None = None,
        credentials: Mapping[str, Any] | None = None,
        scope: ValueScope | None = None,
    ) -> None:
        self.parent: Variables = parent if parent is not None else _PROCESS
        self.builtins = dict(builtins or {})
        self._is_level = entries is not None
        self._values: dict[str, Any] = {}
        if entries:
            self._values = _Evaluation(self, entries, credentials or {}, scope).values()

    def get(self, name: str) -> Any:
        """The value of a variable with its type, UNDEFINED when no level has it. ``$parent.`` skips a level.

        Lists and objects are copies: changing them changes no one else's.
        """
        if name in self.builtins:
            return self.builtins[name]
        if self._is_level:
            if name.startswith(_PARENT):
                return self.parent.get(name.removeprefix(_PARENT))
            if name in self._values:
                return copy_value(self._values[name])
        return self.parent.get(name)

    def substitute(
        self, properties: Mapping[str, Any], seen_by: Callable[[], Variables] | None = None
    ) -> dict[str, Any]:
        """``properties`` with every text that is exactly ``${NAME}`` or ``$(NAME)``, at any depth, replaced by the
        variable.

        The value keeps its type; a text whose variable does not exist stays. Nothing is changed in place: what holds
        no such text is shared with the argument. ``seen_by()`` gives the variables to use (a node's own, made only
        when needed).
        """
        if not _mentions_variables(properties):
            return properties if isinstance(properties, dict) else dict(properties)
        replace = _Substitution(seen_by or (lambda: self))
        changed = {key: new for key, value in properties.items() if (new := replace(value)) is not value}
        if not changed:
            return properties if isinstance(properties, dict) else dict(properties)
        return {**properties, **changed}


def _mentions_variables(properties: Mapping[str, Any]) -> bool:
    """A quick look at the text of the properties, for the many nodes that mention none."""
    try:
        text = orjson.dumps(properties)
    except TypeError:
        return True
    return b'"${' in text or b'"$(' in text


class _Substitution:
    """Replaces variables in values; gives back the very value when there is nothing to replace."""

    __slots__ = ("_lookup", "_seen_by")

    def __init__(self, seen_by: Callable[[], Variables]) -> None:
        self._seen_by = seen_by
        self._lookup: Variables | None = None

    def __call__(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return self._text(value) if value[:1] == "$" else value
        if kind is list:
            changed = [self(item) for item in value]
            return changed if any(map(_is_other, changed, value)) else value
        if kind is dict:
            replaced = {key: new for key, item in value.items() if (new := self(item)) is not item}
            return {**value, **replaced} if replaced else value
        return value

    def _text(self, text: str) -> Any:
        if text[1:2] + text[-1] not in ("{}", "()") or len(text) < 4 or any(map(str.isspace, text)):
            return text
        if self._lookup is None:
            self._lookup = self._seen_by()
        found = self._lookup.get(text[2:-1])
        return text if found is UNDEFINED else found


def _is_other(left: Any, right: Any) -> bool:
    return left is not right


# -- evaluating entries --------------------------------------------------------------------------------------------
class _Evaluation:
    """Evaluates the entries of one level; entries may refer to each other, in any order."""

    def __init__(
        self,
        environment: Environment,
        entries: Iterable[Mapping[str, Any]],
        credentials: Mapping[str, Any],
        scope: ValueScope | None,
    ) -> None:
        self._environment, self._credentials = environment, credentials
        self._scope = None if scope is None else _EntryScope(scope, self)
        self._entries = {str(entry.get("name")): entry for entry in entries}
        self._done: dict[str, Any] = {}
        self._asked: list[str] = []

    def values(self) -> dict[str, Any]:
        return {name: self._value(name) for name in self._entries}

    def get(self, name: str) -> Any:
        """What an entry sees: its siblings, then outwards. An entry that refers to itself means the parent's
        variable."""
        builtins = self._environment.builtins
        if name in builtins:
            return builtins[name]
        if name in self._entries and name not in self._asked:
            return self._value(name)
        return self._environment.parent.get(name.removeprefix(_PARENT))

    def _value(self, name: str) -> Any:
        if name not in self._done:
            self._asked.append(name)
            self._done[name] = self._evaluate(name, self._entries[name])
            self._asked.pop()
        return self._done[name]

    def _evaluate(self, name: str, entry: Mapping[str, Any]) -> Any:
        value, type = entry.get("value"), entry.get("type")
        if type == "cred":
            return self._credentials.get(name, value)
        if type == "bool":
            return value is True or value == "true"
        try:
            if type in ("env", "conf-type"):
                return self._refer(str(value), type)
            return compile_value(value, str(type), self._scope)({})
        except BuswayError as error:
            log.error("the environment variable %r (%s) cannot be evaluated: %s", name, type, error)
            return UNDEFINED

    def _refer(self, text: str, type: Any) -> Any:
        if type == "env":
            return expand_variables(text, self.get)
        is_variable = text.startswith("${") and text.endswith("}")
        return self._environment.parent.get(text[2:-1]) if is_variable else text


class _EntryScope:
    """What the JSONata of an entry reaches: the contexts of its flow, and the variables as the entry sees them."""

    def __init__(self, scope: ValueScope, evaluation: _Evaluation) -> None:
        self._scope, self.env = scope, evaluation

    @property
    def context(self) -> Context:
        return self._scope.context

    @property
    def flow_context(self) -> Context:
        return self._scope.flow_context

    @property
    def global_context(self) -> Context:
        return self._scope.global_context

    def now(self) -> float:
        return self._scope.now()
