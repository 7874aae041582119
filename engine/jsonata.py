"""JSONata expressions: an interface of ours, so that the engine behind it (``jsonatapy``) can be exchanged.

Added to the language, as in Node-RED: ``$env(name)``, ``$flowContext(key[, store])``, ``$globalContext(key[, store])``,
``$moment(...)`` with its methods (``$moment().add(1, "day").format("YYYY-MM-DD")``) and ``$clone(value)``.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .context import Context, parse_key
from .errors import ValueEvaluationError
from .message import UNDEFINED, resolve_path
from .moment import Moment, iso_text

if TYPE_CHECKING:
    from .values import ValueScope

TIME_LIMIT = 5.0
"""Seconds that one evaluation may take: endless recursion is that node's error, the process goes on."""

_LEGACY = re.compile(r"(?:^|[^a-zA-Z0-9_'\".])msg(?:[^a-zA-Z0-9_'\"]|$)")
_CODE = re.compile(r"(?:Parse error: )?(?:Invalid syntax: )?(?:([A-Z]\d{4}): )?(.*)", re.DOTALL)
_HOST_ERROR = re.compile(r"host function raised \w+: (.*)", re.DOTALL)
_QUOTED_OR_METHOD = r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|/\*.*?\*/)|\.\s*(%s)\s*\((\s*\))?"""
_CONTEXTS = ("flowContext", "globalContext")
_HANDLE = "\0handle"
_MOMENT = "\0moment"
_LARGEST = 2**63


class ExpressionError(ValueEvaluationError):
    """A JSONata expression does not parse, or its evaluation failed. ``code`` is JSONata's (``T2001``), or empty."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


def compile_expression(text: str, scope: ValueScope | None = None) -> Expression:
    """Compiles an expression. ``scope`` is where its functions look environment and context up; without one they find
    nothing.

    Raises ExpressionError when the text is no expression.
    """
    return Expression(text, scope)


