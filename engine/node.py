"""The author's contract: a node is one class, its fields another.

class RangeConfig(Config):
    minin: float = Field(0, title="From, lowest", description="What maps to the lowest result.")

class Range(Node[RangeConfig]):
    \"\"\"Maps a number from one range to another. (Markdown: this is the help.)\"\"\"
    type = "range"

    def on_message(self, msg: Message) -> Message | None: ...
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import copy_context
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from .errors import BuswayError, NodeStopped
from .fields import Label
from .message import Message
from .origin import ORIGIN, Origin

if TYPE_CHECKING:
    from .context import Context
    from .dispatch import Port
    from .environment import Environment
    from .flow import Flow

__all__ = ["Config", "ConfigNode", "Field", "Hold", "Message", "Node", "Timer"]


class Config(BaseModel):
    """A node's properties: names and defaults as in the flow file, types and annotations for form and validation.

    A property that is absent takes its default; so does an empty text where a number, a choice or an object is wanted, as
    Node-RED's editor stores fields that were left empty. A field whose annotation is a :class:`ConfigNode` class is a
    reference: the file holds an id, the node gets the instance (None when the field allows it and it is empty).
    """

    model_config = ConfigDict(extra="ignore", arbitrary_types_allowed=True, populate_by_name=True)

    name: str = Field("", title="Name", description="What the node is called on the canvas and in logs.")


C = TypeVar("C", bound=Config)
Outputs = int | tuple[str, ...]
ConfigClass = type[Config]


class NodeError(BuswayError):
    """An error that a node reports by text. ``details`` become members of ``msg.error`` beside its message."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class Timer:
    """A timer owned by a node: cancelled when the node stops, and what its callback raises is the node's error."""

    __slots__ = ("_handle", "_node")

    def __init__(self, node: Node[Any]) -> None:
        self._node = node
        self._handle: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        """Stops the timer; harmless when it has fired."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._node._timers.discard(self)

    def _schedule(
        self, delay: float, callback: Callable[..., Any], args: tuple[Any, ...], origin: Origin | None
    ) -> None:
        dispatcher = self._node.flow.runtime.dispatcher
        context = dispatcher.context_of(origin)
        self._handle = dispatcher.loop.call_later(delay, self._fire, callback, args, context=context)

    def _fire(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._handle = None
        self._node._timers.discard(self)
        try:
            callback(*args)
        except Exception as error:
            self._node.error(error, {})


class Hold:
    """A message that a node keeps for later, with everything that waits for it.

    While it is held, its source does not count it as settled, and complete nodes are not told. End it once, by
    :meth:`done`, :meth:`fail` or :meth:`drop`; :meth:`send` may be called before that any number of times.
    """

    __slots__ = ("_ended", "_node", "msg", "origin")

    def __init__(self, node: Node[Any], msg: Message, origin: Origin | None) -> None:
        self._node, self.msg, self.origin = node, msg, origin
        self._ended = False
        node._holds.add(self)
        if origin is not None:
            origin.pending += 1

    def send(self, out: Any, output: int | str | None = None) -> None:
        """Sends like :meth:`Node.send`, as a descendant of the held message."""
        self._node._send(out, output, self.origin)

    def done(self) -> None:
        """The node has finished with the message: complete nodes are told."""
        if not self._ended:
            if self._node.port.watched:
                self._under_origin(self._node.port.done, self.msg)
            self._end()

    def fail(self, error: BaseException | str) -> None:
        """Handling ended with an error: catch nodes are told."""
        if not self._ended:
            self._under_origin(self._node.error, error, self.msg)
            self._end()

    def drop(self) -> None:
        """The message is given up on purpose: nobody is told, its source counts it as handled."""
        self._end()

    def abandon(self, error: BaseException) -> None:
        """The node stops with the message still held: nobody is told, but its source learns that it was not handled."""
        if self.origin is not None and not self._ended:
            self.origin.errors.append((self._node.id, error))
        self._end()

    def _under_origin(self, function: Callable[..., Any], *args: Any) -> None:
        token = ORIGIN.set(self.origin)
        try:
            function(*args)
        finally:
            ORIGIN.reset(token)

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._node._holds.discard(self)
            if self.origin is not None:
                self.origin.release()


class Node(Generic[C]):
    """Base of all nodes. Override :meth:`on_message`; a source overrides :meth:`run`; :meth:`start` and :meth:`stop` exist for
    the rest. What the editor shows is class attributes and the docstring (Markdown: the help).

    ``self.config`` holds the typed properties, ``self.id`` and ``self.name`` are the node's own, ``self.flow`` is the running tab
    or subflow instance, ``self.env`` looks environment variables up, ``self.context``, ``self.flow_context`` and
    ``self.global_context`` are its context scopes, ``self.properties`` are the raw properties of the flow file.
    """

    type: ClassVar[str]
    category: ClassVar[str] = "function"
    color: ClassVar[str] = "#DDDDDD"
    icon: ClassVar[str] = ""
    label: ClassVar[str] = ""
    """Text on the canvas: a template over the properties, ``{name}`` first; empty: the name, else the type."""
    labels: ClassVar[tuple[Label, ...]] = ()
    """Where one template does not do: the first that applies is the text; ``label`` stands where none does."""
    palette_label: ClassVar[str] = ""
    align: ClassVar[Literal["left", "right"]] = "left"
    inputs: ClassVar[int] = 1
    outputs: ClassVar[Outputs] = 1
    """A number, or a tuple of names. Override :meth:`output_count` for a rule over the config."""
    output_rule: ClassVar[dict[str, Any] | None] = None
    """That rule as data for editors, where it is another than that the property ``outputs`` holds the number:
    ``{"rows": property}`` is one for each row of a list, ``{"field": property, "in": [values], "then": n, "else": n}`` a choice."""
    button: ClassVar[dict[str, Any] | None] = None
    """``{"side": "left"|"right", "action": "inject"|"toggle"}``: a button on the canvas."""
    in_palette: ClassVar[bool] = True
    completes: ClassVar[bool] = True
    """Whether finishing with a message tells complete nodes."""
    shares: bool = False
    """Whether :meth:`on_message` leaves nested values of a message as they are, keeps and shows nobody any of it, and sends
    by returning alone; it may set and delete members of the message itself. Such a node needs no copy of its own where a wire
    forks. May be set in :meth:`start`."""
    listens: ClassVar[Literal["error", "status", "complete"] | None] = None
    """What of other nodes is delivered to this node; who is in scope is its properties ``scope`` and ``uncaught``."""
    config_class: ClassVar[ConfigClass] = Config
    origin_file: ClassVar[str] = ""

    config: C

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in cls.__dict__.get("__orig_bases__", ()):
            arguments = getattr(base, "__args__", ())
            if arguments and isinstance(arguments[0], type) and issubclass(arguments[0], Config):
                cls.config_class = arguments[0]

    def __init__(self, config: C, flow: Flow, port: Port, properties: Mapping[str, Any]) -> None:
        self.config = config
        self.flow = flow
        self.port = port
        self.properties = properties
        self.id: str = str(properties["id"])
        self.name: str = config.name
        self.removed = False
        """Set before :meth:`stop`: whether the node was deleted or disabled rather than restarted."""
        self._timers: set[Timer] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._holds: set[Hold] = set()

    # -- to override ------------------------------------------------------------------------------------------------
    @classmethod
    def output_count(cls, config: C) -> int:
        """How many outputs a node with this config has."""
        return cls.outputs if isinstance(cls.outputs, int) else len(cls.outputs)

    def start(self) -> Any:
        """Called once before the first message; may be a coroutine function: messages wait until it returns. Raising marks
        the node as failed; other nodes run."""

    def on_message(self, msg: Message) -> Any:
        """Handles one message: a plain function (called inline: keep it short) or a coroutine function.

        Returns a message (first output), a list per output, a pair ``(output number, message)``, a dict by output name, or
        None; or uses :meth:`send`. Returning means done; raising means an error with this message.
        """
        return None

    async def run(self) -> None:
        """A source's life: started when all nodes of its flow are, cancelled when the flow stops."""

    def stop(self) -> Any:
        """Called once after the last message, may be a coroutine function; timers and tasks of the node are gone by then."""

    # -- sending ----------------------------------------------------------------------------------------------------
    def send(self, out: Any, output: int | str | None = None) -> None:
        """Sends a message (to the first output, or to ``output`` by number or name), or a list per output.

        The first delivery carries the very message, all others deep clones: do not change a message after sending it.
        """
        self._send(out, output, ORIGIN.get())

    def _send(self, out: Any, output: int | str | None, origin: Origin | None) -> None:
        if output is not None:
            out = self._at_output(out, output)
        if out is not None:
            self.port.route(out, origin)
            self.flow.runtime.dispatcher.wake()

    def _at_output(self, out: Any, output: int | str) -> list[Any]:
        if isinstance(output, str):
            names = self.outputs if isinstance(self.outputs, tuple) else ()
            if output not in names:
                raise NodeError(
                    f"{self.label_text} has no output {output!r}; it has: {', '.join(names) or 'only numbered ones'}"
                )
            output = names.index(output)
        return [None] * output + [out]

    def origin(self, on_settled: Callable[[Origin], None]) -> Origin:
        """For sources: ``with self.origin(callback): self.send(msg)`` calls back when all that came of it has been handled."""
        return self.flow.runtime.dispatcher.origin(on_settled)

    def hold(self, msg: Message) -> Hold:
        """Keeps ``msg`` for later: call it while handling the message, before returning."""
        self.flow.runtime.dispatcher.held = True
        return Hold(self, msg, ORIGIN.get())

    # -- telling ----------------------------------------------------------------------------------------------------
    def status(
        self,
        text: Any = "",
        fill: str | None = None,
        shape: Literal["dot", "ring"] = "dot",
        **extra: Any,
    ) -> None:
        """Shows ``text`` under the node with a mark of colour ``fill`` (red green yellow blue grey); no argument clears it."""
        data: dict[str, Any] = {"fill": fill, "shape": shape} if fill else {}
        if text != "" and text is not None:
            data["text"] = text if isinstance(text, str) else str(text)
        self.flow.report_status(self, data | extra)

    def error(self, error: BaseException | str, msg: Message | None = None) -> None:
        """Reports an error. With the message it concerns catch nodes see it; without, it is only logged."""
        if isinstance(error, str):
            error = NodeError(error)
        self.flow.report_error(self, error, msg)

    def warn(self, text: Any) -> None:
        """Logs a warning; the editor's debug panel shows it too."""
        self.flow.log(self, "warn", text)

    def log(self, text: Any) -> None:
        """Logs at level info."""
        self.flow.log(self, "info", text)

    def debug(self, text: Any) -> None:
        """Logs at level debug."""
        self.flow.log(self, "debug", text)

    def trace(self, text: Any) -> None:
        """Logs at level trace."""
        self.flow.log(self, "trace", text)

    # -- time and tasks ---------------------------------------------------------------------------------------------
    def now(self) -> float:
        """Seconds since the epoch, by the runtime's clock."""
        return self.flow.runtime.clock()

    def after(self, delay: float, callback: Callable[..., Any], *args: Any) -> Timer:
        """Calls ``callback(*args)`` in ``delay`` seconds unless the node stops before. Sends in it have no origin: use
        :meth:`hold` for what a kept message becomes."""
        timer = Timer(self)
        self._timers.add(timer)
        timer._schedule(delay, callback, args, None)
        return timer

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Runs a coroutine owned by the node: cancelled when it stops; what it raises is the node's error."""
        task = self.flow.runtime.dispatcher.loop.create_task(self._guarded(work), context=copy_context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> Any:
        try:
            return await work
        except Exception as error:
            self.error(error, {})

    @cached_property
    def env(self) -> Environment:
        """Looks environment variables up: the node's own, its groups', its flow's, its parents', the process's."""
        return self.flow.environment_of(self.properties)

    # -- context ----------------------------------------------------------------------------------------------------
    @property
    def context(self) -> Context:
        """This node's own context."""
        return self.flow.runtime.contexts.node(self.id, self.flow.id)

    @property
    def flow_context(self) -> Context:
        """The context of the tab or subflow instance."""
        return self.flow.runtime.contexts.flow(self.flow.id)

    @property
    def global_context(self) -> Context:
        """The context shared by all flows."""
        return self.flow.runtime.contexts.global_()

    @property
    def label_text(self) -> str:
        """How the node is called in logs: ``type 'name'`` or ``type id``."""
        return f"{self.type} {self.name!r}" if self.name else f"{self.type} {self.id}"

    @property
    def holding(self) -> int:
        """How many messages it keeps for later."""
        return len(self._holds)

    # -- closing, called by the flow --------------------------------------------------------------------------------
    def _cancel_timers(self) -> None:
        """Cancels all timers of the node."""
        for timer in list(self._timers):
            timer.cancel()

    async def _cancel_tasks(self) -> None:
        """Cancels all tasks of the node and waits for their end."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def closes_at_once(self) -> bool:
        """Whether nothing has to be waited for when the node closes."""
        return not self._tasks and not self.port.tasks and type(self).stop is Node.stop

    def close_now(self, removed: bool) -> None:
        """Closes a node that has nothing to wait for."""
        self.removed = removed
        self._cancel_timers()
        for hold in list(self._holds):
            hold.abandon(NodeStopped(f"{self.label_text} stopped while it held the message"))

    async def close(self, removed: bool) -> None:
        """Ends timers and tasks, calls :meth:`stop`, and gives up what the node still holds."""
        self.removed = removed
        self._cancel_timers()
        await self._cancel_tasks()
        ended = self.stop()
        if asyncio.iscoroutine(ended) or isinstance(ended, Awaitable):
            await ended
        self.close_now(removed)


class ConfigNode(Node[C]):
    """Something that several nodes share: a broker, a Redis. It has no wires; nodes get the instance through their config field.

    ``self.users`` lists the running nodes that refer to it; it changes with partial deploys.
    """

    category: ClassVar[str] = "config"
    inputs: ClassVar[int] = 0
    outputs: ClassVar[Outputs] = 0

    def __init__(self, config: C, flow: Flow, port: Port, properties: Mapping[str, Any]) -> None:
        super().__init__(config, flow, port, properties)
        self.users: list[Node[Any]] = []


def wall_clock() -> float:
    """The clock of a runtime outside of tests."""
    return time.time()
