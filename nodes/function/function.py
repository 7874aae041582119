"""The function node: JavaScript or Python on each message."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from busway.engine.context import Context
from busway.engine.environment import Environment
from busway.engine.errors import ConfigError, NodeStopped
from busway.engine.fields import Choices, Code, Column, Hidden, Rows, ShownIf, Unit
from busway.engine.links import LinkCalls
from busway.engine.message import Message
from busway.engine.node import Config, Field, Node, Timer
from busway.engine.origin import ORIGIN, Origin

if TYPE_CHECKING:
    import asyncio

    from busway.engine.jsonata import Expression
    from busway.engine.script.function import JavaScriptFunction
    from busway.engine.script.javascript import JavaScript
    from busway.engine.script.python import PythonFunction
    from busway.engine.script.source import Source

_SERVICE = "javascript"
_LEVELS = {"error": logging.ERROR, "warn": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG, "trace": 5}
console = logging.getLogger("busway.console")


LIBS = Rows(Column("var", "Variable"), Column("module", "Module"), var="", module="")
LANGUAGES = Choices(javascript="JavaScript", python="Python")


class FunctionConfig(Config):
    func: Annotated[str, Code("javascript", "language")] = Field(
        "\nreturn msg;", title="On message", description="The code that runs for each message."
    )
    outputs: int = Field(1, ge=0, le=500, title="Outputs", description="How many outputs the node has.")
    timeout: Annotated[float, Unit("s")] = Field(
        0, ge=0, title="Timeout", description="How long the code may run without a pause; 0 takes the usual limit."
    )
    noerr: Annotated[int, Hidden()] = Field(
        0, title="Errors", description="How many errors the editor found in the code."
    )
    initialize: Annotated[str, Code("javascript", "language")] = Field(
        "", title="On start", description="Code that runs once when the node starts; messages wait until it is through."
    )
    finalize: Annotated[str, Code("javascript", "language")] = Field(
        "", title="On stop", description="Code that runs once when the node stops."
    )
    libs: Annotated[list[dict[str, Any]], LIBS, ShownIf("language", "javascript")] = Field(
        default_factory=list,
        title="Modules",
        description="Modules that JavaScript code uses, each with the variable it is known by: `{var, module}`.",
    )
    language: Annotated[Literal["javascript", "python"], LANGUAGES] = Field(
        "javascript", title="Language", description="The language of all three codes."
    )


class Function(Node[FunctionConfig]):
    """Runs code on each message.

    The code gets the message as `msg`. What it returns is sent on: a message, nothing, or a list with an element for each output,
    where an element is a message, nothing, or a list of messages that follow each other.

    ### JavaScript

    - `node.send(msg)` sends at any time (a copy, unless a second argument is `false`); `node.done()` says that the message has been
      handled, where the code calls it;
    - `node.status({fill, shape, text})`, `node.log()`, `node.warn()`, `node.error(text, msg)`, `node.debug()`, `node.trace()`;
      `node.id`, `node.name`, `node.path`, `node.outputCount`; `node.on("close", callback)`;
    - `await node.linkcall(target, msg, {timeout})` calls a *link in* node and gives what a *link out* node returns;
    - `context`, `flow`, `global` with `get(key)`, `set(key, value)`, `keys()`, and in one step, awaited: `increment(key, by)`,
      `compareAndSet(key, expected, value)`, `update(key, change)`; a store in Redis takes a callback; `env.get(name)`;
    - `RED.util`, `Buffer`, `URL`, `URLSearchParams`, `util`, `console`, `setTimeout`, `setInterval` and the functions that stop
      them, `structuredClone`, `TextEncoder`, `TextDecoder`;
    - modules: `buffer`, `crypto` (digests and random values), `events`, `os`, `path`, `querystring`, `url`, `util`. Modules of npm
      cannot be used.

    The code may use `await`. It is stopped when it runs for longer than its timeout without a pause, and when all functions
    together take more memory than the setting `function_memory` allows; that is an error of this node alone.

    ### Python

    - `node.send(msg)`, or `node.send((1, msg))` at the second output; `return 1, msg` does the same;
    - `node.status(text, fill, shape)`, `node.error(text, msg)`, `node.warn()`, `log(text)`, `log.warn(text)`;
      `node.after(seconds, callback)`, `node.on_close(callback)`; `await node.linkcall(target, msg)`;
    - `context`, `flow`, `global_` with `get(key, default)`, `set(key, value)`, `delete(key)`, `keys()`, and `flow["key"]`;
      awaited, for every store: `aget`, `aset`, `adelete`, `akeys`, `increment(key, by)`, `compare_and_set(key, expected, value)`,
      `update(key, change)`;
      `env.get(name)`, `env["name"]`.

    Python code runs as a part of Busway: nothing limits what it does or how long. The setting `python_functions` turns it off.

    ### Errors

    What the code throws goes to *catch* nodes, with the line of the code.
    """

    type = "function"
    category = "function"
    color = "#FDD0A2"
    icon = "function.svg"

    @classmethod
    def output_count(cls, config: FunctionConfig) -> int:
        return config.outputs

    def start(self) -> Any:
        self._host = _NodeHost(self)
        self._function = self._python() if self.config.language == "python" else self._javascript()
        self.on_message = self._function.handle  # type: ignore[method-assign, assignment]
        self.shares = self._function.shares
        return self._set_up() if self.config.initialize.strip() else None

    async def _set_up(self) -> None:
        try:
            await self._function.set_up()
        except Exception:
            await self._function.close(False)
            raise

    async def stop(self) -> None:
        function = getattr(self, "_function", None)
        if function is not None:
            await function.close(self.removed)
        self._host.abandon()

    def _source(self) -> Source:
        from busway.engine.script.source import Source

        config = self.config
        libraries = tuple((str(lib.get("var") or ""), str(lib.get("module") or "")) for lib in config.libs)
        return Source(config.func, config.initialize, config.finalize, libraries, config.timeout)

    def _python(self) -> PythonFunction:
        from busway.engine.script.python import PythonFunction

        runtime = self.flow.runtime
        if not runtime.settings.python_functions:
            raise ConfigError(
                f"node {self.id} (function): 'language' is python, which the setting 'python_functions' turns off; "
                "turn it on or write the function in JavaScript"
            )
        return PythonFunction(self._host, runtime.contexts, self._source())

    def _javascript(self) -> JavaScriptFunction:
        from busway.engine.script.function import JavaScriptFunction

        if self.config.libs and not self.flow.runtime.settings.function_external_modules:
            raise ConfigError(
                f"node {self.id} (function): 'libs' names modules, which the setting 'function_external_modules' turns off"
            )
        return JavaScriptFunction(self._engine(), self._host, self._source())

    def _engine(self) -> JavaScript:
        """The JavaScript context that all functions of the runtime share."""
        runtime = self.flow.runtime
        found: JavaScript | None = runtime.services.get(_SERVICE)
        if found is None:
            from busway.engine.script.javascript import JavaScript

            settings = runtime.settings
            found = runtime.services[_SERVICE] = JavaScript(
                runtime.contexts, time_limit=settings.function_timeout, memory_limit=settings.function_memory
            )
        return found


class _KeptTimer:
    """A timer whose message counts as unfinished until it has fired or was stopped."""

    def __init__(self, host: _NodeHost, origin: Origin, delay: float, callback: Callable[[], None]) -> None:
        self._host, self._origin, self._callback = host, origin, callback
        origin.pending += 1
        host.kept.add(self)
        self._timer = host.node.after(delay, self._fire)

    def _fire(self) -> None:
        token = ORIGIN.set(self._origin)
        try:
            self._callback()
        finally:
            ORIGIN.reset(token)
            self._release()

    def _release(self) -> None:
        if self in self._host.kept:
            self._host.kept.discard(self)
            self._origin.release()

    def cancel(self) -> None:
        self._timer.cancel()
        self._release()

    def abandon(self) -> None:
        """The node stops before the time is over."""
        self._origin.errors.append(
            (self._host.id, NodeStopped(f"{self._host.node.label_text} stopped before its timer"))
        )
        self.cancel()


class _NodeHost:
    """What a function body needs of its node."""

    def __init__(self, node: Function) -> None:
        self.node = node
        self.kept: set[_KeptTimer] = set()
        self.id, self.name, self.output_count = node.id, node.name, node.config.outputs
        self.path = f"{node.flow.path}/{node.properties.get('_alias', node.id)}"
        self.send, self.error, self.hold, self.env = node.send, node.error, node.hold, node.env.get
        self.context: Context = node.context
        self.flow_context: Context = node.flow_context
        self.global_context: Context = node.global_context

    @property
    def watched(self) -> bool:
        return self.node.port.watched

    def env_names(self) -> Iterable[str]:
        names, level = set(os.environ), self.node.env
        while isinstance(level, Environment):
            names.update(level.builtins, level._values)
            level = level.parent  # type: ignore[assignment]
        return names

    def status(self, status: dict[str, Any]) -> None:
        text = status.get("text")
        shown = status if text is None or isinstance(text, str) else {**status, "text": _text(text)}
        self.node.flow.report_status(self.node, shown)

    def log(self, level: str, value: Any) -> None:
        self.node.flow.log(self.node, level, value)

    def print(self, level: str, text: str) -> None:
        console.log(_LEVELS.get(level, logging.INFO), "[%s] %s", self.node.label_text, text)

    def after(self, delay: float, callback: Callable[[], None], keeps: bool) -> Timer | _KeptTimer:
        origin = ORIGIN.get() if keeps else None
        return self.node.after(delay, callback) if origin is None else _KeptTimer(self, origin, delay, callback)

    def link_call(self, target: str, msg: Message, timeout: float) -> asyncio.Future[Message]:
        return LinkCalls.of(self.node.flow.runtime).call(self.node, target, msg, timeout)

    def evaluate(self, expression: str, msg: Any) -> Any:
        return self._expression(expression).evaluate(msg)

    @lru_cache(maxsize=64)  # noqa: B019 - ends with the node: nothing else refers to the host
    def _expression(self, text: str) -> Expression:
        from busway.engine.jsonata import compile_expression

        return compile_expression(text, self.node)

    def abandon(self) -> None:
        """The node has stopped."""
        for timer in list(self.kept):
            timer.abandon()


def _text(value: Any) -> str:
    from busway.engine.coercion import to_string

    return to_string(value)
