"""One JavaScript function body with its set-up and clean-up code: how it is called, and what its effects do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
import quickjs

from ..errors import ScriptError
from ..message import Fresh, Message, clone
from .access import Transfer
from .asking import Asking
from .calls import Call
from .compilation import Compilation, prepare
from .crossing import Apply, Pack, compile_apply, compile_pack, compile_singles
from .entry import Form, entry_source
from .failures import raised_error, script_error, syntax_error
from .host import Cancellable, Host
from .javascript import Engine, JavaScript
from .messages import addressed, filled, whole_or_changed
from .source import Source
from .values import STRICT, decode, is_plain

_UNMARKED = (None, False)


class JavaScriptFunction:
    """A compiled function. :attr:`handle` is called with each message.

    Raises ScriptSyntaxError where the source does not compile, ConfigError for a module that there is none of or a variable that
    has a meaning already.
    """

    def __init__(self, engine: JavaScript, host: Host, source: Source) -> None:
        self._engine, self._host, self._source = engine, host, source
        self.time_limit = source.timeout or engine.time_limit
        compilation = prepare(source, host.id)
        self.access, self._layout = compilation.parts[0], compilation.layout
        self.queues = any(part.queues for part in compilation.parts)
        self._late = "node" in self.access.free and (self.access.closes_over or self.access.queues)
        self._calls: dict[int, Call] = {}
        self._timers: dict[int, Cancellable] = {}
        self._asking = Asking(host.id, self._answer)
        self._begun: Call | None = None
        self._current: Message | None = None
        self._shows_status = False
        self._apply: Apply | None = None
        names = host.env_names() if compilation.environment is None else compilation.environment
        self._environment = {name: host.env(name) for name in names}
        self.unit = self._build(compilation)
        self.handle = self._handler()

    @property
    def shares(self) -> bool:
        """Whether the body can change no more of a message than its members, and sends by returning alone."""
        access = self.access
        if access.transfer is None or access.is_async or access.queues or access.closes_over:
            return False
        if not access.free.isdisjoint(("node", "RED")):
            return False
        return all(len(path) == 1 for path in access.transfer.writes)

    # -- building -----------------------------------------------------------------------------------------------------
    def _build(self, compilation: Compilation) -> int:
        engine, host = self._engine, self._host
        for file in compilation.files:
            engine.load(file)
        try:
            factory = engine.factory(compilation.text)
        except quickjs.JSException as error:
            raise syntax_error(error, self._layout) from None
        unit = engine.add(self)
        info = {
            "id": unit,
            "node": {"id": host.id, "name": host.name, "path": host.path, "outputCount": host.output_count},
            "scopes": self._scopes(compilation.free),
            "names": compilation.names,
            "implicit": compilation.implicit,
            "scoped": compilation.scoped,
            "libs": compilation.libraries,
            "env": self._environment,
        }
        engine.instantiate(factory, info)
        return unit

    def _scopes(self, free: frozenset[str]) -> dict[str, int]:
        """The mirrored scopes that the source can reach."""
        mirror, host, every = self._engine.mirror, self._host, "context" in free
        scopes = {"context": mirror.open(host.context)} if every else {}
        if every or "flow" in free or "RED" in free:
            scopes["flow"] = mirror.open(host.flow_context)
        if every or "global" in free or "RED" in free:
            scopes["global"] = mirror.open(host.global_context)
        return scopes

    def _entry(self, transfer: Transfer | None) -> Engine:
        access = self.access
        form = Form("node" in access.free, access.detaches_node, self._late, access.manual_done)
        return self._engine.make_entry(entry_source(transfer, form), self.unit)

    # -- calling ----------------------------------------------------------------------------------------------------------
    def _handler(self) -> Callable[[Message], Any]:
        transfer = self.access.transfer
        handler = self._guarded(self._calling_whole()) if transfer is None else self._partial_handler(transfer)
        if not self._environment:
            return handler
        refresh = self._refresh_environment

        def handle(msg: Message) -> Any:
            refresh()
            return handler(msg)

        return handle

    def _refresh_environment(self) -> None:
        """Sends in the environment variables that have changed: those of the process may at any time."""
        changed = {}
        for name, before in self._environment.items():
            value = self._host.env(name)
            if value is not before and value != before:
                changed[name] = self._environment[name] = value
        if changed:
            self._engine.entry("setEnv")(self.unit, *self._engine.packed(changed))

    def _partial_handler(self, transfer: Transfer) -> Callable[[Message], Any]:
        pack = compile_pack(transfer)
        self._apply = compile_apply(transfer)
        entry = self._entry(transfer)
        if pack is None:
            return self._guarded((lambda msg: entry(msg.get("_msgid"))) if self._late else (lambda msg: entry()))
        packing = self._packing(entry, pack)
        singles = compile_singles(transfer, self._late)
        return self._guarded(packing if singles is None else singles(entry, packing))

    def _packing(self, entry: Engine, pack: Pack) -> Callable[[Message], Any]:
        """Calls with the parts of a message that the body can touch."""
        late, marked = self._late, self._call_marked
        dumps, strict = orjson.dumps, STRICT
        whole: Callable[[Message], Any] | None = None

        def call(msg: Message) -> Any:
            nonlocal whole
            given = pack(msg)
            if given is None:
                whole = whole or self._calling_whole()
                return whole(msg)
            try:
                raw = dumps(given, option=strict)
            except TypeError:
                return marked(entry, given, msg)
            if b"null" in raw and not is_plain(given):
                return marked(entry, given, msg)
            return entry(raw.decode(), False, msg.get("_msgid")) if late else entry(raw.decode())

        return call

    def _calling_whole(self) -> Callable[[Message], Any]:
        """Calls with the whole message."""
        engine, entry, host = self._engine, self._entry(None), self._host

        def call(msg: Message) -> Any:
            packed = engine.packed(msg)
            answer = entry(*packed, *_UNMARKED[len(packed) :], msg.get("_msgid"), host.watched)
            if len(packed) == 2:
                engine.tidy()
            return answer

        return call

    def _guarded(self, call: Callable[[Message], Any]) -> Callable[[Message], Any]:
        """The handler: what is done before a call, and with its answer."""
        engine, limit, finish, broke, apply = self._engine, self.time_limit, self._finish, self._broke, self._apply
        changed, released = engine.mirror.changed, engine.values.released

        def handle(msg: Message) -> Any:
            if changed or released:
                engine.refresh()
            if engine.limit != limit:
                engine.limit_to(limit)
            try:
                answer = call(msg)
            except Exception as error:
                raise broke(error, msg) from None
            if answer is None:
                return None
            if answer is True:
                return msg
            if type(answer) is str and answer[0] == '"':
                if apply is None:
                    msg.update(decode("{" + answer + "}"))
                else:
                    apply(msg, decode("{" + answer + "}"))
                return msg
            return finish(msg, answer)

        return handle

    def _call_marked(self, entry: Engine, given: dict[str, Any], msg: Message) -> Any:
        """Calls with values that JSON has no form for."""
        answer = entry(*self._engine.packed(given), msg.get("_msgid"))
        self._engine.tidy()
        return answer

    def _broke(self, error: Exception, msg: Message) -> ScriptError:
        """The engine broke the call off: out of time or memory."""
        self._current = msg
        try:
            self._engine.recover()
        finally:
            self._current = None
        return raised_error(error, self._layout, self.time_limit)

    def broke(self, error: Exception) -> None:
        """A timer or a job broke off. The call that it belonged to is known only if there is no other."""
        raised = raised_error(error, self._layout, self.time_limit)
        if len(self._calls) == 1:
            self._settle(next(iter(self._calls.values())), None, raised)
        else:
            self._host.error(raised, {})

    def _finish(self, msg: Message, answer: Any) -> Any:
        """Takes any answer that is not one of the simplest."""
        if type(answer) is int:
            return (answer, msg) if answer else msg
        if answer[0] == "{":
            whole_or_changed(msg, decode(answer), True)
            return msg
        if answer[0] in "0123456789":
            at, _, changes = answer.partition(",")
            self._apply_changes(msg, decode("{" + changes + "}"))
            return int(at), msg
        return self._finish_list(msg, answer)

    def _finish_list(self, msg: Message, answer: str) -> Any:
        """Takes an answer apart: ``[result, changes, deleted, effect...]``."""
        result, changes, deleted, *effects = self._engine.unpacked(answer)
        self._current, self._begun = msg, None
        try:
            for effect in effects:
                self._one(effect)
        finally:
            self._current = None
        begun = self._begun
        if result == 2:
            return self._wait(begun or Call(changes, msg))
        self._change(msg, changes, deleted)
        if type(result) is dict and "error" in result:
            if begun is not None:
                self._calls.pop(begun.number, None)
            raise script_error(result["error"], self._layout)
        out = self._outputs(result, msg)
        return out if begun is None else self._outcome(begun, out)

    def _one(self, effect: list[Any]) -> None:
        kind, unit, *rest = effect
        if unit == self.unit:
            self.effect(kind, rest)
        else:
            self._engine.apply([effect])

    def _wait(self, call: Call) -> Any:
        """The body awaits something: often that is over at once."""
        self._calls[call.number] = call
        self._engine.drain(self)
        return self._outcome(call) if call.over else self._hold(call)

    def _outcome(self, call: Call, out: Any = None) -> Any:
        """What a call gives whose body has returned within the handler."""
        if not call.returned:
            call.settle(out, None)
        if not call.over:
            return self._hold(call)
        self._calls.pop(call.number, None)
        if call.error is not None:
            raise call.error
        return call.out

    def _hold(self, call: Call) -> Any:
        assert call.msg is not None
        call.held = self._host.hold(call.msg)
        return call.out

    def _change(self, msg: Message, changes: dict[str, Any] | None, deleted: Any) -> None:
        whole_or_changed(msg, changes, deleted, self._apply_changes, self.access.transfer)

    def _apply_changes(self, msg: Message, changes: dict[str, Any]) -> None:
        if self._apply is None:
            msg.update(changes)
        else:
            self._apply(msg, changes)

    def _outputs(self, result: Any, msg: Message) -> Any:
        """What was returned, as messages with the id of the message that came in."""
        if result == 0:
            return None
        if result == 1:
            return msg
        if type(result) is dict:
            return self._addressed(filled(result["own"], msg), msg.get("_msgid"))
        out = self._addressed(result[0], msg.get("_msgid"))
        return Fresh(out) if type(out) is list else out

    def _addressed(self, value: Any, msgid: Any) -> Any:
        found = addressed(value, msgid)
        for kind in found.refused:
            self._host.error(ScriptError(f"Function tried to send a message of type {kind}", name=""), None)
        return found.out

    # -- effects ------------------------------------------------------------------------------------------------------------
    def effect(self, kind: str, rest: list[Any]) -> None:
        """Does one thing that the body asked for; what prevents it is an error of the node."""
        try:
            _EFFECTS[kind](self, *rest)
        except Exception as error:
            self._host.error(error, None)

    def _carried(self, number: int, outs: Any, changes: Any, deleted: Any, copy: bool) -> Any:
        """What an effect carries: messages, with the state that the call's own message had at that moment."""
        if outs == 0:
            return None
        if type(outs) is list:
            return outs[0]
        call = self._calls.get(number)
        own = call.msg if call is not None and call.msg is not None else self._current
        if own is None:
            own = {}
        elif copy:
            own = {} if deleted is True else clone(own)
        self._change(own, changes, deleted)
        return own if outs == 1 else filled(outs["own"], own)

    def _send(self, number: int, msgid: Any, copy: bool, outs: Any, changes: Any, deleted: Any) -> None:
        value = self._carried(number, outs, changes, deleted, copy)
        out = self._addressed(value, msgid if msgid is not None else (self._current or {}).get("_msgid"))
        if out is None:
            return
        call = self._calls.get(number)
        (call.held if call is not None and call.held is not None else self._host).send(out)

    def _error(self, number: int, msgid: Any, told: dict[str, Any], outs: Any, changes: Any, deleted: Any) -> None:
        msg = self._carried(number, outs, changes, deleted, True)
        self._host.error(script_error(told, self._layout), msg if isinstance(msg, dict) else None)

    def _status(self, status: Any) -> None:
        self._shows_status = True
        self._host.status(status if isinstance(status, dict) else {"text": "" if status is None else status})

    def _log(self, level: str, value: Any) -> None:
        self._host.log(level, value)

    def _console(self, level: str, text: str) -> None:
        self._host.print(level, text)

    # -- effects: timers
    def _timer(self, id: int, milliseconds: float, repeats: bool) -> None:
        def fire() -> None:
            if repeats:
                self._timer(id, milliseconds, True)
            else:
                self._timers.pop(id, None)
            self._engine.fire(self, id)

        self._timers[id] = self._host.after(milliseconds / 1000, fire, not repeats)

    def _untimer(self, id: int) -> None:
        timer = self._timers.pop(id, None)
        if timer is not None:
            timer.cancel()

    # -- effects: calls that go on
    def _begin(self, number: int) -> None:
        self._begun = self._calls[number] = Call(number, self._current, manual=True)

    def _finished(self, number: int, error: dict[str, Any] | None) -> None:
        call = self._calls.get(number)
        if call is not None:
            call.finish(script_error(error, self._layout) if error is not None else None)
            if call.over:
                self._calls.pop(number)

    def _done(self, number: int, result: Any, changes: Any, deleted: Any) -> None:
        call = self._calls.get(number)
        if call is None:
            return
        out = None
        if call.msg is not None:
            self._change(call.msg, changes, deleted)
            out = self._outputs(result, call.msg)
        self._settle(call, out, None)

    def _failed(self, number: int, error: dict[str, Any], changes: Any, deleted: Any) -> None:
        call = self._calls.get(number)
        if call is not None:
            if call.msg is not None:
                self._change(call.msg, changes, deleted)
            self._settle(call, None, script_error(error, self._layout))

    def _settle(self, call: Call, out: Any, error: ScriptError | None) -> None:
        call.settle(out, error)
        if call.over:
            self._calls.pop(call.number, None)

    # -- effects: questions
    def _link(
        self, question: int, number: int, target: str, milliseconds: float, copy: bool, outs: Any, w: Any, d: Any
    ) -> None:
        msg = self._carried(number, outs, w, d, copy)
        try:
            answer = self._host.link_call(target, msg, milliseconds / 1000)
        except Exception as error:
            self._answer_soon(question, error)
            return
        answer.add_done_callback(lambda done: self._linked(question, done))

    def _linked(self, question: int, done: asyncio.Future[Message]) -> None:
        if not done.cancelled():
            self._answer(question, done.exception() or done.result())

    def _jsonata(self, question: int, expression: str, msg: Any) -> None:
        try:
            self._answer_soon(question, self._host.evaluate(expression, msg))
        except Exception as error:
            self._answer_soon(question, error)

    def _context(self, question: int, scope: int, asked: list[Any]) -> None:
        self.queues = True  # what waits for the answer is a job
        self._asking.start(question, self._engine.mirror.context(scope), asked)

    def _answer_soon(self, question: int, found: Any) -> None:
        asyncio.get_running_loop().call_soon(self._answer, question, found)

    def _answer(self, question: int, found: Any) -> None:
        if self.unit in self._engine.functions:
            self._engine.answer(self, question, found)

    # -- life -----------------------------------------------------------------------------------------------------------------
    async def set_up(self) -> None:
        """Runs the set-up code; raises ScriptError when it fails."""
        if self._source.setup.strip():
            await self._run("setUp", self.unit)

    async def close(self, removed: bool) -> None:
        """Runs the clean-up code and the listeners of ``close``, then forgets the function."""
        try:
            await self._run("close", self.unit, removed)
        except ScriptError as error:
            self._host.error(error, None)
        finally:
            for timer in list(self._timers.values()):
                timer.cancel()
            self._asking.cancel()
            self._engine.remove(self)
            if removed:
                self._engine.mirror.forget(self._host.context)
        if self._shows_status:
            self._host.status({})

    async def _run(self, entry: str, *args: Any) -> None:
        """Calls a part of the source that is not a message handler, and waits for what it promises."""
        engine = self._engine
        engine.refresh()
        engine.limit_to(self.time_limit)
        try:
            text = engine.entry(entry)(*args)
        except quickjs.JSException as error:
            engine.recover()
            raise raised_error(error, self._layout, self.time_limit) from None
        result, number, _, *effects = engine.unpacked(text) if text is not None else (0, 0, None)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if result == 2:
            self.queues = True
            self._calls[number] = Call(number, None, future=future)
        engine.apply(effects)
        if self.queues:
            engine.drain(self)
        if result == 2:
            with suppress(asyncio.CancelledError):
                await future
        elif type(result) is dict:
            raise script_error(result["error"], self._layout)


_EFFECTS: dict[str, Callable[..., None]] = {
    "send": JavaScriptFunction._send,
    "error": JavaScriptFunction._error,
    "status": JavaScriptFunction._status,
    "log": JavaScriptFunction._log,
    "console": JavaScriptFunction._console,
    "timer": JavaScriptFunction._timer,
    "untimer": JavaScriptFunction._untimer,
    "begun": JavaScriptFunction._begin,
    "finished": JavaScriptFunction._finished,
    "done": JavaScriptFunction._done,
    "failed": JavaScriptFunction._failed,
    "link": JavaScriptFunction._link,
    "jsonata": JavaScriptFunction._jsonata,
    "context": JavaScriptFunction._context,
}
