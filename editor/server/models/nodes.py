"""``/nodes``: modules, sets and types of nodes."""

from __future__ import annotations

from typing import Any

from pydantic import Field, StrictBool

from . import Contract, Media, Model, Problem

FORMS = Media("text/html", "Forms and definitions as Node-RED's editor loads them.")


class NodeSet(Model):
    """The node types of one file."""

    id: str = Field(description="`module/name`.")
    name: str = Field(description="Its name within the module.")
    types: list[str] = Field(description="The node types.")
    enabled: bool = Field(description="Whether flows can use them.")
    local: bool = Field(description="Whether it is no part of Busway.")
    user: bool = Field(description="Whether it is in the user's folder.")
    module: str = Field(description="Name of the module.")
    version: str = Field(description="Version of the module; empty where it has none.")
    err: str | None = Field(None, description="Why it cannot be loaded.")


class Module(Model):
    """A module: the built-in `node-red`, the user's files as `user`, or an installed package."""

    name: str = Field(description="Its name.")
    version: str = Field(description="Its version; empty where it has none.")
    local: bool = Field(description="Whether it is no part of Busway.")
    user: bool = Field(description="Whether it is the user's folder.")
    nodes: list[NodeSet] = Field(description="Its sets.")
    plugins: list[Any] = Field(description="Its plugins for Node-RED's editor; there are none.")


class NewModule(Model):
    """Which module to read."""

    module: str = Field(min_length=1, description="`user`: the files in the user's folder of nodes.")


class Switch(Model):
    """On or off."""

    enabled: StrictBool = Field(description="Whether flows can use the types.")


class NodeType(Model):
    """A node type as an editor shows it."""

    type: str = Field(description="Its name in flows.")
    category: str = Field(description="Its section of the palette.")
    color: str = Field(description="Colour of the node.")
    icon: str = Field(description="File name of its icon, or `font-awesome/<name>`.")
    label: str = Field(description="Template over the properties for the text on the canvas; empty: name, else type.")
    labels: list[dict[str, Any]] = Field(
        description="Templates that go before it, each with its conditions: the first that applies is the text."
    )
    inputs: int = Field(description="Number of inputs: 0 or 1.")
    outputs: int = Field(description="Number of outputs with default properties.")
    fields: list[dict[str, Any]] = Field(description="The fields of its form: name, title, default, widget, choices.")
    references: dict[str, str] = Field(description="Which properties name a config node, and of which type.")
    credentials: dict[str, str] = Field(description="Its secrets: `text` or `password` by name.")
    help: str = Field(description="What it does, as Markdown.")


class Types(Model):
    """All node types."""

    types: list[NodeType] = Field(description="Those that can be used.")
    errors: dict[str, str] = Field(description="Why others cannot be loaded, by type.")


Translations = dict[str, dict[str, Any]]

list_sets = Contract(answers={200: (list[NodeSet], FORMS)})
add_module = Contract(body=NewModule, answers={200: Module})
list_types = Contract(answers={200: Types})
read_messages = Contract(answers={200: Translations})
read_module = Contract(answers={200: Module, 404: Problem})
switch_module = Contract(body=Switch, answers={200: Module, 404: Problem, 500: Problem})
remove_module = Contract(answers={400: Problem, 404: Problem})
read_set = Contract(answers={200: (NodeSet, FORMS), 404: Problem})
switch_set = Contract(body=Switch, answers={200: NodeSet, 404: Problem, 500: Problem})
read_set_messages = Contract(answers={200: dict[str, Any]})
