"""The switch node: routes a message by testing one value against a list of rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from busway.engine.errors import BuswayError, ConfigError
from busway.engine.fields import Choices, Column, Hidden, Rows, ShownIf, TypedValue
from busway.engine.message import Getter, Message
from busway.engine.node import Config, Field, Node
from busway.engine.values import compile_value
from busway.nodes.function.switch_rules import Row, Table, compile_rules, normalised, quiet, table_of, uses_previous
from busway.nodes.function.switch_sequence import Sequences

DEFAULT_RULE = {"t": "eq", "v": "", "vt": "str"}
TESTS = (
    *(("eq", "=="), ("neq", "!="), ("lt", "<"), ("lte", "<="), ("gt", ">"), ("gte", ">="), ("hask", "has key")),
    *(("btwn", "is between"), ("cont", "contains"), ("regex", "matches regex"), ("true", "is true")),
    *(("false", "is false"), ("null", "is null"), ("nnull", "is not null"), ("istype", "is of type")),
    *(("empty", "is empty"), ("nempty", "is not empty"), ("head", "head"), ("index", "index between")),
    *(("tail", "tail"), ("jsonata_exp", "JSONata expression"), ("else", "otherwise")),
)
WITH_VALUE = ("eq", "neq", "lt", "lte", "gt", "gte", "hask", "btwn", "cont", "regex", "head", "index", "tail")
KINDS = (
    *(("string", "Text"), ("number", "Number"), ("boolean", "True or false"), ("array", "List"), ("buffer", "Bytes")),
    *(("object", "Object"), ("json", "Text that is JSON"), ("undefined", "Undefined"), ("null", "Null")),
)
"""What *is of type* tests for."""
VALUES = ("str", "num", "msg", "flow", "global", "jsonata", "env")
PREVIOUS = (("prev", "Previous value"),)
CHECKING = Choices(true="Test all rules", false="Stop after the first that matches")
RULES = Rows(
    Column("t", "Test", "op", TESTS),
    Column("v", "Value", "value", hints=(TypedValue("vt", *VALUES, fixed=PREVIOUS), ShownIf("t", *WITH_VALUE))),
    Column("v", "Type", "value", hints=(TypedValue("vt", fixed=KINDS), ShownIf("t", "istype"))),
    Column("v", "Expression", "value", hints=(TypedValue("vt", "jsonata"), ShownIf("t", "jsonata_exp"))),
    Column("v2", "And", "value2", hints=(TypedValue("v2t", *VALUES, fixed=PREVIOUS), ShownIf("t", "btwn", "index"))),
    Column("case", "Ignore case", "case", hints=(ShownIf("t", "regex"),), type="boolean"),
    **DEFAULT_RULE,
)

Handler = Callable[[Message], Row | None]


class SwitchConfig(Config):
    property: Annotated[str, TypedValue("propertyType", "msg", "flow", "global", "jsonata", "env")] = Field(
        "payload", title="Property", description="The value that the rules test."
    )
    propertyType: str = Field("msg", title="Type of the property", description="Where the value comes from.")
    rules: Annotated[list[dict[str, Any]], RULES] = Field(
        default_factory=lambda: [dict(DEFAULT_RULE)],
        title="Rules",
        description="The tests, one for each output: a test `t` with the value `v` of type `vt`, for ranges also `v2` of "
        "type `v2t`; `case` makes a regular expression ignore case.",
    )
    checkall: Annotated[bool | Literal["true", "false"], CHECKING] = Field(
        "true", title="Checking", description="`true`: test all rules; `false`: stop after the first that matches."
    )
    repair: bool = Field(
        False, title="Recreate message sequences", description="Give each output a sequence that is complete in itself."
    )
    outputs: Annotated[int, Hidden()] = Field(
        1, ge=0, title="Outputs", description="The number of outputs: one for each rule."
    )


class Switch(Node[SwitchConfig]):
    """Routes messages by a value.

    The rules are tested in their order; the first sends to the first output, the second to the second, and so on. All
    rules are tested, or no more after the first that matches.

    - **Comparisons** (==, !=, <, <=, >, >=, is between, contains, matches regex) convert as JavaScript does: the number 1
      equals the text `1`; two texts are compared by their characters, everything else as numbers.
    - **Is true, is false, is null, is empty, is of type, has key** test what kind of value it is. Numbers, truth values
      and null are neither empty nor not empty.
    - **Sequence rules** (head, index between, tail) look at `msg.parts`; *tail* waits for the whole sequence.
    - **JSONata expression** matches when its result is true; `$I` and `$N` are index and length of the sequence.
    - **Otherwise** matches when no rule before it has.

    The value may also be compared with the one that the message before had (*previous value*).

    *Recreate message sequences* collects all messages of a sequence, then sends each output a sequence of its own, with
    index and count corrected.
    """

    type = "switch"
    category = "function"
    color = "#E2D96E"
    icon = "switch.svg"
    completes = False
    output_rule: ClassVar[dict[str, Any] | None] = {"rows": "rules", "property": "outputs"}

    @classmethod
    def output_count(cls, config: SwitchConfig) -> int:
        return max(len(config.rules), 1)

    def start(self) -> None:
        self._rules = [normalised(rule) for rule in self.config.rules] if self.properties.get("rules") else []
        self._previous: Any = None
        self.on_message = self._handler()  # type: ignore[method-assign]

    def public(self) -> dict[str, Any]:
        """What Node-RED's node shows of itself: no rules where the file has none."""
        return {"rules": self._rules}

    def _handler(self) -> Any:
        if not self._rules:
            return lambda msg: None
        get, rows = self._compile()
        route = self._route(get, rows)
        self.shares = self.config.propertyType in ("msg", "env") and not uses_previous(self._rules)
        if self.config.repair or any(rule.get("t") == "tail" for rule in self._rules):
            self.shares = False
            return Sequences(self, route, len(self._rules), self.config.repair).take
        table = table_of(self._rules)
        return route if table is None or self.config.propertyType == "jsonata" else _look_up(table, get, route)

    def _compile(self) -> tuple[Getter, Callable[..., Row]]:
        config, first_only = self.config, self.properties.get("checkall") == "false"
        try:
            get = compile_value(config.property, config.propertyType or "msg", self)
            rows = compile_rules(self._rules, self, first_only, lambda: self._previous)
        except BuswayError as error:
            raise ConfigError(f"node {self.id} (switch): {error}") from error
        may_fail = config.propertyType in ("flow", "global") or "[msg" in config.property
        return (quiet(get) if may_fail else get), rows

    def _route(self, get: Getter, rows: Callable[..., Row]) -> Handler:
        if self.config.propertyType == "jsonata":
            return self._route_by_expression(get, rows)
        if uses_previous(self._rules):
            return lambda msg: self._remembering(get(msg), msg, rows)
        return lambda msg: rows(get(msg), msg)

    def _route_by_expression(self, get: Getter, rows: Callable[..., Row]) -> Handler:
        def route(msg: Message) -> Row | None:
            try:
                value = get(msg)
            except BuswayError as error:
                self.warn(f"Invalid JSONata expression: {error}")
                return None
            return self._remembering(value, msg, rows)

        return route

    def _remembering(self, value: Any, msg: Message, rows: Callable[..., Row]) -> Row:
        row = rows(value, msg)
        self._previous = value
        return row


def _look_up(table: Table, get: Getter, general: Handler) -> Handler:
    """Texts are found in a table; every other value goes by the rules."""
    find, otherwise = table.outputs.get, table.otherwise

    def route(msg: Message) -> Any:
        value = get(msg)
        if type(value) is not str:
            return general(msg)
        output = find(value, otherwise)
        return None if output is None else (output, msg)

    return route
