"""A Node-RED flow file as data: tabs, subflows, groups, nodes, wires, config nodes; lossless load and save; revision.

``FlowModel.raw`` is the single truth and holds every object with every property in file order. Everything else is an
index over it, made once. A model is never changed: a deploy makes a new one, :mod:`busway.engine.diff` compares them.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from sys import intern
from typing import Any

from busway.engine import jsontext
from busway.engine.errors import FlowFileError

Raw = dict[str, Any]
Env = list[dict[str, Any]]

TAB_TYPES = frozenset({"tab", "workspace"})
"""``workspace`` is the name that tabs had in Node-RED's first versions."""

HOME_TAB = "home"
"""Id of the tab that is invented for a file of the time before tabs, when no node had a ``z``."""

SUBFLOW_PREFIX = "subflow:"


class NodeDef:
    """A node of the file: a flow node (with a place on a tab or in a template) or a config node.

    ``z`` is the id of the tab or template, "" for a global config node; ``g`` the id of the containing group or "".
    ``wires`` holds a list of target ids for each output; what is no text in the file is left out. The targets of a
    ``link out`` node come from :func:`busway.engine.graph.link_targets`. ``raw`` is the file's object: never change it.
    """

    __slots__ = ("disabled", "g", "id", "name", "raw", "type", "wires", "z")

    def __init__(self, raw: Raw, z: str | None = None) -> None:
        self.raw = raw
        self.id: str = raw["id"]
        self.type: str = raw["type"]
        self.z: str = _text(raw, "z") if z is None else z
        self.g: str = _text(raw, "g")
        self.name: str = _text(raw, "name")
        self.disabled: bool = raw.get("d") is True
        self.wires: list[list[str]] = _wires(raw.get("wires"))

    def __repr__(self) -> str:
        return f"<{self.type} {self.id}>"

    @property
    def template_id(self) -> str | None:
        """Id of the template that this subflow instance is made from; None for any other node."""
        return self.type[len(SUBFLOW_PREFIX) :] if self.type.startswith(SUBFLOW_PREFIX) else None

    @property
    def is_subflow_instance(self) -> bool:
        return self.type.startswith(SUBFLOW_PREFIX)

    @property
    def alias(self) -> str:
        """Within a subflow instance the id of the node in the template, otherwise the node's own id."""
        alias = self.raw.get("_alias")
        return alias if isinstance(alias, str) else self.id


@dataclass(slots=True)
class Tab:
    """A sheet of nodes. ``invented`` tells that the file has nodes for it but no tab object."""

    id: str
    label: str
    disabled: bool
    env: Env
    raw: Raw
    invented: bool = False

    @classmethod
    def from_raw(cls, raw: Raw) -> Tab:
        return cls(raw["id"], _text(raw, "label"), bool(raw.get("disabled")), env_entries(raw), raw)

    @classmethod
    def invent(cls, id: str) -> Tab:
        return cls(id, "", False, [], {"id": id, "type": "tab"}, invented=True)


@dataclass(slots=True)
class PortWire:
    """One wire of a template's port: the inner node (the template's own id means its input) and that node's output."""

    id: str
    port: int


@dataclass(slots=True)
class Subflow:
    """A template. ``inputs`` and ``outputs``: the wires of each port; ``status``: of the status output, or None."""

    id: str
    name: str
    env: Env
    inputs: list[list[PortWire]]
    outputs: list[list[PortWire]]
    status: list[PortWire] | None
    raw: Raw

    @classmethod
    def from_raw(cls, raw: Raw) -> Subflow:
        status = raw.get("status")
        return cls(
            raw["id"],
            _text(raw, "name"),
            env_entries(raw),
            [_port_wires(port) for port in _objects(raw.get("in"))],
            [_port_wires(port) for port in _objects(raw.get("out"))],
            _port_wires(status) if isinstance(status, dict) else None,
            raw,
        )


@dataclass(slots=True)
class Group:
    """A frame around nodes with an environment of its own; ``g`` is the group around it, ``nodes`` its members."""

    id: str
    z: str
    g: str
    name: str
    env: Env
    nodes: list[str]
    raw: Raw

    @classmethod
    def from_raw(cls, raw: Raw) -> Group:
        nodes = raw.get("nodes")
        members = [id for id in nodes if isinstance(id, str)] if isinstance(nodes, list) else []
        return cls(raw["id"], _text(raw, "z"), _text(raw, "g"), _text(raw, "name"), env_entries(raw), members, raw)


