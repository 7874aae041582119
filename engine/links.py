"""Calling a link in node like a sub-routine: which node is meant, who waits for the return, and the way back.

The way back travels in the message: each call pushes ``{id, node}`` on ``msg._linkSource``, a link out node in return
mode pops the last entry and hands the message to whoever made that call.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from .message import Message
from .node import Node, NodeError
from .origin import ORIGIN

if TYPE_CHECKING:
    from .dispatch import Port
    from .flow import Flow
    from .runtime import Runtime

Returned = Callable[[Message], None]
_SERVICE = "link calls"


class Target(NamedTuple):
    """A link in node that can be called."""

    id: str
    name: str
    flow: str
    in_subflow: bool
    port: Port


class LinkCalls:
    """All calls of one runtime that have not returned, and the link in nodes that can be called."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._targets: dict[str, Target] = {}
        self._waiting: dict[str, Returned] = {}
        self._latecomers: dict[str, Returned] = {}

    @classmethod
    def of(cls, runtime: Runtime) -> LinkCalls:
        """The one of a runtime."""
        found: LinkCalls | None = runtime.services.get(_SERVICE)
        if found is None:
            found = runtime.services[_SERVICE] = cls(runtime)
        return found

    # -- what can be called -----------------------------------------------------------------------------------------
    def register(self, node: Node[Any]) -> None:
        """Makes a link in node callable, by its id and its name."""
        in_subflow = node.flow.instance is not None
        self._targets[node.id] = Target(node.id, node.name or node.id, node.flow.id, in_subflow, node.port)

    def withdraw(self, id: str) -> None:
        """A link in node will not come back. One only restarted stays: its port keeps what arrives meanwhile."""
        self._targets.pop(id, None)

    def find(self, flow: Flow, target: Any, by_name: bool) -> Port:
        """The port of the link in node that ``target`` names, seen from a node of ``flow``.

        An id always counts, within a subflow instance the id in its template too. With ``by_name`` a name of the same
        flow is looked for next, then one on the tabs that only one node has. Raises NodeError when there is none or not
        only one.
        """
        found = None
        if isinstance(target, str) and target:
            found = self._by_id(flow, target) or (self._by_name(flow, target) if by_name else None)
        if found is None:
            raise NodeError(f"target link-in node '{target or ''}' not found")
        return found.port

    def _by_id(self, flow: Flow, id: str) -> Target | None:
        found = self._targets.get(f"{flow.id}-{id}") or self._targets.get(id)
        return found if found is not None and self._lives(found) else None

    def _by_name(self, flow: Flow, name: str) -> Target | None:
        named = [one for one in self._targets.values() if one.name == name and self._lives(one)]
        near = [one for one in named if one.flow == flow.id]
        if len(near) == 1:
            return near[0]
        on_tabs = [one for one in named if not one.in_subflow]
        if len(on_tabs) > 1:
            raise NodeError(f"Multiple link-in nodes named '{name}' found")
        return on_tabs[0] if on_tabs else None

    def _lives(self, target: Target) -> bool:
        return self._runtime.ports.get(target.id) is target.port

    # -- calling ----------------------------------------------------------------------------------------------------
    def begin(self, caller: Node[Any], port: Port, msg: Message, returned: Returned) -> str:
        """Sends ``msg`` to ``port`` under the current origin; ``returned(msg)`` is called with the first that comes
        back.

        Gives the id of the call, to be forgotten by :meth:`forget` when nobody waits any longer.
        """
        call = os.urandom(14).hex()
        self._waiting[call] = returned
        source = msg.get("_linkSource")
        msg["_linkSource"] = [*(source if isinstance(source, list) else ()), {"id": call, "node": caller.id}]
        self._runtime.dispatcher.deliver(port, msg, ORIGIN.get())
        return call

    def forget(self, call: str) -> bool:
        """Nobody waits for this call any longer; whether anybody did."""
        return self._waiting.pop(call, None) is not None

    def call(self, caller: Node[Any], target: str, msg: Message, timeout: float) -> asyncio.Future[Message]:
        """Calls the link in node with id or name ``target``; the future gets the message that comes back.

        ``timeout`` is in seconds; after it the future raises NodeError("timeout"). Raises NodeError at once when there
        is no such target. The message itself is sent, not a copy.
        """
        port = self.find(caller.flow, target, by_name=True)
        loop = self._runtime.dispatcher.loop
        future: asyncio.Future[Message] = loop.create_future()
        id = self.begin(caller, port, msg, lambda back: None if future.done() else future.set_result(back))
        timer = loop.call_later(timeout, lambda: None if future.done() else future.set_exception(NodeError("timeout")))

        def over(_: asyncio.Future[Message]) -> None:
            timer.cancel()
            self.forget(id)

        future.add_done_callback(over)
        return future

    # -- the way back -----------------------------------------------------------------------------------------------
    def welcome_late(self, caller: str, returned: Returned | None) -> None:
        """Says what is done with messages that come back to ``caller`` when the call is over; None: nothing."""
        if returned is None:
            self._latecomers.pop(caller, None)
        else:
            self._latecomers[caller] = returned

    def give_back(self, msg: Message) -> bool:
        """Hands ``msg`` to whoever made the last call in it; False when the message names no call of a running node."""
        stack = msg.get("_linkSource")
        if not isinstance(stack, list) or not stack:
            return False
        entry = stack[-1]
        msg["_linkSource"] = stack[:-1]
        call, node = (entry.get("id"), entry.get("node")) if isinstance(entry, dict) else (None, None)
        if node not in self._runtime.nodes:
            return False
        if len(stack) == 1:
            del msg["_linkSource"]
        returned = self._waiting.pop(str(call), None) or self._latecomers.get(node)
        if returned is not None:
            returned(msg)
        return True
