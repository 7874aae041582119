"""Python function bodies.

A body is compiled once to a function of ``msg``, a coroutine function where it awaits. It is trusted code: it runs in the process,
with everything that Python can do and no limit of time or memory.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, cast

from ..context import Context, Contexts, parse_key
from ..errors import ScriptError, ScriptSyntaxError
from ..message import UNDEFINED, Message, clone
from .host import Host
from .messages import addressed
from .source import Source

Body = Callable[..., Any]
CURRENT: ContextVar[Any] = ContextVar("busway_function_message", default=None)
"""The id of the message that a body that uses ``node`` works on."""
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_AWAITING = (ast.Await, ast.AsyncFor, ast.AsyncWith)


class PythonFunction:
    """A compiled function. :attr:`handle` is called with each message; it is a coroutine function where the body awaits.

    Raises ScriptSyntaxError where the source does not compile.
    """

    shares = False
    """A body may do anything with a message."""

    def __init__(self, host: Host, contexts: Contexts, source: Source) -> None:
        self._host = host
        self._file = f"<function {host.id}>"
        self._closers: list[Callable[[], Any]] = []
        self._shows_status = False
        self._names = self._namespace(host, contexts)
        self._setup = self._compile(source.setup, "setup") if source.setup.strip() else None
        self._cleanup = self._compile(source.cleanup, "close") if source.cleanup.strip() else None
        body = self._compile(source.body, "function")
        self.handle = self._waiting_handler(body) if is_coroutine(body) else self._handler(body)

    def _namespace(self, host: Host, contexts: Contexts) -> dict[str, Any]:
        return {
            "__name__": f"function_{host.id}",
            "node": NodeApi(host, self),
            "context": ContextApi(host.context, contexts),
            "flow": ContextApi(host.flow_context, contexts),
            "global_": ContextApi(host.global_context, contexts),
            "env": EnvironmentApi(host),
            "log": LogApi(host),
        }

    # -- compiling ----------------------------------------------------------------------------------------------------
    def _compile(self, source: str, part: str) -> Body:
        file = self._file if part == "function" else f"{self._file[:-1]} {part}>"
        parameters = ["msg"] if part == "function" else []
        try:
            module = function_of(source, parameters)
            code = compile(module, file, "exec")
        except (SyntaxError, ValueError) as error:
            raise _syntax_error(error, part) from None
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        found: dict[str, Any] = {}
        exec(code, self._names, found)
        return cast(Body, found["body"])

    # -- calling ------------------------------------------------------------------------------------------------------
    def _handler(self, body: Body) -> Callable[[Message], Any]:
        failed, returned = self._failed, self._returned

        def handle(msg: Message) -> Any:
            try:
                out = body(msg)
            except Exception as error:
                raise failed(error) from error
            return out if out is msg or out is None else returned(out, msg)

        if "node" not in body.__code__.co_names:
            return handle

        def handle_telling(msg: Message) -> Any:
            CURRENT.set(msg.get("_msgid"))
            return handle(msg)

        return handle_telling

    def _waiting_handler(self, body: Body) -> Callable[[Message], Awaitable[Any]]:
        async def handle(msg: Message) -> Any:
            CURRENT.set(msg.get("_msgid"))
            try:
                out = await body(msg)
            except Exception as error:
                raise self._failed(error) from error
            return out if out is msg or out is None else self._returned(out, msg)

        return handle

    def _returned(self, out: Any, msg: Message) -> Any:
        if type(out) is tuple:
            if len(out) == 2 and type(out[0]) is int:
                return out[0], self._addressed(out[1], msg.get("_msgid"))
            out = list(out)
        return self._addressed(out, msg.get("_msgid"))

    def _addressed(self, out: Any, msgid: Any) -> Any:
        found = addressed(out, msgid)
        for kind in found.refused:
            self._host.error(ScriptError(f"Function tried to send a message of type {kind}", name=""), None)
        return found.out

    def send(self, out: Any, copy: bool) -> None:
        """Sends from inside a body; the first message is copied, so that the body may go on changing it."""
        if type(out) is tuple:
            out = [None] * out[0] + [out[1]] if len(out) == 2 and type(out[0]) is int else list(out)
        found = self._addressed(_first_copied(out) if copy else out, CURRENT.get())
        if found is not None:
            self._host.send(found)

    def _failed(self, error: BaseException) -> ScriptError:
        """What a body raised, with the line of the user's code."""
        if isinstance(error, ScriptError):
            return error
        name, text = type(error).__name__, str(error)
        frames = [(file, line) for file, line, _ in _frames(error.__traceback__) if file.startswith(self._file[:-1])]
        stack = "".join(_lines(name, text, error.__traceback__, self._file[:-1]))
        line = frames[-1][1] if frames else None
        shown = f"{text} (line {line})" if line is not None else text
        return ScriptError(
            shown, name=name, line=line, stack=stack, code=getattr(error, "code", None), cause=_cause(error)
        )

    # -- life -----------------------------------------------------------------------------------------------------------
    def on_close(self, closer: Callable[[], Any]) -> None:
        """Calls ``closer()`` when the node stops; it may be a coroutine function."""
        self._closers.append(closer)

    def status_shown(self) -> None:
        """Notes that there is a status to clear."""
        self._shows_status = True

    async def set_up(self) -> None:
        """Runs the set-up code; raises ScriptError when it fails."""
        if self._setup is not None:
            await self._run(self._setup)

    async def close(self, removed: bool) -> None:
        """Runs the clean-up code and what ``node.on_close`` was given."""
        for closer in ([self._cleanup] if self._cleanup is not None else []) + self._closers:
            try:
                await self._run(closer)
            except ScriptError as error:
                self._host.error(error, None)
        if self._shows_status:
            self._host.status({})

    async def _run(self, part: Body) -> None:
        try:
            ended = part()
            if isinstance(ended, Awaitable):
                await ended
        except Exception as error:
            raise self._failed(error) from error


