"""The function node: a body in JavaScript or Python, run for every message."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from busway.engine.context import Context
from busway.engine.fields import Code, Unit, Widget
from busway.engine.links import LinkCalls
from busway.engine.message import Message
from busway.engine.node import Config, Field, Hold, Node
from busway.engine.script.function import JavaScriptFunction, Source
from busway.engine.script.javascript import JavaScript
from busway.engine.values import compile_value

SERVICE = "javascript"


class FunctionConfig(Config):
    func: Annotated[str, Code("javascript")] = Field(
        "\nreturn msg;", title="Function", description="The body: what it returns is sent."
    )
    outputs: int = Field(1, ge=0, title="Outputs", description="How many outputs the node has.")
    timeout: Annotated[float, Unit("s")] = Field(
        0, ge=0, title="Timeout", description="How long the body may run without a pause; 0 is the usual limit."
    )
    noerr: int = Field(0, title="Errors", description="Mistakes that the editor found in the body.")
    initialize: Annotated[str, Code("javascript")] = Field("", title="Setup", description="Run once when the node starts.")
    finalize: Annotated[str, Code("javascript")] = Field("", title="Close", description="Run when the node stops.")
    libs: Annotated[list[dict[str, Any]], Widget("modules")] = Field(
        default_factory=list, title="Modules", description="Modules, and the variables that they are reached by."
    )
    language: Literal["javascript", "python"] = Field(
        "javascript", title="Language", description="The language of the body, the setup and the close code."
    )


class Function(Node[FunctionConfig]):
    """Runs a body of JavaScript or Python for every message."""

    type = "function"
    category = "function"
    color = "#FDD0A2"
    icon = "function.svg"
    label = "{name}"

    @classmethod
    def output_count(cls, config: FunctionConfig) -> int:
        return config.outputs

    async def start(self) -> None:
        config = self.config
        libraries = tuple((str(lib.get("var")), str(lib.get("module"))) for lib in config.libs)
        source = Source(config.func, config.initialize, config.finalize, libraries, config.timeout)
        self._function = JavaScriptFunction(self._engine(), _Host(self), source)
        await self._function.set_up()
        self.on_message = self._function.handle  # type: ignore[method-assign]

    async def stop(self) -> None:
        await self._function.close(self.removed)

    def _engine(self) -> JavaScript:
        runtime = self.flow.runtime
        if SERVICE not in runtime.services:
            settings = runtime.settings
            runtime.services[SERVICE] = JavaScript(
                runtime.contexts, time_limit=settings.function_timeout or 3600, memory_limit=settings.function_memory
            )
        engine: JavaScript = runtime.services[SERVICE]
        return engine


class _Host:
    """What the body sees of its node."""

    def __init__(self, node: Function) -> None:
        self._node = node
        self.id, self.name, self.path = node.id, node.name, f"{node.flow.path}/{node.id}"
        self.output_count = node.config.outputs
        self.send: Callable[[Any], None] = node.send
        self.hold: Callable[[Message], Hold] = node.hold
        self.error = node.error

    @property
    def context(self) -> Context:
        return self._node.context

    @property
    def flow_context(self) -> Context:
        return self._node.flow_context

    @property
    def global_context(self) -> Context:
        return self._node.global_context

    def env(self, name: str) -> Any:
        return self._node.env.get(name)

    def env_names(self) -> Iterable[str]:
        return os.environ

    def status(self, status: dict[str, Any]) -> None:
        self._node.flow.report_status(self._node, status)

    def log(self, level: str, value: Any) -> None:
        self._node.flow.log(self._node, level, value)

    def print(self, level: str, text: str) -> None:
        self._node.flow.log(self._node, "debug", text)

    def after(self, delay: float, callback: Callable[[], None], keeps: bool) -> Any:
        return self._node.after(delay, callback)

    def link_call(self, target: str, msg: Message, timeout: float) -> asyncio.Future[Message]:
        return LinkCalls.of(self._node.flow.runtime).call(self._node, target, msg, timeout)

    def evaluate(self, expression: str, msg: Any) -> Any:
        return compile_value(expression, "jsonata", self._node)(msg)
