"""The guides keep what they promise: their examples run, their settings exist, their links lead somewhere."""

import re
import tomllib
from pathlib import Path

import pytest

from busway.engine.configure import fields_of
from busway.engine.registry import Registry
from busway.engine.settings import Settings, load_settings
from busway.engine.testing import flow_of

ROOT = Path(__file__).resolve().parent.parent
GUIDES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "benchmarks" / "README.md"]
BLOCK = re.compile(r"^```(\w+) ([\w.]+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BUILT_IN = Registry().all()


def blocks(guide: str) -> dict[str, str]:
    """The named code blocks of a guide."""
    return {name: code for _language, name, code in BLOCK.findall((ROOT / "docs" / guide).read_text())}


@pytest.fixture
def custom(tmp_path):
    """The node classes of the guide to custom nodes, found as those of a user folder."""
    for name, code in blocks("custom-nodes.md").items():
        (tmp_path / name).write_text(code)
    return Registry(tmp_path)


async def test_the_smallest_node_works(custom):
    async with flow_of([{"id": "n", "type": "upper", "wires": [["out"]]}], types=[custom.get("upper")]) as flow:
        await flow.send("n", {"payload": "hello"})
        assert (await flow.output("n"))["payload"] == "HELLO"


@pytest.mark.parametrize(
    ("value", "action", "expected"), [(50, "scale", 5), (150, "scale", 15), (150, "clamp", 10), (150, "drop", None)]
)
async def test_the_node_with_properties_works(custom, value, action, expected):
    node = {"id": "n", "type": "scale", "maxout": 10, "action": action, "wires": [["out"]]}
    async with flow_of([node], types=[custom.get("scale")]) as flow:
        await flow.send("n", {"payload": value})
        await flow.settle()
        assert [msg["payload"] for msg in flow.sent("n")] == ([] if expected is None else [expected])


async def test_the_source_follows_its_file(custom, tmp_path):
    file = tmp_path / "log.txt"
    file.write_text("before\n")
    node = {"id": "n", "type": "tail", "filename": str(file), "word": "error", "wires": [["out"], ["match"]]}
    async with flow_of([node], types=[custom.get("tail")]) as flow:
        await flow.status("n")
        with file.open("a") as end:
            end.write("fine\nan error\n")
        assert [(await flow.output("n"))["payload"] for _ in range(2)] == ["fine", "an error"]
        assert (await flow.output("n", "match"))["payload"] == "an error"


async def test_the_node_with_rows_works(custom):
    node = {"id": "n", "type": "notify", "mode": "some", "people": [{"name": "Ada"}], "wires": [["out"]]}
    async with flow_of([node], types=[custom.get("notify")]) as flow:
        await flow.send("n", {})
        assert (await flow.output("n"))["people"] == ["Ada"]


def test_the_lengths_of_the_examples_stay_what_a_newcomer_can_read():
    found = blocks("custom-nodes.md")
    assert [
        len(found[name].splitlines()) <= limit for name, limit in (("upper.py", 12), ("scale.py", 39), ("tail.py", 42))
    ] == [True] * 3


def test_the_settings_of_the_guide_are_accepted(tmp_path):
    (tmp_path / "busway.toml").write_text(blocks("deploying.md")["settings"])
    settings = load_settings(tmp_path)
    assert settings.stop_drain_timeout == 20
    assert tomllib.loads(blocks("deploying.md")["settings"])["redis_url"] == settings.redis_url


@pytest.mark.parametrize("guide", GUIDES, ids=lambda p: p.name)
def test_links_between_guides_lead_somewhere(guide):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", guide.read_text())
    assert [target for target in targets if not (guide.parent / target).exists()] == []


@pytest.mark.parametrize("cls", BUILT_IN, ids=lambda cls: cls.type)
def test_every_node_has_help_and_describes_every_property(cls):
    assert len((cls.__doc__ or "").strip()) > 20
    infos = cls.config_class.model_fields
    silent = [name for name, info in infos.items() if name != "name" and not (info.title and info.description)]
    assert silent == []
    assert fields_of(cls.config_class)


def test_every_built_in_node_can_be_imported():
    registry = Registry()
    registry.all()
    assert registry.errors == {}


def test_every_setting_says_what_it_is():
    assert [name for name, info in Settings.model_fields.items() if not info.description] == []
