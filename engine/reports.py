"""Errors, statuses, completions and log lines of nodes: what they look like and who gets them (Node-RED's documented behaviour)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .errors import BuswayError, ScriptError
from .listeners import Listener, group_of
from .message import Message, clone, new_id
from .node import ConfigNode, Node, NodeError
from .origin import ORIGIN

if TYPE_CHECKING:
    from .flow import Flow

MAX_CATCHES = 10
"""How often an error may come back to the node that raised it before it is only logged."""

LEVELS = {"fatal": 10, "error": 20, "warn": 30, "info": 40, "debug": 50, "trace": 60}
_PYTHON_LEVELS = {"fatal": 50, "error": 40, "warn": 30, "info": 20, "debug": 10, "trace": 5}
_log = logging.getLogger("busway.node")


def text_of(error: BaseException) -> str:
    """An error as catch nodes and the log show it: its class first, unless the text was written to be shown."""
    if isinstance(error, ScriptError):
        return f"{error.name}: {error.message}" if error.name else error.message
    if isinstance(error, BuswayError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def source_of(node: Node[Any]) -> dict[str, Any]:
    """Which node it was, as catch, status and complete messages say it."""
    source: dict[str, Any] = {"id": node.id, "type": node.properties.get("type", node.type)}
    if node.name:
        source["name"] = node.name
    return source


# -- errors ---------------------------------------------------------------------------------------------------------
def error(flow: Flow, node: Node[Any], raised: BaseException, msg: Message) -> bool:
    """Delivers an error to the catch nodes; False when none took it or it goes in a circle."""
    count = _times_caught(node, msg)
    if count >= MAX_CATCHES:
        log(flow, node, "warn", "Message exceeded maximum number of catches")
        return False
    return _offer_error(flow, node, node, raised, msg, count)


def _times_caught(node: Node[Any], msg: Message) -> int:
    """How often this very node's error was caught and came back, counting this time."""
    before = msg.get("error")
    source = before.get("source") if isinstance(before, dict) else None
    if not isinstance(source, dict) or source.get("id") != node.id:
        return 1
    count = source.get("count")
    return (count if isinstance(count, int) else 0) + 1


def _offer_error(
    flow: Flow, reporter: Node[Any], node: Node[Any], raised: BaseException, msg: Message, count: int
) -> bool:
    """Offers the error to this flow's catch nodes, then to the flow around it with the instance as reporter."""
    if isinstance(reporter, ConfigNode) and reporter.flow is flow and reporter.users:
        taken = [_offer_error(user.flow, user, node, raised, msg, count) for user in list(reporter.users)]
        return any(taken)
    handled = False
    for listener in flow.listeners.matching("error", reporter.id, group_of(reporter)):
        if listener.uncaught and handled and not _all_uncaught(flow, reporter):
            continue
        handled = True
        flow.deliver(listener.node, _error_message(node, raised, msg, count))
    if not handled and flow.parent is not None and flow.instance is not None:
        return _offer_error(flow.parent, flow.instance, node, raised, msg, count)
    return handled


def _all_uncaught(flow: Flow, reporter: Node[Any]) -> bool:
    """Whether only listeners for uncaught errors match: then all of them get it."""
    return all(one.uncaught for one in flow.listeners.matching("error", reporter.id, group_of(reporter)))


def _error_message(node: Node[Any], raised: BaseException, msg: Message, count: int) -> Message:
    out = clone(msg)
    if "error" in out:
        out["_error"] = out["error"]
    described: dict[str, Any] = {"message": text_of(raised), "source": source_of(node) | {"count": count}}
    out["error"] = described | _details(raised)
    return out


def _details(raised: BaseException) -> dict[str, Any]:
    """``code``, ``stack`` and ``cause``, where the error carries them."""
    if isinstance(raised, NodeError):
        return dict(raised.details)
    if isinstance(raised, ScriptError):
        named = {"code": raised.code, "stack": raised.stack, "cause": raised.cause}
        return {key: value for key, value in named.items() if value not in (None, "")}
    code = getattr(raised, "code", None)
    return {"code": code} if isinstance(code, (str, int)) else {}


# -- status ---------------------------------------------------------------------------------------------------------
def status(flow: Flow, node: Node[Any], shown: dict[str, Any]) -> None:
    """Shows a status and delivers it to the status nodes of the flow, or of the flow around it."""
    flow.runtime.events.emit("status", (node, shown))
    _offer_status(flow, node, node, shown)


def _offer_status(flow: Flow, reporter: Node[Any], node: Node[Any], shown: dict[str, Any]) -> None:
    if isinstance(reporter, ConfigNode) and reporter.flow is flow and reporter.users:
        for user in list(reporter.users):
            _offer_status(user.flow, user, node, shown)
        return
    found = flow.listeners.matching("status", reporter.id, group_of(reporter))
    for listener in found:
        msg: Message = {"_msgid": new_id(), "status": {**shown, "source": source_of(node)}}
        flow.runtime.dispatcher.deliver(listener.node.port, msg)
    if not found and flow.parent is not None and flow.instance is not None and not flow.plan.has_status_output:
        _offer_status(flow.parent, flow.instance, node, shown)


# -- completion -----------------------------------------------------------------------------------------------------
def completion(flow: Flow, node: Node[Any], listeners: list[Listener]) -> Callable[[Message], None]:
    """What is called when ``node`` has finished with a message: tells the complete nodes."""

    def done(msg: Message) -> None:
        for listener in listeners:
            out = clone(msg)
            out["complete"] = {"source": source_of(node)}
            flow.runtime.dispatcher.deliver(listener.node.port, out, ORIGIN.get())

    return done


def _place_of(node: Node[Any]) -> dict[str, Any]:
    """Which node it is, for a structured log: ``id``, ``type``, ``name`` and ``flow``, its tab or subflow."""
    return source_of(node) | {"flow": str(node.properties.get("z") or "")}


# -- log ------------------------------------------------------------------------------------------------------------
def log(flow: Flow, node: Node[Any], level: str, text: Any, raised: BaseException | None = None) -> None:
    """One log line: to the process's log, and as an event for the debug panel."""
    number = _PYTHON_LEVELS.get(level, 20)
    if _log.isEnabledFor(number):
        _log.log(number, "[%s] %s", node.label_text, text, extra={"node": _place_of(node), "raised": raised})
    events = flow.runtime.events
    if events.heard("log"):
        entry = {
            "level": LEVELS.get(level, 40),
            "id": str(node.properties.get("_alias", node.id)),
            "type": node.properties.get("type", node.type),
            "z": node.properties.get("z"),
            "path": flow.path,
            "msg": raised if raised is not None else text,
            "timestamp": int(time.time() * 1000),
        }
        if node.name:
            entry["name"] = node.name
        events.emit("log", entry)
