"""``/context``: the values that nodes, flows and the runtime keep."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from . import PHRASE, Contract, Model, Problem


class Value(Model):
    """A value as the debug panel shows it."""

    msg: Any = Field(None, description="The value as text or JSON; long ones are cut.")
    format: str | None = Field(
        None, description="What it is: `string[3]`, `number`, `array[2]`, `Object`, `undefined`, ..."
    )
    store: str | None = Field(None, description="The store, where it is not the default one.")


class Key(Model):
    """A name without its value."""

    key: str = Field(description="The name.")
    format: str | None = Field(None, description="`object` or `array[n]`, when the value has an inside.")
    length: int | None = Field(None, description="Length of an array.")


class Keys(Model):
    """The names in a store, or inside of a value."""

    keys: list[Key] | None = Field(None, description="The names.")
    format: str | None = Field(None, description="`object` or `array[n]`, when this is the inside of a value.")


class StoreQuery(Model):
    """Which store."""

    store: str | None = Field(None, description="Name of the store; absent: the default one, for lists all.")


class ReadQuery(StoreQuery):
    """What is wanted."""

    keysOnly: str | None = Field(None, description="If present, with any value: names only.")


_PATH = {"id": "Id of the flow or node.", "rest": "The key; it may lead into a value, as in `a.b[0]`."}
_LIST = dict[str, Keys] | dict[str, dict[str, Value]]

list_context = Contract(path=_PATH, query=ReadQuery, answers={200: _LIST, 404: Problem})
read_value = Contract(path=_PATH, query=ReadQuery, answers={200: Value | _LIST, 400: Problem, 404: Problem})
delete_value = Contract(path=_PATH, query=StoreQuery, answers={204: None, 400: Problem, 404: (Problem, PHRASE)})