@dataclass(slots=True)
class _Content:
    """What stands on one tab or in one template, by id in file order."""

    nodes: dict[str, NodeDef] = field(default_factory=dict)
    configs: dict[str, NodeDef] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)


_NOTHING = _Content()


class FlowModel:
    """A flow file, indexed. Where two objects share an id the later one counts; ``graph.check`` tells of it."""

    def __init__(self, raw: list[Raw]) -> None:
        self.raw = raw
        self.tabs: dict[str, Tab] = {}
        self.subflows: dict[str, Subflow] = {}
        self.groups: dict[str, Group] = {}
        self.nodes: dict[str, NodeDef] = {}
        self.configs: dict[str, NodeDef] = {}
        for item in raw:
            self._index(item)
        self._content = self._place()

    @classmethod
    def parse(cls, data: bytes | str | list[Any]) -> FlowModel:
        """The model of a flow file's text, or of its array when the text is parsed already (which is kept, not copied).

        Raises FlowFileError, which names the line or the index in the array and what would be right.
        """
        raw = data if isinstance(data, list) else _parse_json(data)
        _check_shape(raw)
        return cls(raw)

    def flow_nodes(self, z: str) -> list[NodeDef]:
        """Nodes of the tab or template ``z`` in file order, without its config nodes."""
        return list(self._content.get(z, _NOTHING).nodes.values())

    def flow_configs(self, z: str | None) -> list[NodeDef]:
        """Config nodes scoped to the tab or template ``z``; with None those that are global."""
        return list(self._content.get(z or "", _NOTHING).configs.values())

    def flow_groups(self, z: str) -> list[Group]:
        """Groups of the tab or template ``z`` in file order."""
        return list(self._content.get(z, _NOTHING).groups.values())

    def find(self, id: str) -> NodeDef | None:
        """The flow or config node with this id."""
        return self.nodes.get(id) or self.configs.get(id)

    def instances(self, template_id: str) -> list[NodeDef]:
        """All instances of a template, those inside other templates too, in file order."""
        return self._instances.get(template_id, [])

    @cached_property
    def _instances(self) -> dict[str, list[NodeDef]]:
        found: dict[str, list[NodeDef]] = {}
        for node in self.nodes.values():
            if node.template_id is not None:
                found.setdefault(node.template_id, []).append(node)
        return found

    @cached_property
    def revision(self) -> str:
        """Node-RED's revision: SHA-256 in hex of the array as JavaScript's ``JSON.stringify`` writes it."""
        return hashlib.sha256(jsontext.canonical(self.raw)).hexdigest()

    def dumps(self, pretty: bool = False) -> bytes:
        """The flow file: compact, or with ``pretty`` indented by 4 blanks. Parses to an equal ``raw``."""
        return jsontext.kept(self.raw, pretty)

    def _index(self, raw: Raw) -> None:
        id, type = raw["id"], raw["type"] = raw["id"], intern(raw["type"])
        if type in TAB_TYPES:
            self.tabs[id] = Tab.from_raw(raw)
        elif type == "subflow":
            self.subflows[id] = Subflow.from_raw(raw)
        elif type == "group":
            self.groups[id] = Group.from_raw(raw)
        elif "x" in raw and "y" in raw:
            self.nodes[id] = NodeDef(raw)
        else:
            self.configs[id] = NodeDef(raw)

    def _place(self) -> dict[str, _Content]:
        """Puts everything where it belongs and invents the tabs that are missing."""
        self._adopt_homeless()
        content = {z: _Content() for z in ("", *self.tabs, *self.subflows)}
        for node in self.nodes.values():
            self._container(content, node.z).nodes[node.id] = node
        for config in self.configs.values():
            self._container(content, config.z).configs[config.id] = config
        for group in self.groups.values():
            content.get(group.z, _Content()).groups[group.id] = group
        return content

    def _adopt_homeless(self) -> None:
        homeless = [] if self.tabs or self.subflows else [node for node in self.nodes.values() if not node.z]
        if homeless:
            self.tabs[HOME_TAB] = Tab.invent(HOME_TAB)
        for node in homeless:
            node.z = HOME_TAB

    def _container(self, content: dict[str, _Content], z: str) -> _Content:
        if z not in content:
            content[z] = _Content()
            self.tabs[z] = Tab.invent(z)
        return content[z]


def take_credentials(items: list[Raw]) -> dict[str, Any]:
    """Removes the ``credentials`` that an editor posts inside nodes, and returns them by node id.

    They never reach the flow file nor the revision: call this on a posted array before it is parsed.
    """
    owners = [item for item in items if isinstance(item, dict) and "credentials" in item]
    return {str(item.get("id")): item.pop("credentials") for item in owners}


