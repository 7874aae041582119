"""JavaScript function bodies, in QuickJS.

One :class:`JavaScript` holds one context with all compiled functions of a runtime. A call passes the message, or what the body can
touch of it, as one JSON text; what comes back is nothing, the changed properties, or a list of everything that the body did.
Nothing in JavaScript can call out: a time limit is always on, and the engine forbids both at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import quickjs

from ..context import Contexts
from ..errors import BuswayError
from ..message import UNDEFINED
from . import modules
from .mirror import Mirror
from .values import TAG, Values, decode, plain_text

if TYPE_CHECKING:
    from .function import JavaScriptFunction

log = logging.getLogger("busway.script")

LARGEST_STACK = 1024 * 1024
"""Bytes of stack that JavaScript may use; the thread of the event loop has eight times as much."""
LONGEST = 3600.0
KEPT_FACTORIES = 256
KEPT_OBJECTS = 100
Engine = Callable[..., Any]
"""A function inside the JavaScript context."""


class JavaScript:
    """One JavaScript context.

    ``time_limit`` is in seconds of processor time, for functions that set none of their own (0: an hour); ``memory_limit`` is in bytes, for all
    functions together. Use it in one thread only, that of the event loop.
    """

    def __init__(self, contexts: Contexts, *, time_limit: float = 5.0, memory_limit: int = 256 * 1024 * 1024) -> None:
        self.time_limit = time_limit or LONGEST
        self.values = Values()
        self.functions: dict[int, JavaScriptFunction] = {}
        self._context = quickjs.Context()
        self._context.set_memory_limit(memory_limit)
        self._context.set_max_stack_size(LARGEST_STACK)
        self.limit = -1.0
        self._loaded: set[str] = set()
        self._factories: dict[str, Engine] = {}
        self._units = 0
        self._tidy_above = KEPT_OBJECTS
        self._namespace = self._context.eval("({})")
        self._member = self._context.eval("(object, name) => object[name]")
        for name in modules.ALWAYS:
            self.load(name)
        self._context.eval("Object.preventExtensions(globalThis)")
        self._take, self._fire, self._answer = self.entry("take"), self.entry("fire"), self.entry("reply")
        self.mirror = Mirror(contexts, self)
        self.limit_to(self.time_limit)

    # -- building -----------------------------------------------------------------------------------------------------
    def entry(self, name: str) -> Engine:
        """A function of the runtime inside, by name."""
        found: Engine = self._member(self._namespace, name)
        return found

    def load(self, name: str) -> None:
        """Loads one file of the runtime inside, once."""
        if name in self._loaded:
            return
        self._loaded.add(name)
        self._unlimited(
            lambda: self._context.eval(modules.source(name))(self._namespace, *([TAG] if name == "core" else []))
        )
        if name == "crypto":
            self.entry("seed")(secrets.token_hex(32))
        elif name == "os":
            self.entry("loadOs")(json.dumps(modules.os_facts()))

    def load_name(self, name: str) -> None:
        """Loads what defines a name that function bodies may use."""
        for file in modules.FILES_OF.get(name, ()):
            self.load(file)

    def factory(self, text: str) -> Engine:
        """Compiles a text to a function; the same text is compiled once. Raises quickjs.JSException."""
        found = self._factories.get(text)
        if found is None:
            found = self._unlimited(lambda: self._context.eval(text))
            if len(self._factories) >= KEPT_FACTORIES:
                self._factories.clear()
            self._factories[text] = found
        return found

    def _unlimited(self, work: Callable[[], Any]) -> Any:
        """Runs code of ours without the time limit of the function called last."""
        self.limit_to(max(self.time_limit, 5.0))
        return work()

    def add(self, function: JavaScriptFunction) -> int:
        """Gives a function its number."""
        self._units += 1
        self.functions[self._units] = function
        return self._units

    def instantiate(self, factory: Engine, info: dict[str, Any]) -> None:
        """Makes the JavaScript side of a function."""
        self.refresh()
        self.entry("define")(factory, *self.packed(info))

    def make_entry(self, source: str, unit: int) -> Engine:
        """The function that is called for each message."""
        made: Engine = self.factory(source)(self._namespace, unit)
        return made

    # -- the border -----------------------------------------------------------------------------------------------------
    def packed(self, value: Any) -> tuple[Any, ...]:
        """A value as the arguments ``text[, tagged]`` of a function inside."""
        text = plain_text(value)
        if text is not None:
            return (text,)
        text = self.values.text(value)
        if self.values.uses_bytes:
            self.load_name("Buffer")
        return text, True

    def unpacked(self, text: str) -> Any:
        """A text from inside, decoded."""
        return self.values.value(decode(text[1:])) if text[0] == "!" else decode(text)

    def limit_to(self, seconds: float) -> None:
        """Sets the time that the next calls may take."""
        if seconds != self.limit:
            self._context.set_time_limit(seconds)
            self.limit = seconds

    def refresh(self) -> None:
        """Sends in what has changed outside since the last call."""
        if self.values.released:
            release = self.entry("release")
            while self.values.released:
                release(self.values.released.pop())
        if self.mirror.changed:
            self.mirror.flush()

    def tidy(self) -> None:
        """Learns which of the objects that were passed by reference are not referred to inside any more."""
        if len(self.values.objects) > self._tidy_above:
            run = self._context.execute_pending_job
            while run():
                pass
            self.apply_answer(self._take())
            self._tidy_above = 2 * len(self.values.objects) + KEPT_OBJECTS

    def open_scope(self, info: dict[str, Any]) -> None:
        self.entry("openScope")(json.dumps(info))

    def close_scope(self, id: int) -> None:
        self.entry("closeScope")(id)

    def push(self, changes: list[list[Any]]) -> None:
        self.entry("push")(*self.packed(changes))

    def pull(self, scope: int, store: str, key: str) -> Any:
        found = self.unpacked(self._unlimited(lambda: self.entry("pull")(scope, store, key)))
        return found[0] if found else UNDEFINED

    # -- effects ----------------------------------------------------------------------------------------------------------
    def apply(self, effects: list[list[Any]]) -> None:
        """Does what JavaScript asked for, outside of the handling of a message."""
        for kind, unit, *rest in effects:
            function = self.functions.get(unit)
            if function is not None:
                function.effect(kind, rest)
            elif not unit:
                self.own_effect(kind, rest)

    def own_effect(self, kind: str, rest: list[Any]) -> None:
        """An effect that concerns no single function."""
        if kind == "ahead":
            self.mirror.ahead(*rest)
        elif kind == "stored":
            self._stored(*rest)
        elif kind == "free":
            self.values.objects.pop(rest[0], None)

    def _stored(self, scope: int, store: str, values: list[list[Any]]) -> None:
        try:
            self.mirror.stored(scope, store, values)
        except BuswayError as error:
            log.error("context that a function has set could not be stored: %s", error)

    def apply_answer(self, text: str | None) -> None:
        """Does what an answer lists, whoever it concerns."""
        if text is not None:
            self.apply(self.unpacked(text)[3:])

    def fire(self, function: JavaScriptFunction, timer: int) -> None:
        """A timer of a function has run out."""
        self._run(function, self._fire, function.unit, timer)

    def answer(self, function: JavaScriptFunction, question: int, found: Any) -> None:
        """Answers what a function asked for: a value, or the exception that prevented it."""
        if isinstance(found, BaseException):
            code = getattr(found, "code", None)
            told = {"message": str(found)} | ({"code": code} if isinstance(code, str) and code else {})
            self._run(function, self._answer, question, False, json.dumps(told))
        else:
            self._run(function, self._answer, question, True, *self.packed(found))

    def _run(self, function: JavaScriptFunction, engine: Engine, *args: Any) -> None:
        """Calls into JavaScript outside of the handling of a message, for a function that answers for what goes wrong."""
        self.refresh()
        self.limit_to(function.time_limit)
        try:
            self.apply_answer(engine(*args))
        except quickjs.JSException as error:
            function.broke(error)
            self.recover()
        if function.queues:
            self.drain(function)

    def drain(self, function: JavaScriptFunction) -> None:
        """Runs the jobs that promises left behind; a long row of them gives way to the event loop now and then."""
        self.limit_to(function.time_limit)
        in_time = self._run_jobs(function, time.monotonic() + function.time_limit)
        self.apply_answer(self._take())
        if not in_time:
            asyncio.get_running_loop().call_soon(self.drain, function)

    def _run_jobs(self, function: JavaScriptFunction, deadline: float) -> bool:
        """Runs jobs until there are none; False when time is up."""
        run = self._context.execute_pending_job
        while True:
            try:
                while run():
                    if time.monotonic() > deadline:
                        return False
                return True
            except quickjs.JSException as error:
                function.broke(error)

    def recover(self) -> None:
        """After a call that broke off: what it did until then counts."""
        try:
            self.apply_answer(self._unlimited(self._take))
        except quickjs.JSException as error:
            log.error("effects of a function that broke off are lost: %s", error)

    # -- the end --------------------------------------------------------------------------------------------------------
    def remove(self, function: JavaScriptFunction) -> None:
        """Forgets a function."""
        if self.functions.pop(function.unit, None) is not None:
            self.entry("forget")(function.unit)

    def close(self) -> None:
        """Ends the context; values that live in it are fetched first."""
        self.mirror.close()
        self.functions.clear()
