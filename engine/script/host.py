"""What a function body needs of the node that holds it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from ..context import Context
from ..message import Message


class Held(Protocol):
    """A message whose handling goes on after the handler has returned."""

    def send(self, out: Any) -> None:
        """Sends as a descendant of the message."""

    def done(self) -> None:
        """Handling is complete."""

    def fail(self, error: BaseException) -> None:
        """Handling ended with an error."""


class Cancellable(Protocol):
    """A timer."""

    def cancel(self) -> None:
        """Stops it."""


class Host(Protocol):
    """The node of a function body."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> str:
        """Ids from the tab to the node, joined by slashes."""

    @property
    def output_count(self) -> int: ...

    @property
    def watched(self) -> bool:
        """Whether somebody looks at a message when its handling is complete."""

    @property
    def context(self) -> Context: ...

    @property
    def flow_context(self) -> Context: ...

    @property
    def global_context(self) -> Context: ...

    def env(self, name: str) -> Any:
        """An environment variable, UNDEFINED when there is none."""

    def env_names(self) -> Iterable[str]:
        """All environment variables that are set."""

    def send(self, out: Any) -> None:
        """Sends a list per output."""

    def status(self, status: dict[str, Any]) -> None:
        """Shows a status; an empty one clears it."""

    def log(self, level: str, value: Any) -> None:
        """Logs at ``info``, ``warn``, ``debug`` or ``trace``."""

    def print(self, level: str, text: str) -> None:
        """What ``console`` prints: for the process's log only."""

    def error(self, error: BaseException, msg: Message | None) -> None:
        """Reports an error, with the message that it concerns."""

    def hold(self, msg: Message) -> Held:
        """Goes on with the message after the handler returned."""

    def after(self, delay: float, callback: Callable[[], None], keeps: bool) -> Cancellable:
        """Calls back in ``delay`` seconds; with ``keeps`` what is sent then descends from the message handled now."""

    def link_call(self, target: str, msg: Message, timeout: float) -> asyncio.Future[Message]:
        """Calls a link in node; ``timeout`` is in seconds."""

    def evaluate(self, expression: str, msg: Any) -> Any:
        """The result of a JSONata expression for a message."""
