"""The JavaScript that calls a function body for each message and tells what the body did.

It answers

* nothing, or true: the message goes nowhere, or on as it is;
* a number: it goes on, unchanged, at that output;
* the members of a JSON object: it goes on with these changes; with a number and a comma before them, at that output;
* a JSON object: the whole message, as it goes on;
* a JSON list: everything else, as ``flush`` in core.js writes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from .access import Transfer
from .syntax import Path


@dataclass(frozen=True)
class Form:
    """What a call needs beside the message. ``node``: the body uses ``node``; ``bound``: it takes methods off it; ``late``: it may use
    it after it has returned; ``manual``: it says itself when it is done."""

    node: bool
    bound: bool
    late: bool
    manual: bool


@lru_cache(maxsize=1024)
def entry_source(transfer: Transfer | None, form: Form) -> str:
    """The source of a function that makes the entry of one unit: ``(text, tagged, msgid, values...)`` or, where nothing of the message
    goes in, ``(msgid)``. The values are those of :func:`single_paths`; the text is null where they are all there is. Without a
    ``transfer`` the whole message crosses and there is a fourth argument: whether somebody will look at the message when the body has
    finished."""
    parts = [_HEAD, _WHOLE_TOLD if transfer is None else _writes(transfer)]
    parts.append(_whole_entry(form) if transfer is None else _partial_entry(transfer, form))
    return "\n".join((*parts, "})"))


_HEAD = """(function ($, id) {
const { fx, state, parse, read, encode, finish, fail, alone, carries, NodeApi, bound, own } = $;
const unit = $.units.get(id), body = unit.body;
const has = (object, name) => object !== null && typeof object === 'object' && own.call(object, name);
let gone = '';"""


# -- single values --------------------------------------------------------------------------------------------------------
MOST_VALUES = 8


def single_paths(transfer: Transfer) -> tuple[Path, ...]:
    """The paths whose values can be passed one by one, without a text, where all are single values; none where a body reads an object
    as a whole, or a lot."""
    wanted = transfer.reads | transfer.full
    around = {path[:at] for path in wanted for at in range(1, len(path))}
    ends = wanted - around
    if len(ends) > MOST_VALUES or around & transfer.full or any("__proto__" in path for path in ends):
        return ()
    return tuple(sorted(ends))


def _literal(paths: tuple[Path, ...]) -> str:
    """The object that has the values ``v0``, ``v1`` ... at these paths."""
    return _object([(path, f"v{at}") for at, path in enumerate(paths)])


def _object(members: list[tuple[Path, str]]) -> str:
    below: dict[str, list[tuple[Path, str]]] = {}
    for path, value in members:
        below.setdefault(path[0], []).append((path[1:], value))
    inner = [f"{_quote(name)}: {found[0][1] if found[0][0] == () else _object(found)}" for name, found in below.items()]
    return "{" + ", ".join(inner) + "}"


# -- part of a message --------------------------------------------------------------------------------------------------
def _partial_entry(transfer: Transfer, form: Form) -> str:
    originals = _originals(transfer)
    listed, passed = f"[{', '.join(originals)}]", "".join(f", {name}" for name in originals)
    kept = [f"const {name} = {_value_of(path)};" for name, path in zip(originals, transfer.writes, strict=True)]
    singles = single_paths(transfer)
    given = "tagged ? read(text, true) : parse(text)" if transfer.reads else "{}"
    if singles:
        given = f"text === null ? {_literal(singles)} : {given}"
    values = "".join(f", v{at}" for at in range(len(singles)))
    return "\n".join(
        (
            f"return function ({f'text, tagged, msgid{values}' if transfer.reads else 'msgid'}) {{",
            f"const msg = {given};",
            *kept,
            *_call_body(form, _call(form, "false", listed), f"told(msg, {listed})"),
            f"const changed = writes(msg{passed});" if transfer.writes else "const changed = '';",
            "if (fx.length === 0 && gone === '' && !state.tagged) {",
            "  if (result === msg) return changed === '' ? true : changed.length < 500 ? changed : changed.slice(0);",
            "  if (result === undefined || result === null) { if (changed === '') return undefined; }",
            "  else if (Array.isArray(result)) {",
            "    const at = alone(result, msg);",
            "    if (at >= 0) return changed === '' ? at : (at + ',' + changed).slice(0);",
            "  }",
            "}",
            "state.gone = gone;",
            f"return finish({_named(form, _call(form, 'false', listed))}, result, changed);",
            "};",
        )
    )


def _originals(transfer: Transfer) -> list[str]:
    return [f"o{at}" for at in range(len(transfer.writes))]


def _call(form: Form, whole: str, originals: str) -> str:
    """The object that stands for one call: the body's ``node`` where it uses it."""
    number = "++state.calls" if form.late or form.manual else "0"
    if not form.node:
        return f"{{ unit, msg, originals: {originals}, writes: told, whole: {whole}, number: 0 }}"
    call = f"new NodeApi(unit, msg, {originals}, told, {whole}, {number}, msgid)"
    return f"bound({call})" if form.bound else call


def _named(form: Form, call: str) -> str:
    return "call" if form.node else call


def _call_body(form: Form, call: str, told: str) -> list[str]:
    begun = ["fx.push('[\"begun\",' + id + ',' + call.number + ']');"] if form.manual else []
    return [
        *([f"const call = {call};"] if form.node else []),
        *begun,
        "let result;",
        f"try {{ result = body(msg{', call' if form.node else ''}); }}",
        f"catch (error) {{ return fail({_named(form, call)}, error, {told}); }}",
    ]


def _writes(transfer: Transfer) -> str:
    """``writes(msg, originals...)``: what the body assigned, as members of a JSON object; what it deleted is left in ``gone``.
    ``told`` does the same where speed does not count."""
    keys, originals = key_names(transfer), _originals(transfer)
    return "\n".join(
        (
            f"function writes({', '.join(['msg', *originals])}) {{",
            "let text = '', v;",
            "gone = '';",
            *(_one_write(transfer, at, path, keys[path]) for at, path in enumerate(transfer.writes)),
            "return text;",
            "}",
            "const told = (msg, o) => { const text = writes(msg, ...o); state.gone = gone; return text; };",
        )
    )


def _one_write(transfer: Transfer, at: int, path: Path, name: str) -> str:
    changed = f"v !== o{at}" + (" || typeof v === 'object'" if path in transfer.mutable else "")
    went_in = path in transfer.reads
    lost = f"o{at} !== undefined" if went_in else f"has({_value_of(path[:-1])}, {_quote(path[-1])})"
    key = _quote(name) + ":"
    put = f"text = {_quote(key)}" if at == 0 else f"text += (text === '' ? {_quote(key)} : {_quote(',' + key)})"
    return (
        f"v = {_value_of(path)};\n"
        f"if (v === undefined) {{ if ({lost}) gone += ',{at}'; }} else if ({changed}) {put} + encode(v);"
    )


def _value_of(path: Path) -> str:
    return "msg" + "".join(("" if at == 0 else "?.") + f"[{_quote(name)}]" for at, name in enumerate(path))


def _quote(text: str) -> str:
    return json.dumps(text)


def key_names(transfer: Transfer) -> dict[Path, str]:
    """Under which name each written path comes back: its own for a property of the message, a made-up one for a deeper place."""
    taken = {path[0] for path in transfer.writes if len(path) == 1}
    prefix = "."
    while any(name.startswith(prefix) for name in taken):
        prefix += "."
    return {path: path[0] if len(path) == 1 else f"{prefix}{at}" for at, path in enumerate(transfer.writes)}


# -- a whole message -----------------------------------------------------------------------------------------------------
_WHOLE_TOLD = "const told = (msg) => encode(msg);"


def _whole_entry(form: Form) -> str:
    call = _call(form, "true", "undefined")
    return "\n".join(
        (
            "return function (text, tagged, msgid, watched) {",
            "const msg = read(text, tagged);",
            "state.gone = '';",
            *_call_body(form, call, "told(msg)"),
            "if (result === msg && fx.length === 0) {",
            "  const changed = told(msg);",
            f"  return state.tagged ? finish({_named(form, call)}, result, changed) : changed;",
            "}",
            f"return finish({_named(form, call)}, result, watched || carries(msg, result) ? told(msg) : null);",
            "};",
        )
    )
