"""Consumer groups of the inbound stream: how a config node wants one read, and which group has to answer a CALL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from busway.nodes.ocpp.messages import Inbound
from busway.nodes.ocpp.versions import Compat

from .intake import Intake
from .reader import Reader

Unanswered = Literal["auto", "answer", "leave"]


@dataclass(frozen=True)
class Group:
    """A consumer group as a config node wants it read.

    ``idle``: seconds after which an entry that another consumer left alone is taken over; ``deliveries``: how often an
    entry is handed out before it is given up; ``trim``: whether what all groups acknowledged is deleted.
    """

    name: str = "biz-workers"
    consumer: str = "busway"
    compat: Compat = "strict"
    idle: float = 60
    deliveries: int = 5
    unanswered: Unanswered = "auto"
    trim: bool = True


class Desk:
    """A group that is read in this process: its entries, its reader, and the ``ocpp-out`` nodes that answer for it."""

    def __init__(self, group: Group, intake: Intake) -> None:
        self.group, self.intake = group, intake
        self.reader: Reader | None = None
        self.task: asyncio.Task[None] | None = None
        self.answering: set[object] = set()


def may_answer(desk: Desk, desks: Iterable[Desk], foreign: bool, message: Inbound, matched: bool) -> bool:
    """Whether ``desk`` may answer a CALL that its flow did not answer.

    Each group gets every message, so a group that only watches must not refuse what another one is about to accept.
    ``foreign``: groups exist that are not read here; ``matched``: a node of this desk wanted the message.
    """
    if desk.group.unanswered != "auto":
        return desk.group.unanswered == "answer"
    others = [other for other in desks if other is not desk and other.intake.nodes]
    if foreign or others:
        if not desk.answering:
            return not foreign and not any(other.answering for other in others) and _first(desk, others)
        if not matched:
            return not foreign and not any(other.answering and other.intake.wanted(message) for other in others)
    return True


def _first(desk: Desk, others: list[Desk]) -> bool:
    """Of several groups that could answer one does."""
    return all(desk.group.name < other.group.name for other in others)