class Expression:
    """A compiled expression; evaluating it has no effect on the data it is given."""

    def __init__(self, text: str, scope: ValueScope | None) -> None:
        self.text, self._scope = text, scope
        self.legacy = _LEGACY.search(text) is not None
        """Whether the expression speaks of ``msg``: then its context is ``{"msg": message}``."""
        self._handles: list[Any] = []
        self._uses_moment = "$moment" in text
        _compile(text)
        self._run = self._prepare("{}")
        self._exists: Callable[..., Any] | None = None

    def _prepare(self, form: str) -> Callable[..., Any]:
        """Compiles the text inside ``form``, with what it may call."""
        text = _methods_to_functions(self.text) if self._uses_moment else self.text
        used = [name for name in _CONTEXTS if f"${name}" in text]
        if used or form != "{}":
            text = form.format(f"({''.join(map(_context_function, used))}({text}\n))")
        compiled = _compile(text)
        for name, function in self._functions().items():
            if f"${name}" in text:
                compiled.register(name, function)
        if "$random" in text:  # the engine knows the name, but not the function
            compiled.register_override("random", random.random)
        return compiled._expr.evaluate  # type: ignore[no-any-return]

    def _functions(self) -> dict[str, Callable[..., Any]]:
        functions: dict[str, Callable[..., Any]] = {"env": self._env, "clone": _clone}
        scope = self._scope
        flow, global_ = (scope.flow_context, scope.global_context) if scope is not None else (None, None)
        functions |= {
            "_flowContext": partial(self._context_value, flow),
            "_globalContext": partial(self._context_value, global_),
        }
        if self._uses_moment:
            functions["moment"] = _make_moment
            functions.update({f"_moment_{name}": partial(_call, method) for name, method in METHODS.items()})
        return functions

    def evaluate(self, data: Any, bindings: Mapping[str, Any] | None = None) -> Any:
        """The result for ``data`` (a message); UNDEFINED when nothing matches. ``bindings`` maps names to values of
        ``$name``.

        Values that JSON has no form for (bytes, dates, objects) pass through as they are. Raises ExpressionError.
        """
        given = {"msg": data} if self.legacy else data
        bound = dict(bindings) if bindings else None
        if self._handles:
            self._handles = []
        try:
            result = self._run(given, bound)
        except TypeError:
            self._handles = []
            given, bound = self._plain(given, ()), self._plain(bound, ())
            result = self._again(self._run, given, bound)
        except ValueError as error:
            raise _error(error) from None
        if result is None:
            return self._null_or_undefined(given, bound)
        return self._restored(result) if self._handles or self._uses_moment else result

    def _again(self, run: Callable[..., Any], given: Any, bound: Any) -> Any:
        try:
            return run(given, bound)
        except (TypeError, ValueError) as error:
            raise _error(error) from None

    def _null_or_undefined(self, given: Any, bound: Any) -> Any:
        """The engine answers None for both: whether something matched is asked by a second expression."""
        if self._exists is None:
            self._exists = self._prepare("$exists({})")
        return None if self._again(self._exists, given, bound) else UNDEFINED

    # -- values the engine cannot hold
    # -----------------------------------------------------------------------------------
    def _plain(self, value: Any, around: tuple[int, ...]) -> Any:
        """``value`` with everything that JSON cannot express replaced by a mark that stands for it."""
        kind = type(value)
        if kind is dict or kind is list or kind is tuple or kind is set:
            if id(value) in around:
                return None
            inside = (*around, id(value))
            if kind is dict:
                pairs = [(key, item) for key, item in value.items() if item is not UNDEFINED]
                return {_text(str(key)): self._plain(item, inside) for key, item in pairs}
            return [self._plain(item, inside) for item in value]
        if kind is str:
            return _text(value)
        if value is None or kind is bool or kind is float or (kind is int and -_LARGEST <= value < _LARGEST):
            return value
        return float(value) if kind is int else self._mark(value)

    def _mark(self, value: Any) -> Any:
        if value is UNDEFINED:
            return None
        self._handles.append(value)
        return {_HANDLE: len(self._handles) - 1}

    def _restored(self, value: Any) -> Any:
        if type(value) is list:
            return [self._restored(item) for item in value]
        if type(value) is not dict:
            return value
        if _HANDLE in value:
            return self._handles[value[_HANDLE]]
        if _MOMENT in value:
            return _moment_of(value).when
        return {key: self._restored(item) for key, item in value.items()}

    # -- functions
    # ---------------------------------------------------------------------------------------------------------
    def _env(self, name: Any = None, *_: Any) -> Any:
        value = self._scope.env.get(str(name)) if self._scope is not None else UNDEFINED
        return "" if value is UNDEFINED else self._plain(value, ())

    def _context_value(self, context: Context | None, key: Any = None, store: Any = None, *_: Any) -> dict[str, Any]:
        """An object with or without ``value``: the engine's functions cannot return undefined."""
        if context is None:
            return {"value": ""}
        named, levels, path = parse_key(str(key))
        value = context.read(resolve_path(path, {}), store or named, levels)
        return {} if value is UNDEFINED else {"value": self._plain(value, ())}


def _compile(text: str) -> Any:
    import jsonatapy

    try:
        return jsonatapy.compile(text, timeout=int(TIME_LIMIT * 1000))
    except (ValueError, TypeError) as error:
        raise _error(error) from None


def _error(error: Exception) -> ExpressionError:
    found = _CODE.fullmatch(str(error))
    code, text = (found[1] or "", found[2]) if found else ("", str(error))
    host = _HOST_ERROR.fullmatch(text)
    return ExpressionError(host[1] if host else text, code)


def _context_function(name: str) -> str:
    return f'${name} := function($key, $store) {{ $lookup($_{name}($key, $store), "value") }}; '


