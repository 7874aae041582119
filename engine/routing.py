"""Where what a node sends goes: wires compiled to one function that puts messages into the run queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any

from .message import Fresh, Message, clone, clones, new_id

if TYPE_CHECKING:
    from .dispatch import Dispatcher, Entry, Place
    from .origin import Origin

Route = Callable[[Any, "Origin | None"], None]


def compile_route(
    dispatcher: Dispatcher, outputs: Sequence[Sequence[Place]], names: tuple[str, ...] = (), *, shared: bool = False
) -> Route:
    """The route of a node: ``outputs[i]`` lists the ports wired to output i, ``names`` the outputs' names if they have any.

    What is sent may be a message (first output), a list per output whose elements are a message, None or a list of
    messages, a pair ``(output number, message)``, or a dict by output name. Order and cloning are Node-RED's: outputs
    ascending, wires in order, all messages of a wire before the next wire; only the very first delivery carries the
    original. ``shared``: what is sent shares its nested values with others, and the places know it.
    """
    wired = [list(ports) for ports in outputs]
    while wired and not wired[-1]:
        wired.pop()
    general = _general_route(dispatcher, wired, names, dict.copy if shared else clone)
    if names:
        return general
    if not wired:
        return _dead_end(general)
    if len(wired) > 1:
        return _multi_route(dispatcher, wired, general)
    if len(wired[0]) == 1:
        return _single_route(dispatcher, wired[0][0], general)
    return (_shared_fan_route if shared else _fan_route)(dispatcher, wired[0], general)


def _dead_end(general: Route) -> Route:
    """For a node that nothing is wired to: what is no message is an error all the same."""

    def route(out: Any, origin: Origin | None) -> None:
        if type(out) is not dict:
            general(out, origin)

    return route


def _multi_route(dispatcher: Dispatcher, outputs: list[list[Place]], general: Route) -> Route:
    """For one message on an output with one wire, given by its number or alone in a list: what a switch sends."""
    append = dispatcher.queue.append
    targets: list[Any] = [ports[0] if len(ports) == 1 else bool(ports) for ports in outputs]
    count = len(targets)

    def route(out: Any, origin: Origin | None) -> None:
        if type(out) is tuple and type(out[0]) is int:
            found: Any = out[1]
            where: Any = targets[out[0]] if out[0] < count else False
            if where is True or type(found) is not dict:
                general(out, origin)
                return
        elif isinstance(out, list):
            found = where = None
            for msg, target in zip(out, targets, strict=False):
                if msg is not None and target is not False:
                    if found is not None or target is True or type(msg) is not dict:
                        general(out, origin)
                        return
                    found, where = msg, target
        else:
            general(out, origin)
            return
        if found is None or where is False:
            return
        if "_msgid" not in found:
            found["_msgid"] = new_id()
        if origin is not None:
            origin.pending += 1
        append((where, found, origin))

    return route


def _single_route(dispatcher: Dispatcher, port: Place, general: Route) -> Route:
    append = dispatcher.queue.append

    def route(out: Any, origin: Origin | None) -> None:
        if type(out) is dict:
            if "_msgid" not in out:
                out["_msgid"] = new_id()
            if origin is not None:
                origin.pending += 1
            append((port, out, origin))
        else:
            general(out, origin)

    return route


def _fan_route(dispatcher: Dispatcher, ports: list[Place], general: Route) -> Route:
    append, extend = dispatcher.queue.append, dispatcher.queue.extend
    first, rest, count = ports[0], ports[1:], len(ports)

    def route(out: Any, origin: Origin | None) -> None:
        if type(out) is not dict:
            general(out, origin)
            return
        if "_msgid" not in out:
            out["_msgid"] = new_id()
        if (sharing := sum([port.shares for port in rest])) > 1:
            entries: Any = _some_sharing(rest, clones(out, count - sharing), origin)
        else:
            entries = zip(rest, clones(out, count - 1), repeat(origin))
        if origin is not None:
            origin.pending += count
        append((first, out, origin))
        extend(entries)

    return route


def _shared_fan_route(dispatcher: Dispatcher, ports: list[Place], general: Route) -> Route:
    append = dispatcher.queue.append
    first, rest, count = ports[0], ports[1:], len(ports)

    def route(out: Any, origin: Origin | None) -> None:
        if type(out) is not dict:
            general(out, origin)
            return
        if "_msgid" not in out:
            out["_msgid"] = new_id()
        copies = [(port, out.copy(), origin) for port in rest]
        if origin is not None:
            origin.pending += count
        append((first, out, origin))
        dispatcher.queue.extend(copies)

    return route


def _some_sharing(ports: list[Place], copies: list[Message], origin: Origin | None) -> list[Entry]:
    """The last copy is for all that share, each of which gets the members of its own."""
    common, own = copies.pop(), iter(copies)
    return [(port.late, common.copy(), origin) if port.shares else (port, next(own), origin) for port in ports]


def _general_route(
    dispatcher: Dispatcher, outputs: list[list[Place]], names: tuple[str, ...], copy: Callable[[Message], Message]
) -> Route:
    single = all(len(ports) < 2 for ports in outputs)

    def route(out: Any, origin: Origin | None) -> None:
        events = _events(outputs, by_output(out, names))
        if not events:
            return
        fallback = next((m["_msgid"] for _, m in events if "_msgid" in m), None) or new_id()
        for _, msg in events:
            msg.setdefault("_msgid", fallback)
        if type(out) is Fresh and single:
            entries: list[Entry] = [(port, msg, origin) for port, msg in events]
        else:
            entries = [(port, copy(msg) if i else msg, origin) for i, (port, msg) in enumerate(events)]
        if origin is not None:
            origin.pending += len(entries)
        dispatcher.queue.extend(entries)

    return route


def by_output(out: Any, names: tuple[str, ...]) -> list[Any]:
    """What was sent, as one element per output: a message, None, or a list of messages. Raises TypeError."""
    if isinstance(out, dict):
        if names and out and all(key in names for key in out):
            return [out.get(name) for name in names]
        return [out]
    if isinstance(out, tuple) and len(out) == 2 and type(out[0]) is int:
        return [None] * out[0] + [out[1]]
    if isinstance(out, (list, tuple)):
        return list(out)
    raise TypeError(f"Node tried to send a message of type {_js_type(out)}")


def _events(outputs: list[list[Place]], by_output: list[Any]) -> list[tuple[Place, Message]]:
    events: list[tuple[Place, Message]] = []
    for element, ports in zip(by_output, outputs, strict=False):
        if element is None or not ports:
            continue
        messages = [m for m in element if m is not None] if isinstance(element, list) else [element]
        for msg in messages:
            if not isinstance(msg, dict):
                raise TypeError(f"Node tried to send a message of type {_js_type(msg)}")
        events.extend((port, msg) for port in ports for msg in messages)
    return events


def _js_type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else type(value).__name__
