"""The change node: sets, replaces, moves and deletes properties by a list of rules."""

from __future__ import annotations

from typing import Annotated, Any

from busway.engine.errors import BuswayError, ConfigError
from busway.engine.fields import Column, Hidden, Label, Rows, ShownIf, TypedValue, When
from busway.engine.message import UNDEFINED, Message
from busway.engine.node import Config, Field, Node
from busway.nodes.function.change_rules import Step, compile_rule, normalised, sets_member

DEFAULT_RULE = {"t": "set", "p": "payload", "pt": "msg", "to": "", "tot": "str"}
PLACES = ("msg", "flow", "global")
VALUES = (*PLACES, "str", "num", "bool", "json", "bin", "date", "jsonata", "env")
RULES = Rows(
    Column("t", "Action", "action", (("set", "Set"), ("change", "Change"), ("delete", "Delete"), ("move", "Move"))),
    Column("p", "Property", "property", hints=(TypedValue("pt", *PLACES),)),
    Column(
        "from",
        "Search for",
        "from",
        hints=(TypedValue("fromt", *PLACES, "str", "re", "num", "bool", "env"), ShownIf("t", "change")),
    ),
    Column("to", "To", "to", hints=(TypedValue("tot", *VALUES), ShownIf("t", "set", "change", "move"))),
    Column("dc", "Deep copy", "copy", hints=(ShownIf("tot", *PLACES),), type="boolean"),
    **DEFAULT_RULE,
)


class ChangeConfig(Config):
    rules: Annotated[list[dict[str, Any]], RULES] = Field(
        default_factory=lambda: [dict(DEFAULT_RULE)],
        title="Rules",
        description="What is changed, in this order: each rule has an action `t` (`set`, `change`, `move`, `delete`), the "
        "property `p` of `pt` (`msg`, `flow`, `global`), and what the action needs: `to` with its type `tot`, for "
        "`change` also `from` with `fromt`; `dc` sets a deep copy.",
    )
    action: Annotated[str, Hidden()] = Field(
        "", title="Action", description="Of older files: the action of the only rule, or `replace`."
    )
    property: Annotated[str, Hidden()] = Field(
        "", title="Property", description="Of older files: the property of the only rule."
    )
    from_: Annotated[str, Hidden()] = Field(
        "", alias="from", title="From", description="Of older files: what the only rule searches for."
    )
    to: Annotated[str, Hidden()] = Field("", title="To", description="Of older files: the value of the only rule.")
    reg: Annotated[bool, Hidden()] = Field(
        False, title="Use a regular expression", description="Of older files: how `from` is meant."
    )


class Change(Node[ChangeConfig]):
    """Sets, changes, moves or deletes properties of a message, of the flow context or of the global context.

    The rules are applied in their order, each to what the ones before have left.

    - **Set** gives a property a value: text, number, JSON, a timestamp, an environment variable, the result of a
      JSONata expression, or what another property holds. That one is not copied unless *deep copy* is chosen. If it
      does not exist, the target is deleted.
    - **Change** searches a text and replaces it. If the whole property equals what is searched for, it becomes the new
      value with its type; otherwise each occurrence within a text is replaced. Regular expressions are JavaScript's; in
      the replacement `$1` is what the first group found.
    - **Move** sets another property and deletes this one.
    - **Delete** removes a property.

    A property below something that is no object cannot be set: a warning is logged and the message goes on. If a
    JSONata expression fails, the message ends here with an error that a catch node can handle.
    """

    type = "change"
    category = "function"
    color = "#E2D96E"
    icon = "swap.svg"
    labels = (
        Label("{rules.0.t} {rules.0.pt}.{rules.0.p}", When("rules.length", 1)),
        Label("change: {rules.length} rules"),
        Label("{action} {property}"),
    )

    def start(self) -> None:
        self._rules = [normalised(rule) for rule in self._given_rules()]
        steps: list[Step] = []
        wrong: list[str] = []
        for number, rule in enumerate(self._rules, 1):
            what = f"rule {number} ({rule.get('t')} {rule['p']})"
            try:
                steps += self._compile(rule, what)
            except BuswayError as error:
                wrong.append(f"{what}: {error}")
        if wrong:
            raise ConfigError(f"node {self.id} (change): {'; '.join(wrong)}")
        self.on_message = _handler(steps)  # type: ignore[method-assign, assignment]
        self.shares = all(sets_member(rule) for rule in self._rules)

    def _compile(self, rule: dict[str, Any], what: str) -> list[Step]:
        """The function that applies a rule; none where it does nothing."""
        if rule.get("t") and not rule["p"]:
            self.warn(f"{what.replace(' )', ')')} names no property and does nothing")
            return []
        step = compile_rule(rule, self)
        return [] if step is None else [step]

    def _given_rules(self) -> list[dict[str, Any]]:
        """The rules; in older files, which have none, the one that the other fields describe."""
        if self.properties.get("rules"):
            return self.config.rules
        return [] if "rules" in self.properties else [self._only_rule()]

    def _only_rule(self) -> dict[str, Any]:
        config = self.config
        action: Any = "set" if config.action == "replace" else config.action or UNDEFINED
        rule = {"t": action, "p": config.property}
        if action in ("set", "move", "change"):
            rule["to"] = config.to
        if action == "change":
            rule |= {"from": config.from_, "re": config.reg or self.properties.get("reg", False) is None}
        return rule

    def public(self) -> dict[str, Any]:
        """The rules with every type filled in, as Node-RED's node shows them."""
        return {"rules": self._rules}


def _handler(steps: list[Step]) -> Step:
    """One function for all rules."""
    if len(steps) == 1:
        return steps[0]

    def handle(msg: Message) -> Message:
        for step in steps:
            step(msg)
        return msg

    return handle