# -- compiling --------------------------------------------------------------------------------------------------------
def function_of(source: str, parameters: list[str]) -> ast.Module:
    """A module with one function ``body`` that has ``source`` as its body, lines as they are. Raises SyntaxError."""
    statements = ast.parse(source).body
    function = ast.AsyncFunctionDef if _awaits(statements) else ast.FunctionDef
    arguments = ast.arguments([], [ast.arg(name) for name in parameters], None, [], [], None, [])
    made = ast.parse("").body  # an empty list of the right type
    made.append(function("body", arguments, statements or [ast.Pass()], [], lineno=1, col_offset=0))
    return ast.fix_missing_locations(ast.Module(made, []))


def _awaits(statements: list[ast.stmt]) -> bool:
    """Whether the statements themselves await; a ``yield`` of theirs is refused: a body returns."""
    found = False
    for node in _own_nodes(statements):
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            raise SyntaxError("'yield' outside of a function of its own: return, or use node.send()", _place(node))
        found |= isinstance(node, _AWAITING) or (isinstance(node, ast.comprehension) and bool(node.is_async))
    return found


def _own_nodes(statements: list[ast.stmt]) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = list(statements)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _SCOPES):
            waiting.extend(ast.iter_child_nodes(node))


def _place(node: ast.expr) -> tuple[None, int, int, None]:
    return None, node.lineno, node.col_offset + 1, None


def is_coroutine(body: Body) -> bool:
    """Whether a compiled body awaits."""
    return bool(body.__code__.co_flags & 0x80)


def _syntax_error(error: Exception, part: str) -> ScriptSyntaxError:
    line, column = (error.lineno, error.offset) if isinstance(error, SyntaxError) else (None, None)
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    where = f"line {line}, col {column}" + ("" if part == "function" else f" of the {part} code")
    return ScriptSyntaxError(f"{message} ({where})", name="SyntaxError", line=line, column=column)


# -- errors -------------------------------------------------------------------------------------------------------------
def _frames(traceback: TracebackType | None) -> Iterator[tuple[str, int, str]]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield code.co_filename, traceback.tb_lineno, code.co_name
        traceback = traceback.tb_next


def _lines(name: str, text: str, traceback: TracebackType | None, file: str) -> Iterator[str]:
    """The stack as JavaScript's are written: innermost first, from the user's code on."""
    yield f"{name}: {text}"
    frames = list(_frames(traceback))
    first = next((at for at, frame in enumerate(frames) if frame[0].startswith(file)), len(frames))
    for where, line, function in reversed(frames[first:]):
        shown = "function" if where.startswith(file) else where
        yield f"\n    at {function} ({shown}:{line})"


def _cause(error: BaseException) -> Any:
    return {"name": type(error.__cause__).__name__, "message": str(error.__cause__)} if error.__cause__ else None


def _first_copied(out: Any) -> Any:
    if type(out) is dict:
        return clone(out)
    if not isinstance(out, list):
        return out
    for at, element in enumerate(out):
        if element is not None and element != []:
            return [*out[:at], _first_copied(element), *out[at + 1 :]]
    return out


