"""From the sources of a JavaScript function to the text that QuickJS compiles, and what has to be there for it."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConfigError, suggest
from .access import Access, analyse
from .failures import Layout
from .modules import FILES_OF, MODULES, module_name
from .source import Source

PROVIDED = frozenset(FILES_OF) | frozenset(
    """context flow global env setTimeout clearTimeout setInterval clearInterval structuredClone""".split()  # noqa: SIM905
)
"""The names that function bodies have beyond the language's own."""
RESERVED = PROVIDED | {"node", "msg"}


@dataclass(frozen=True)
class Compilation:
    """What is known of a function before it is run.

    ``text`` makes a function of the values of ``names`` that gives body, set-up and clean-up code; ``parts`` is what is known of these
    three, ``layout`` where they stand. ``implicit`` are variables that the code assigns without declaring them: they belong to
    this function alone. ``scoped``: the code reaches for the global object and gets one of its own.
    ``environment`` are the variables it may ask for, None for any.
    """

    text: str
    layout: Layout
    parts: tuple[Access, Access, Access]
    names: tuple[str, ...]
    implicit: tuple[str, ...]
    scoped: bool
    libraries: dict[str, str]
    environment: frozenset[str] | None

    @property
    def free(self) -> frozenset[str]:
        """Every name that is taken from outside."""
        return frozenset().union(*(part.free for part in self.parts))

    @property
    def files(self) -> list[str]:
        """The files of the runtime inside that the code needs."""
        wanted = [FILES_OF.get(name, ()) for name in self.names] + [
            MODULES[module] for module in self.libraries.values()
        ]
        return [file for files in wanted for file in files]


def prepare(source: Source, node: str) -> Compilation:
    """Analyses a function. ``node`` is the id to name in errors. Raises ConfigError for a module that there is none of, or a variable
    that has a meaning already."""
    parts = (analyse(source.body), analyse(source.setup), analyse(source.cleanup))
    libraries = _libraries(source.libraries, f"node {node} (function): 'libs'")
    names = sorted((frozenset().union(*(part.free for part in parts)) & PROVIDED) | libraries.keys())
    implicit = sorted(frozenset().union(*(part.implicit for part in parts)) - RESERVED - libraries.keys())
    scoped = any(part.needs_scope for part in parts)
    text, layout = _text(source, parts, names, implicit, scoped)
    asked = _environment(source, parts)
    return Compilation(text, layout, parts, tuple(names), tuple(implicit), scoped, libraries, asked)


def _environment(source: Source, parts: tuple[Access, ...]) -> frozenset[str] | None:
    asked = [part.environment for part in parts if "env" in part.free]
    if "evaluateNodeProperty" in source.body + source.setup + source.cleanup:
        return None
    known = [names for names in asked if names is not None]
    return frozenset().union(*known) if len(known) == len(asked) else None


def _libraries(given: tuple[tuple[str, str], ...], where: str) -> dict[str, str]:
    """Variable -> module, checked. ``where`` says in errors whose they are."""
    found: dict[str, str] = {}
    for variable, spec in given:
        if not variable:
            continue
        if variable in RESERVED:
            raise ConfigError(
                f"{where}: the variable {variable!r} is the name of something that functions have already; use another"
            )
        module = module_name(spec)
        if module not in MODULES:
            known = ", ".join(sorted(MODULES))
            raise ConfigError(
                f"{where}: the module {module!r} cannot be loaded: functions run without npm{suggest(module, MODULES)}; there are: {known}"
            )
        found[variable] = module
    return found


def _text(
    source: Source, parts: tuple[Access, ...], names: list[str], implicit: list[str], scoped: bool
) -> tuple[str, Layout]:
    """The text that makes the three functions, and where each source begins in it."""
    if scoped:
        head, tail = "(function(scope){with(scope){return[", "]}})"
    else:
        leaks = "".join(f"var {name}=globalThis.{name};" for name in implicit)
        head, tail = f"(function({','.join(names)}){{{leaks}return[", "]})"
    text, layout, line = head, [], 2
    texts = (("function", source.body), ("setup", source.setup), ("close", source.cleanup))
    for (name, part), access in zip(texts, parts, strict=True):
        count = part.count("\n") + 1
        layout.append((name, line, count))
        parameters = "msg,node" if name == "function" else "node"
        if "node" not in access.free:
            parameters = parameters.removesuffix("node").rstrip(",")
        text += f"{'async ' if access.is_async else ''}function({parameters}){{\n{part}\n}},"
        line += count + 1
    return text.rstrip(",") + tail, Layout(tuple(layout))
