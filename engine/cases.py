"""Runs the cases of a case file against its flow, in virtual time.

Each case gets a runtime of its own. Nothing leaves the process: what nodes would reach over the network is played by
the case (see :mod:`busway.engine.worlds`) or by stubs.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from .casefile import Case, CaseFile, Step, case_files, load
from .errors import BuswayError, suggest
from .matching import differences, shown
from .message import Message
from .model import FlowModel
from .node import Config, Field, Node, NodeError
from .registry import Registry
from .testing import NothingCame, RunningFlow, prepared
from .worlds import WORLDS, Seen, World

__all__ = ["CaseResult", "case_files", "run_case", "run_cases", "run_file"]

T = TypeVar("T")
SILENCE = 1.0
"""Seconds that ``expect_nothing`` waits unless it says how long."""
SAME_MOMENT = 1e-6


@dataclass(frozen=True)
class CaseResult:
    """How a case ended. ``seconds`` is what it took, ``elapsed`` what passed by its own clock; ``failure`` says why it
    failed.
    """

    file: str
    name: str
    line: int
    passed: bool
    failure: str
    seconds: float
    elapsed: float

    def __str__(self) -> str:
        head = f"{'ok  ' if self.passed else 'FAIL'} {self.file}:{self.line}: {self.name}"
        return head if self.passed else head + "".join(f"\n     {line}" for line in self.failure.splitlines())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class CaseFailure(BuswayError):
    """A step of a case did not go as it should."""


class StubConfig(Config):
    answers: list[Any] = Field(default_factory=list, title="Answers", description="What leaves for each message.")


class Stub(Node[StubConfig]):
    """Stands for a node in a case: what arrives leaves with the members of the next answer, the last one again and
    again.
    """

    type = "case-stub"
    in_palette = False

    def start(self) -> None:
        self._answers = list(self.config.answers)

    def on_message(self, msg: Message) -> Message | None:
        answer: Message | None = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is None:
            return None
        if "$error" in answer:
            raise NodeError(str(answer["$error"]))
        return msg | deepcopy(answer)


# -- running --------------------------------------------------------------------------------------------------------
def run_cases(paths: list[Path], *folders: Path) -> list[CaseResult]:
    """Runs the case files among, in and beside ``paths``.

    ``folders`` hold node types of the user's own; so does the folder ``nodes`` beside a flow file. What is wrong with a
    file is a result too, and raises nothing. Call it where no event loop runs: in a thread of its own from a server.
    """
    return [result for path in case_files(paths) for result in run_file(path, *folders)]


def run_file(path: Path, *folders: Path) -> list[CaseResult]:
    """Runs all cases of a file."""
    try:
        file = load(path)
    except BuswayError as error:
        return [CaseResult(str(path), "the case file", 1, False, str(error), 0, 0)]
    return [run_case(file, case, *folders) for case in file.cases]


def run_case(file: CaseFile, case: Case, *folders: Path) -> CaseResult:
    """Runs one case in an event loop of its own."""
    started = time.perf_counter()
    player = _Player(file, case, Registry(*folders, file.flow.parent / "nodes"))
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        failure = runner.run(player.play())
    seconds = time.perf_counter() - started
    return CaseResult(str(file.path), case.name, case.line, not failure, failure, seconds, player.elapsed)


def model_for(file: CaseFile, case: Case) -> FlowModel:
    """The flow of a case: stubs in place of the nodes that it names, its variables beneath those of the flow.

    Raises CaseFailure when the file cannot be read or a stub is for no node.
    """
    try:
        items = deepcopy(FlowModel.parse(file.flow.read_bytes()).raw)
    except (OSError, BuswayError) as error:
        raise CaseFailure(f"the flow {file.flow} cannot be read: {error}") from None
    for name, answers in case.stubs.items():
        stubbed = _named(name, [item for item in items if "wires" in item], "stub")
        listed = answers if isinstance(answers, list) else [answers]
        if not listed or not all(one is None or isinstance(one, dict) for one in listed):
            raise CaseFailure(f"the stub for {name!r} is {shown(answers)}; write a mapping, a list of them, or null")
        stubbed |= {"type": Stub.type, "answers": listed}
    env = [{"name": name, "type": "json", "value": json.dumps(value)} for name, value in case.env.items()]
    return FlowModel.parse([*items, {"id": "case-environment", "type": "global-config", "env": env}])


def _named(name: str, items: list[dict[str, Any]], what: str) -> dict[str, Any]:
    """The one object with this id or name."""
    found = [item for item in items if item["id"] == name] or [item for item in items if item.get("name") == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise CaseFailure(
            f"{what} {name!r}: {len(found)} nodes have that name; use an id: {', '.join(i['id'] for i in found)}"
        )
    known = [str(item[key]) for item in items for key in ("name", "id") if item.get(key)]
    raise CaseFailure(f"{what} {name!r}: no node has that name or id{suggest(name, known)}")


class _Player:
    """Plays one case."""

    def __init__(self, file: CaseFile, case: Case, registry: Registry) -> None:
        self.file, self.case, self.registry = file, case, registry
        self.elapsed = 0.0
        self._since = 0.0
        self.flow: RunningFlow
        registry.add(Stub)

    async def play(self) -> str:
        """Why the case failed; an empty text when it did not."""
        case = self.case
        async with prepared(self.registry, credentials=case.credentials, start=case.clock) as flow:
            self.flow = flow
            try:
                model = model_for(self.file, case)
                worlds = [world(flow) for world in WORLDS.values()]
                self._steps = self._verbs(worlds)
                for world in worlds:
                    world.prepare()
                await flow.runtime.start(model)
                await flow.settle()
                return await self._play_steps()
            except BuswayError as error:
                return str(error)
            finally:
                self.elapsed = flow.now

    def _verbs(self, worlds: list[World]) -> dict[str, Callable[[Step], Awaitable[None]]]:
        steps: dict[str, Callable[[Step], Awaitable[None]]] = {
            "send": self._send,
            "press": self._press,
            "wait": self._wait,
            "expect": self._expect,
            "expect_nothing": self._expect_nothing,
            "expect_error": self._expect_error,
            "expect_status": self._expect_status,
        }
        for world in worlds:
            steps[world.verb] = self._acting(world)
            steps[world.expects] = self._observing(world)
        return steps

    async def _play_steps(self) -> str:
        for number, step in enumerate(self.case.steps, 1):
            try:
                await self._steps[step.verb](step)
            except BuswayError as error:
                return f"{self.file.path}:{step.line}: step {number} ({step.verb}): {error}{self._uncaught()}"
        await self.flow.settle()
        return self._uncaught().strip()

    def _uncaught(self) -> str:
        """The errors that nobody caught and no step expected."""
        return "".join(f"\nuncaught error of {line.node}: {line.text}" for line in self.flow.unread_errors)

    # -- in ---------------------------------------------------------------------------------------------------------
    async def _send(self, step: Step) -> None:
        msg = step.spec if step.spec is not None else {}
        if not isinstance(msg, dict):
            raise CaseFailure(f"a message is a mapping such as {{payload: 1}}, this is {shown(msg)}")
        await self.flow.send(self._id(step.options["to"]), deepcopy(msg))
        self._since = self.flow.now

    async def _press(self, step: Step) -> None:
        id = self._id(step.spec)
        try:
            await self.flow.press(id, deepcopy(step.options.get("props")))
        except KeyError:
            raise CaseFailure(f"node {step.spec!r} has no button to press") from None
        self._since = self.flow.now

    async def _wait(self, step: Step) -> None:
        await self.flow.advance(step.spec)
        self._since = self.flow.now

    def _acting(self, world: World) -> Callable[[Step], Awaitable[None]]:
        async def act(step: Step) -> None:
            await world.act(deepcopy(step.spec))
            await self.flow.settle()
            self._since = self.flow.now

        return act

    # -- out --------------------------------------------------------------------------------------------------------
    async def _expect(self, step: Step) -> None:
        options = step.options
        if "from" in options:
            id, output = self._id(options["from"]), options.get("output", 0)
            msg = await self._in_time(step, self.flow.output(id, output, self._left(step)))
        else:
            msg = await self._in_time(step, self.flow.input(self._id(options["at"]), self._left(step)))
        self._compare(step.spec, msg)

    async def _expect_nothing(self, step: Step) -> None:
        id, output = self._id(step.spec), step.options.get("output", 0)
        await self.flow.advance(step.options.get("for", SILENCE))
        came = self.flow.unread(id, output)
        if came:
            raise CaseFailure(f"{step.spec!r} sent {len(came)} message(s); the first is {shown(came[0])}")

    async def _expect_error(self, step: Step) -> None:
        line = await self._in_time(step, self.flow.error(self._left(step)))
        source = self.flow.runtime.nodes.get(line.node)
        name = source.name if source is not None else ""
        expected = step.spec if isinstance(step.spec, dict) else {"message": step.spec}
        ours = expected.get("node") == line.node
        self._compare(expected, {"message": line.text, "node": line.node if ours or not name else name})

    async def _expect_status(self, step: Step) -> None:
        expected = step.spec if isinstance(step.spec, dict) else {"text": step.spec}
        id = self._id(step.options["from"])
        self._compare(expected, await self._in_time(step, self.flow.status(id, self._left(step))))

    def _observing(self, world: World) -> Callable[[Step], Awaitable[None]]:
        async def observe(step: Step) -> None:
            async def see() -> Seen:
                try:
                    return await asyncio.wait_for(world.observe(deepcopy(step.spec)), self._left(step))
                except TimeoutError:
                    raise NothingCame(f"nothing came within {self._within(step):g} s") from None

            seen = await self._in_time(step, see())
            self._compare(seen.expected, seen.actual)

        return observe

    # -- inside -----------------------------------------------------------------------------------------------------
    def _id(self, name: Any) -> str:
        nodes = [{"id": node.id, "name": node.name} for node in self.flow.runtime.nodes.values()]
        nodes += [{"id": id} for id in self.flow.runtime.failed]
        return str(_named(str(name), nodes, "node")["id"])

    def _within(self, step: Step) -> float:
        return float(step.options.get("within", self.case.within))

    def _left(self, step: Step) -> float:
        """Seconds left of a step's time, which is counted from the last step that put something in."""
        return max(0.0, self._since + self._within(step) - self.flow.now) + SAME_MOMENT

    async def _in_time(self, step: Step, waiting: Awaitable[T]) -> T:
        got = await waiting
        passed, earliest = self.flow.now - self._since, step.options.get("after", 0)
        if passed < earliest - SAME_MOMENT:
            raise CaseFailure(
                f"it came after {passed:g} s already, not before {earliest:g} s were over; it is {shown(got)}"
            )
        return got

    @staticmethod
    def _compare(expected: Any, actual: Any) -> None:
        found = differences(expected, actual)
        if found:
            raise CaseFailure(
                "\n".join(["not as expected:", *(f"  {one}" for one in found), f"  it is {shown(actual)}"])
            )