# -- what bodies see ------------------------------------------------------------------------------------------------------
class NodeApi:
    """``node``: the function node itself."""

    def __init__(self, host: Host, function: PythonFunction) -> None:
        self._host, self._function = host, function
        self.id, self.name, self.path, self.output_count = host.id, host.name, host.path, host.output_count

    def send(self, out: Any, copy: bool = True) -> None:
        """Sends a message, a list per output, or ``(output number, message)``."""
        self._function.send(out, copy)

    def status(self, text: Any = "", fill: str | None = None, shape: str = "dot") -> None:
        """Shows a status: ``text`` with a mark of colour ``fill``, or a dict of all three. Without arguments it is cleared."""
        self._function.status_shown()
        if isinstance(text, dict):
            self._host.status(text)
            return
        self._host.status(
            ({"fill": fill, "shape": shape} if fill else {}) | ({"text": text} if text not in ("", None) else {})
        )

    def error(self, error: Any, msg: Message | None = None) -> None:
        """Reports an error; with the message it concerns catch nodes hear of it."""
        found = error if isinstance(error, BaseException) else ScriptError(str(error), name="")
        self._host.error(found, msg)

    def log(self, value: Any) -> None:
        self._host.log("info", value)

    def warn(self, value: Any) -> None:
        self._host.log("warn", value)

    def debug(self, value: Any) -> None:
        self._host.log("debug", value)

    def trace(self, value: Any) -> None:
        self._host.log("trace", value)

    def after(self, seconds: float, callback: Callable[..., Any], *args: Any) -> Any:
        """Calls ``callback(*args)`` later, unless the node stops before; ``.cancel()`` stops it."""
        return self._host.after(seconds, lambda: callback(*args), True)

    def on_close(self, callback: Callable[[], Any]) -> None:
        """Calls ``callback()`` when the node stops."""
        self._function.on_close(callback)

    async def linkcall(self, target: str, msg: Message, seconds: float = 5, copy: bool = True) -> Message:
        """Calls a link in node by its id or name; the message that comes back within so many seconds."""
        return await self._host.link_call(target, clone(msg) if copy else msg, seconds)


class LogApi:
    """``log``: ``log(value)``, ``log.warn(value)``, ``log.error(value)``, ``log.debug(value)``."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def __call__(self, value: Any) -> None:
        self._host.log("info", value)

    def info(self, value: Any) -> None:
        self._host.log("info", value)

    def warn(self, value: Any) -> None:
        self._host.log("warn", value)

    def error(self, value: Any) -> None:
        self._host.error(ScriptError(str(value), name=""), None)

    def debug(self, value: Any) -> None:
        self._host.log("debug", value)


class ContextApi:
    """``context``, ``flow``, ``global_``: values kept between messages."""

    def __init__(self, context: Context, contexts: Contexts) -> None:
        self._context, self._contexts = context, contexts

    def get(self, key: str, default: Any = None, store: str | None = None) -> Any:
        """The value of a key or path, ``default`` where there is none. Lists and dicts are the stored ones: changing them
        changes the context."""
        value = self._context.get(key, store)
        if value is UNDEFINED:
            return default
        if type(value) in (dict, list) and self._contexts.listeners:
            found = parse_key(key)
            self._contexts.changed(self._context.scope, store or found.store, found.path)  # type: ignore[arg-type]
        return value

    def set(self, key: str, value: Any, store: str | None = None) -> None:
        """Sets a key or path."""
        self._context.set(key, value, store)

    def delete(self, key: str, store: str | None = None) -> None:
        """Removes a key or path."""
        self._context.set(key, UNDEFINED, store)

    def keys(self, store: str | None = None) -> list[str]:
        """All keys."""
        return self._context.keys(store)

    # -- awaited: works with every store ---------------------------------------------------------------------------
    async def aget(self, key: str, default: Any = None, store: str | None = None) -> Any:
        """As :meth:`get`, for every store."""
        value = await self._context.aget(key, store)
        return default if value is UNDEFINED else value

    async def aset(self, key: str, value: Any, store: str | None = None) -> None:
        """As :meth:`set`, for every store."""
        await self._context.aset(key, value, store)

    async def adelete(self, key: str, store: str | None = None) -> None:
        """As :meth:`delete`, for every store."""
        await self._context.aset(key, UNDEFINED, store)

    async def akeys(self, store: str | None = None) -> list[str]:
        """As :meth:`keys`, for every store."""
        return await self._context.akeys(store)

    async def increment(self, key: str, by: float = 1, store: str | None = None) -> float:
        """Adds to a number, 0 where there is none, and gives the new one; nobody else changes it in between."""
        return await self._context.increment(key, by, store)

    async def compare_and_set(self, key: str, expected: Any, value: Any, store: str | None = None) -> bool:
        """Sets a value only if it is ``expected`` (None: there is none); whether it was."""
        return await self._context.compare_and_set(key, expected, value, store)

    async def update(
        self, key: str, change: Callable[[Any], Any], store: str | None = None, default: Any = None
    ) -> Any:
        """Sets a value to ``change(value)`` and gives it; ``change`` may be called again when somebody else was faster."""
        return await self._context.update(key, change, store, default)

    def __getitem__(self, key: str) -> Any:
        value = self.get(key, UNDEFINED)
        if value is UNDEFINED:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        self.set(key, value)

    def __contains__(self, key: str) -> bool:
        return self._context.get(key) is not UNDEFINED


class EnvironmentApi:
    """``env``: ``env.get(name)``, ``env[name]``."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a variable, ``default`` where there is none."""
        value = self._host.env(name)
        return default if value is UNDEFINED else value

    def __getitem__(self, name: str) -> Any:
        value = self._host.env(name)
        if value is UNDEFINED:
            raise KeyError(name)
        return value

    def __contains__(self, name: str) -> bool:
        return self._host.env(name) is not UNDEFINED