def _text(text: str) -> str:
    """Lone surrogates have no place in the engine's texts."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _clone(value: Any = None, *_: Any) -> Any:
    return value


# -- $moment
# ---------------------------------------------------------------------------------------------------------------
def _make_moment(value: Any = None, pattern: Any = None, *_: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value if _MOMENT in value else _mark_of(Moment(None))
    return _mark_of(Moment.of(value, pattern if isinstance(pattern, str) else None))


def _mark_of(moment: Moment) -> dict[str, Any]:
    zone = moment.zone
    return {_MOMENT: moment.value_of(), "zone": "UTC" if zone is UTC else str(zone) if zone is not None else None}


def _moment_of(mark: Any) -> Moment:
    if not isinstance(mark, dict) or _MOMENT not in mark:
        return Moment.of(mark)
    return Moment.at(mark[_MOMENT], _zone_named(mark["zone"]) if mark["zone"] else None)


def _zone_named(name: Any) -> Any:
    try:
        return UTC if name == "UTC" else ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueEvaluationError(f"{name!r} is no time zone; write one such as 'Europe/Oslo'") from None


def _call(method: Callable[..., Any], mark: Any = None, *args: Any) -> Any:
    result = method(_moment_of(mark), *args)
    if isinstance(result, Moment):
        return _mark_of(result)
    return None if isinstance(result, float) and math.isnan(result) else result


def _iso(moment: Moment) -> str | None:
    return iso_text(moment.when) if moment.when is not None else None


METHODS: dict[str, Callable[..., Any]] = {
    "format": Moment.format,
    "add": Moment.add,
    "subtract": Moment.subtract,
    "startOf": Moment.start_of,
    "endOf": Moment.end_of,
    "utc": lambda moment, *_: moment.zoned(UTC),
    "local": lambda moment, *_: moment.zoned(None),
    "tz": lambda moment, name: moment.zoned(_zone_named(name)),
    "clone": lambda moment: moment,
    "toDate": lambda moment: moment,
    "valueOf": Moment.value_of,
    "toISOString": _iso,
    "toJSON": _iso,
    "toString": lambda moment: moment.format("ddd MMM DD YYYY HH:mm:ss [GMT]ZZ"),
    "isValid": lambda moment: moment.when is not None,
    "diff": lambda moment, other, *rest: moment.diff(_moment_of(other), *rest),
    "isBefore": lambda moment, other, unit=None: moment.compare(_moment_of(other), unit) == -1,
    "isAfter": lambda moment, other, unit=None: moment.compare(_moment_of(other), unit) == 1,
    "isSame": lambda moment, other, unit=None: moment.compare(_moment_of(other), unit) == 0,
    "isSameOrBefore": lambda moment, other, unit=None: moment.compare(_moment_of(other), unit) in (-1, 0),
    "isSameOrAfter": lambda moment, other, unit=None: moment.compare(_moment_of(other), unit) in (0, 1),
}
_GETTERS = (
    *(
        "year",
        "quarter",
        "month",
        "date",
        "day",
        "weekday",
        "isoWeekday",
        "dayOfYear",
        "week",
        "isoWeek",
        "hour",
        "hours",
    ),
    *("minute", "minutes", "second", "seconds", "millisecond", "milliseconds", "daysInMonth", "utcOffset", "unix"),
)
METHODS.update({name: partial(lambda moment, name: moment.get(name), name=name) for name in _GETTERS})
_METHOD = re.compile(_QUOTED_OR_METHOD % "|".join(METHODS), re.DOTALL)


def _methods_to_functions(text: str) -> str:
    """``X.format("H")`` as ``X.$_moment_format($, "H")``: the engine has no methods, only functions."""

    def rewrite(found: re.Match[str]) -> str:
        if found[1] is not None:
            return found[1]
        return f".$_moment_{found[2]}($" + (")" if found[3] else ", ")

    return _METHOD.sub(rewrite, text)
