"""Context in files: layout, caching, crash safety, values that JSON cannot hold."""

import asyncio
import json
import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from busway.engine.context import Contexts
from busway.engine.context.file import CachedFileStore, scope_path, scopes_in
from busway.engine.errors import ContextError, StorageError
from busway.engine.message import UNDEFINED


def stored(folder, **config):
    return Contexts({"disk": {"module": "localfilesystem", "config": config}}, folder)


def content(path):
    return json.loads(path.read_text())


async def reopened(contexts, folder, **config):
    await contexts.close()
    again = stored(folder, **config)
    await again.open()
    return again


async def test_values_outlive_the_process(tmp_path):
    contexts = stored(tmp_path)
    await contexts.open()
    contexts.global_().set("a", 1)
    contexts.flow("f").set("b.c", [1, "x", None, 2.5])
    contexts.node("n", "f").set("d", "é\ud800")
    again = await reopened(contexts, tmp_path)
    assert again.global_().get("a") == 1
    assert again.flow("f").get("b") == {"c": [1, "x", None, 2.5]}
    assert again.node("n", "f").get("d") == "é\ud800"
    await again.close()


async def test_layout_and_text_are_those_of_node_red(tmp_path):
    contexts = stored(tmp_path)
    await contexts.open()
    contexts.global_().set("a", {"n": 5.0})
    contexts.flow("f").set("a", 1)
    contexts.node("n", "f").set("a", 1)
    contexts.node("config").set("a", 1)
    await contexts.close()
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == [
        "context/config/flow.json",
        "context/f/flow.json",
        "context/f/n.json",
        "context/global/global.json",
    ]
    assert (tmp_path / "context/global/global.json").read_text() == '{\n    "a": {\n        "n": 5\n    }\n}'


async def test_base_and_dir_choose_the_folder(tmp_path):
    contexts = stored(None, dir=str(tmp_path / "deep"), base="values")
    await contexts.open()
    contexts.flow("f").set("a", 1)
    await contexts.close()
    assert content(tmp_path / "deep/values/f/flow.json") == {"a": 1}


async def test_changes_are_written_after_the_interval(tmp_path):
    contexts = stored(tmp_path, flushInterval=0)
    await contexts.open()
    contexts.flow("f").set("a", 1)
    path = tmp_path / "context/f/flow.json"
    assert not path.exists()
    for _ in range(20):
        await asyncio.sleep(0)
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
    assert content(path) == {"a": 1}
    await contexts.close()


async def test_a_second_change_is_written_too(tmp_path):
    store = CachedFileStore(tmp_path)
    await store.open()
    store.set("f", ("a",), 1)
    await store.flush()
    store.set("f", ("a",), 2)
    await store.close()
    assert content(tmp_path / "f/flow.json") == {"a": 2}


async def test_no_temporary_file_stays(tmp_path):
    contexts = stored(tmp_path)
    await contexts.open()
    contexts.flow("f").set("a", 1)
    await contexts.close()
    assert [path.name for path in (tmp_path / "context/f").iterdir()] == ["flow.json"]


async def test_a_broken_file_is_set_aside_and_told(tmp_path, caplog):
    path = tmp_path / "context/f/flow.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"a": 1')
    contexts = stored(tmp_path)
    with caplog.at_level(logging.ERROR):
        await contexts.open()
    assert contexts.flow("f").keys() == []
    assert "flow.json is not usable" in caplog.text
    contexts.flow("f").set("b", 2)
    await contexts.close()
    assert content(path) == {"b": 2}
    kept = [other for other in path.parent.iterdir() if other != path]
    assert [other.read_text() for other in kept] == ['{"a": 1']


async def test_values_beyond_json_are_written_as_javascript_does(tmp_path):
    contexts = stored(tmp_path)
    await contexts.open()
    value = {
        "buffer": b"\x01\x02",
        "date": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        "nan": float("nan"),
        "tuple": (1, UNDEFINED),
        "gone": UNDEFINED,
        "handle": object(),
    }
    contexts.flow("f").set("a", value)
    await contexts.close()
    assert content(tmp_path / "context/f/flow.json")["a"] == {
        "buffer": {"type": "Buffer", "data": [1, 2]},
        "date": "2026-01-02T03:04:05.678Z",
        "nan": None,
        "tuple": [1, None],
    }


