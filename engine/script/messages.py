"""What function bodies return and send, as messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..message import UNDEFINED, Message, set_at
from .access import Transfer


class Addressed(NamedTuple):
    """What can be sent, and the types of what cannot."""

    out: Any
    refused: list[str]


def addressed(value: Any, msgid: Any) -> Addressed:
    """Gives each message its id. ``value`` is a message or a list per output, whose elements are a message, None or a list of
    messages; anything else is refused and left out."""
    if type(value) is dict:
        _give_id(value, msgid)
        return Addressed(value, [])
    refused: list[str] = []
    if type(value) is not list:
        return Addressed(None, [] if value is None or value is UNDEFINED else [type_name(value)])
    for at, element in enumerate(value):
        if type(element) is list:
            _address_list(element, msgid, refused)
        elif type(element) is dict:
            _give_id(element, msgid)
        elif element is not None:
            refused.append(type_name(element))
            value[at] = None
    return Addressed(value, refused)


def _address_list(messages: list[Any], msgid: Any, refused: list[str]) -> None:
    if msgid is not None:
        for message in messages:
            if type(message) is dict:
                message["_msgid"] = msgid
    if not all(type(message) is dict or message is None for message in messages):
        refused += [type_name(message) for message in messages if not isinstance(message, dict) and message is not None]
        messages[:] = [message for message in messages if isinstance(message, dict)]


def _give_id(message: Message, msgid: Any) -> None:
    if msgid is not None:
        message["_msgid"] = msgid


def type_name(value: Any) -> str:
    """What JavaScript's ``typeof`` says of a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else "object"


def filled(places: Any, own: Message) -> Any:
    """A list of messages with the call's own message where it stood: 1 is that, ``{"v": x}`` another value."""
    if places == 1:
        return own
    if type(places) is list:
        return [filled(place, own) for place in places]
    return places["v"] if places is not None else None


def whole_or_changed(
    msg: Message,
    changes: dict[str, Any] | None,
    deleted: Any,
    apply: Callable[[Message, dict[str, Any]], None] | None = None,
    transfer: Transfer | None = None,
) -> None:
    """Sets in a message what came back: all of it anew when ``deleted`` is True, else what changed, less the paths of ``transfer``
    that ``deleted`` numbers."""
    if deleted is True:
        msg.clear()
    if changes is not None:
        if apply is None or deleted is True:
            msg.update(changes)
        else:
            apply(msg, changes)
    if deleted and deleted is not True and transfer is not None:
        for at in deleted:
            set_at(msg, transfer.writes[at], UNDEFINED)
