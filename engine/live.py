"""What happens inside, for those who look: messages per output, the last messages of a wire, errors, busy and waiting nodes.

Nothing here is on the path of messages until somebody asks: what a node sends is then counted by a route that is put in
the place of its own, and taken out again when nobody asks any more.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from .configure import credentials_of
from .reports import text_of
from .taps import Counts, CountWatch, Samples
from .tracing import Tracer

if TYPE_CHECKING:
    from .flow import Flow
    from .masking import Masker
    from .node import Node
    from .runtime import Runtime

_SERVICE = "live data"
MOST_QUEUED = 10_000
"""Waiting deliveries that are looked through for whom they wait."""
MOST_ERRORS = 1000
"""Nodes whose errors are kept."""
SAMPLE_LIMIT = 500
"""Characters of a text and elements of a list that are kept of a sampled message."""


class Live:
    """The live data of one runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.counts = Counts(runtime)
        self.errors = Errors(runtime)
        self.tracer = Tracer(runtime, lambda error: self.errors.text(error))
        self.deploys = 0
        """Deploys since the start: after each one, nodes may have a new place on the message path."""
        runtime.events.on("notification", self._notified)

    @classmethod
    def of(cls, runtime: Runtime) -> Live:
        """The one of a runtime. Errors are counted from the first call on."""
        found: Live | None = runtime.services.get(_SERVICE)
        if found is None:
            found = runtime.services[_SERVICE] = cls(runtime)
        return found

    def _notified(self, event: tuple[str, Any]) -> None:
        if event[0] == "runtime-deploy":
            self.deploys += 1
            self.errors.clear()
            self.tracer.deployed()

    def nodes_of(self, ids: Iterable[str]) -> set[str]:
        """The nodes that some ids mean: a node's own, of a tab or a subflow instance the nodes in it, ``*`` all."""
        found: set[str] = set()
        for id in ids:
            if id == "*":
                found.update(self.runtime.ports)
            flow = self.flow(id)
            if flow is not None:
                found.update(flow.plan.nodes_by_id)
            if id in self.runtime.ports:
                found.add(id)
        return found

    def count(self, ids: Collection[str]) -> CountWatch:
        """Counts what the nodes that these ids mean send, until it is closed."""
        return CountWatch(self.counts, self.runtime, lambda: self.nodes_of(ids))

    def sample(self, id: str, output: int = 0, keep: int = 20) -> Samples:
        """Samples what a node sends at one output, until it is closed."""
        return Samples(self.runtime, self.masker, id, output, keep)

    def flow(self, id: str) -> Flow | None:
        """A running tab or subflow instance."""
        found = self.runtime.flows.get(id)
        node = self.runtime.nodes.get(id)
        return node.flow.children.get(id) if found is None and node is not None else found

    def activity(self, ids: Collection[str]) -> dict[str, dict[str, int]]:
        """What nodes are at: ``busy`` with so many messages, ``held`` for later, ``queued`` before them. Idle ones are left out.

        Of a long queue only the first 10,000 deliveries are looked at.
        """
        queued = Counter(port.id for port, _, _ in islice(self.runtime.dispatcher.queue, MOST_QUEUED))
        found = {}
        for id in ids:
            port = self.runtime.ports.get(id)
            if port is None:
                continue
            held = port.node.holding if port.node is not None else 0
            now = {"busy": len(port.tasks), "held": held, "queued": queued.get(id, 0) + len(port.parked)}
            if any(now.values()):
                found[id] = {key: value for key, value in now.items() if value}
        return found

    def load(self) -> dict[str, int]:
        """The run queue: deliveries since the start and those that wait, handlers at work, origins that are not settled."""
        dispatcher = self.runtime.dispatcher
        return {
            "delivered": dispatcher.delivered,
            "queued": len(dispatcher.queue),
            "working": dispatcher.working,
            "unsettled": dispatcher.origins,
        }

    def masker(self) -> Masker:
        """Hides what is secret by name, and the passwords of all nodes."""
        from .masking import Masker

        return Masker(secrets_of(self.runtime), SAMPLE_LIMIT)


def secrets_of(runtime: Runtime) -> set[str]:
    """The values of all credentials that can only be written."""
    found: set[str] = set()
    for item in runtime.model.raw:
        secrets = runtime.credentials.get(str(item.get("id")))
        if secrets:
            cls = runtime.registry.get(str(item.get("type")))
            shown = (
                {name for name, kind in credentials_of(cls.config_class).items() if kind == "text"} if cls else set()
            )
            found.update(_texts({name: value for name, value in secrets.items() if name not in shown}))
    return found


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)


# -- errors ---------------------------------------------------------------------------------------------------------
class Errors:
    """The errors of each node since the last deploy: how many, and the last one."""

    def __init__(self, runtime: Runtime) -> None:
        self.by_node: dict[str, dict[str, Any]] = {}
        self._secrets: Masker | None = None
        self._runtime = runtime
        runtime.events.on("error", self._add)

    def clear(self) -> None:
        """Forgets all."""
        self.by_node.clear()
        self._secrets = None

    def _add(self, event: tuple[Node[Any], BaseException, bool]) -> None:
        node, error, caught = event
        entry = self.by_node.pop(node.id, None) or {"count": 0}
        self.by_node[node.id] = {
            "count": entry["count"] + 1,
            "last": error,
            "caught": caught,
            "time": int(time.time() * 1000),
        }
        if len(self.by_node) > MOST_ERRORS:
            del self.by_node[next(iter(self.by_node))]

    def text(self, error: BaseException) -> str:
        """An error as a sentence, secrets hidden."""
        if self._secrets is None:
            from .masking import Masker

            self._secrets = Masker(secrets_of(self._runtime))
        return self._secrets.text(text_of(error))

    def shown(self, id: str) -> dict[str, Any]:
        """``{count, message, caught, time}`` of a node with errors."""
        entry = self.by_node[id]
        return {
            "count": entry["count"],
            "message": self.text(entry["last"]),
            "caught": entry["caught"],
            "time": entry["time"],
        }