async def test_circular_links_are_dropped_and_told_once(tmp_path, caplog):
    store = CachedFileStore(tmp_path)
    await store.open()
    value = {"name": "x", "shared": [1]}
    value["self"] = value
    value["again"] = value["shared"]
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            store.set("f", ("a",), value)
            await store.flush()
    await store.close()
    assert content(tmp_path / "f/flow.json") == {"a": {"name": "x", "shared": [1], "again": [1]}}
    assert len(caplog.records) == 1


async def test_clean_removes_files_of_what_is_gone(tmp_path):
    contexts = stored(tmp_path)
    await contexts.open()
    for context in (contexts.global_(), contexts.flow("f"), contexts.flow("g"), contexts.node("n", "f")):
        context.set("a", 1)
    contexts.node("m", "f").set("a", 1)
    contexts.node("n", "g").set("a", 1)
    contexts = await reopened(contexts, tmp_path)
    contexts.node("m", "f").set("a", 2)
    await contexts.clean({"f", "n"})
    await contexts.close()
    assert {scope for scope, _ in scopes_in(tmp_path / "context")} == {"global", "f", "n:f"}
    assert not (tmp_path / "context/g").exists()


async def test_delete_removes_the_file(tmp_path):
    contexts = stored(tmp_path)
    await contexts.open()
    contexts.flow("f").set("a", 1)
    contexts = await reopened(contexts, tmp_path)
    await contexts.delete("f")
    await contexts.close()
    assert not (tmp_path / "context/f/flow.json").exists()


async def test_a_write_that_fails_is_tried_again(tmp_path):
    store = CachedFileStore(tmp_path / "context")
    await store.open()
    store.set("f", ("a",), 1)
    (tmp_path / "context").write_text("in the way")
    with pytest.raises(StorageError, match=r"flow\.json"):
        await store.flush()
    (tmp_path / "context").unlink()
    await store.close()
    assert content(tmp_path / "context/f/flow.json") == {"a": 1}


class TestWithoutCache:
    async def test_flow_code_must_await(self, tmp_path):
        contexts = stored(tmp_path, cache=False)
        await contexts.open()
        for call in (lambda c: c.get("a"), lambda c: c.set("a", 1), lambda c: c.keys()):
            with pytest.raises(ContextError, match="only asynchronous access supported"):
                call(contexts.flow("f"))
        await contexts.close()

    async def test_every_access_goes_to_the_file(self, tmp_path):
        contexts = stored(tmp_path, cache=False)
        await contexts.open()
        flow, value = contexts.flow("f"), {"n": 1}
        assert await flow.aget("a") is UNDEFINED
        assert await flow.akeys() == []
        await flow.aset("a.b", value)
        value["n"] = 2
        assert content(tmp_path / "context/f/flow.json") == {"a": {"b": {"n": 1}}}
        assert await flow.aget(["a.b.n", "x"]) == [1, UNDEFINED]
        assert await flow.akeys() == ["a"]
        assert flow.read(("a", "b", "n")) == 1
        assert flow.write(("a", "c"), 3)
        assert await flow.aget("a") == {"b": {"n": 1}, "c": 3}
        await contexts.close()

    async def test_changes_at_the_same_time_are_all_kept(self, tmp_path):
        contexts = stored(tmp_path, cache=False)
        await contexts.open()
        await asyncio.gather(*(contexts.flow("f").aset(f"k{n}", n) for n in range(20)))
        assert sorted(await contexts.flow("f").akeys()) == sorted(f"k{n}" for n in range(20))
        await contexts.clean({"g"})
        assert await contexts.flow("f").akeys() == []
        await contexts.flow("f").aset("a", 1)
        await contexts.delete("f")
        assert await contexts.flow("f").akeys() == []
        await contexts.close()


IDS = st.text(st.characters(exclude_characters=":\x00", exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(deadline=None)
@given(IDS, st.none() | IDS)
def test_any_id_has_its_own_file_inside_the_folder(tmp_path_factory, flow, node):
    folder = tmp_path_factory.getbasetemp() / "ids"
    scope = flow if node is None else f"{node}:{flow}"
    path = scope_path(folder, scope)
    assert path.resolve().parent.parent == folder.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    try:
        assert scope in dict(scopes_in(folder))
    finally:
        path.unlink()