def without_secrets(items: list[Raw]) -> list[Raw]:
    """The items without secrets that somebody wrote into a flow file: ``credentials``, and values of ``cred`` variables.

    The very same list when there are none.
    """
    if not any("credentials" in item or "env" in item for item in items):
        return items
    safe = [_open_part(item) for item in items]
    return items if all(new is old for new, old in zip(safe, items, strict=True)) else safe


def _open_part(item: Raw) -> Raw:
    variables = item.get("env")
    if isinstance(variables, list) and any(map(_is_secret, variables)):
        hidden = [{k: v for k, v in one.items() if k != "value"} if _is_secret(one) else one for one in variables]
        item = {**item, "env": hidden}
    return {key: value for key, value in item.items() if key != "credentials"} if "credentials" in item else item


def _is_secret(variable: Any) -> bool:
    return isinstance(variable, dict) and variable.get("type") == "cred" and bool(variable.get("value"))


def _parse_json(data: bytes | str) -> Any:
    text = data if isinstance(data, str) else _decode(data)
    try:
        return json.loads(text.removeprefix("\ufeff"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise FlowFileError(f"not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # a number of more than 4300 digits
        raise FlowFileError(f"a number is too long: {error}") from None


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        utf16 = "; it looks like UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        raise FlowFileError(f"not UTF-8 at line {line} (byte {error.start}){utf16}; save the file as UTF-8") from None


def _refuse_constant(name: str) -> None:
    raise FlowFileError(f"{name} is no JSON value; write null or a number")


def _too_deep() -> FlowFileError:
    return FlowFileError(
        f"lists and objects are nested more than {jsontext.MAX_DEPTH} deep; flow files never need that"
    )


def _check_shape(raw: Any) -> None:
    if not isinstance(raw, list):
        raise FlowFileError(f"a flow file is one JSON array of objects, this is {_kind(raw)}{_shape_hint(raw)}")
    for index, item in enumerate(raw):
        if not isinstance(item, dict):
            raise FlowFileError(f"entry {index} is {_kind(item)}; every entry is an object with an id and a type")
        if not (isinstance(item.get("id"), str) and isinstance(item.get("type"), str) and item["id"] and item["type"]):
            raise FlowFileError(_naming_error(index, item))
    if jsontext.too_deep(raw):
        raise _too_deep()


def _naming_error(index: int, item: Raw) -> str:
    name = next(name for name in ("id", "type") if not isinstance(item.get(name), str) or not item[name])
    known = item.get("id") if name == "type" else item.get("type")
    label = f" ({known})" if isinstance(known, str) and known else ""
    found = f"is {_kind(item[name])}" if name in item else "is missing"
    near = difflib.get_close_matches(name, [key for key in item if key != name], n=1, cutoff=0.7)
    hint = f"; did you mean {near[0]!r}?" if near and name not in item else ""
    return f"entry {index}{label}: its {name} {found}, it has to be text that is not empty{hint}"


def _shape_hint(raw: Any) -> str:
    if isinstance(raw, dict) and isinstance(raw.get("flows"), list):
        return "; the array is under its key 'flows' (the admin API's version 2)"
    if isinstance(raw, dict) and isinstance(raw.get("nodes"), list):
        return "; it looks like a single flow of the admin API: its nodes are under 'nodes' and 'configs'"
    return ""


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "an empty text" if not value else "a text"
    names = {dict: "an object", list: "an array", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null" if value is None else type(value).__name__)


def _text(raw: Raw, key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _objects(value: Any) -> list[Raw]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def env_entries(raw: Raw) -> Env:
    """The usable entries of an object's ``env``: objects with a name."""
    return [entry for entry in _objects(raw.get("env")) if isinstance(entry.get("name"), str)]


def _wires(value: Any) -> list[list[str]]:
    """The file's own lists where they are well-formed (nearly always; it saves memory), otherwise what is usable."""
    if not isinstance(value, list):
        return []
    if all(type(port) is list and all(type(id) is str for id in port) for port in value):
        return value
    return [[id for id in port if isinstance(id, str)] if isinstance(port, list) else [] for port in value]


def _port_wires(port: Raw) -> list[PortWire]:
    wires = [wire for wire in _objects(port.get("wires")) if isinstance(wire.get("id"), str)]
    return [PortWire(wire["id"], _port_number(wire.get("port"))) for wire in wires]


def _port_number(value: Any) -> int:
    try:
        return max(int(value), 0)
    except (TypeError, ValueError, OverflowError):
        return 0
