"""Context: keys, scopes, stores by name, listeners."""

import logging

import pytest

from busway.engine.context import Contexts, MemoryStore, Store, parse_key, register_store_type
from busway.engine.errors import ContextError, PathError
from busway.engine.message import UNDEFINED, Reference

TWO = {"default": {"module": "memory"}, "other": {"module": "memory"}}


class TestKeys:
    @pytest.mark.parametrize(
        ("text", "key"),
        [
            ("a", (None, 0, ("a",))),
            ("a.b[0]", (None, 0, ("a", "b", 0))),
            ("#:(disk)::a.b", ("disk", 0, ("a", "b"))),
            ("$parent.a", (None, 1, ("a",))),
            ("#:(disk)::$parent.$parent.a", ("disk", 2, ("a",))),
            ("a[msg.b]", (None, 0, ("a", Reference(("b",))))),
            ("#:(disk):a", (None, 0, ("#:(disk):a",))),
        ],
    )
    def test_are_parsed_once(self, text, key):
        assert parse_key(text) == key

    @pytest.mark.parametrize("key", ["", None, 5, [], ["a", ""], ["a", 1], {"a": 1}, "a[msg.b]", "$parent"])
    def test_that_name_no_value_are_refused(self, key):
        context = Contexts().global_()
        with pytest.raises(ContextError):
            context.get(key)
        with pytest.raises(ContextError):
            context.set(key, 1)

    def test_that_are_no_path_are_refused(self):
        with pytest.raises(PathError):
            Contexts().global_().get("a..b")


class TestContext:
    def test_gives_back_what_was_set(self):
        context = Contexts().flow("f")
        assert context.get("a") is UNDEFINED
        assert context.set("a", {"b": [1]})
        assert context.get("a.b[0]") == 1
        assert context.get("a.x.y") is UNDEFINED
        assert context.keys() == ["a"]

    def test_gives_the_stored_object_itself(self):
        context, value = Contexts().flow("f"), {"n": 1}
        context.set("a", value)
        context.get("a")["n"] = 2
        assert context.get("a") is value
        assert context.get("a.n") == 2

    def test_sets_inside_a_value_and_makes_parents(self):
        context = Contexts().flow("f")
        context.set("a.b[1]", 5)
        assert context.get("a") == {"b": [None, 5]}
        assert not context.set("a.b[1].c", 1)

    def test_deletes_what_is_set_to_undefined(self):
        context = Contexts().flow("f")
        context.set("a", {"b": 1, "c": 2})
        context.set("a.b", UNDEFINED)
        assert context.get("a") == {"c": 2}
        context.set("a", UNDEFINED)
        assert context.keys() == []

    def test_none_is_a_value(self):
        context = Contexts().flow("f")
        context.set("a", None)
        assert context.get("a") is None
        assert context.keys() == ["a"]

    def test_takes_lists_of_keys(self):
        context = Contexts().flow("f")
        assert context.set(["a", "b", "c"], [1, 2])
        assert context.get(["a", "b", "c", "d"]) == [1, 2, None, UNDEFINED]
        context.set(["x", "y"], "one")
        assert context.get(("x", "y")) == ["one", None]

    def test_scopes_are_apart(self):
        contexts = Contexts()
        contexts.node("n", "f").set("a", "node")
        contexts.flow("f").set("a", "flow")
        contexts.global_().set("a", "global")
        assert contexts.node("n", "f").get("a") == "node"
        assert contexts.node("n", "g").get("a") is UNDEFINED
        assert contexts.flow("f").get("a") == "flow"
        assert contexts.global_().get("a") == "global"
        assert contexts.node("config", "global").scope == "config"

    def test_reaches_the_flows_around(self):
        contexts = Contexts(TWO)
        tab, instance = contexts.flow("tab"), contexts.flow("instance", "tab")
        inner = contexts.flow("inner", "instance")
        tab.set("a", "tab")
        inner.set("$parent.b", "instance")
        inner.set("#:(other)::$parent.$parent.c", "other")
        assert inner.get("$parent.$parent.a") == "tab"
        assert instance.get("b") == "instance"
        assert tab.get("c", "other") == "other"
        assert tab.get("$parent.a") is UNDEFINED
        assert tab.set("$parent.a", 1) is False

    async def test_can_be_awaited_with_every_store(self):
        context = Contexts().flow("f")
        assert await context.aset("a.b", 1)
        assert await context.aget("a.b") == 1
        assert await context.aset(["x", "y"], [1, 2])
        assert await context.aget(["x", "y"]) == [1, 2]
        assert await context.akeys() == ["a", "x", "y"]
        assert await context.aget("$parent.a") is UNDEFINED
        assert await context.aset("$parent.a", 1) is False


class TestSeed:
    def test_is_read_and_hidden_by_set(self):
        context = Contexts(seed={"site": {"name": "Oslo"}, "b": 1}).global_()
        assert context.get("site.name") == "Oslo"
        assert context.keys() == ["site", "b"]
        context.set("b", 2)
        context.set("c", 3)
        assert context.get(["b", "c", "site.none"]) == [2, 3, UNDEFINED]
        assert context.keys() == ["site", "b", "c"]

    async def test_is_read_when_awaited(self):
        contexts = Contexts(seed={"b": 1}, export_seed=False)
        assert await contexts.global_().aget("b") == 1
        assert await contexts.global_().akeys() == []

    def test_is_global_only(self):
        assert Contexts(seed={"b": 1}).flow("f").get("b") is UNDEFINED


class TestStores:
    def test_are_apart(self):
        context = Contexts(TWO).flow("f")
        context.set("a", 1, "other")
        context.set("#:(other)::b", 2)
        assert context.get("a") is UNDEFINED
        assert context.get("#:(other)::a") == 1
        assert context.keys("other") == ["a", "b"]
        assert context.get(["a", "b"], "other") == [1, 2]

    def test_the_first_is_the_default(self):
        contexts = Contexts({"one": {"module": "memory"}, "two": {"module": "memory"}})
        contexts.flow("f").set("a", 1)
        assert contexts.default == "one"
        assert contexts.flow("f").get("a", "one") == 1

    def test_default_may_name_another(self):
        contexts = Contexts({"default": "two", "one": {"module": "memory"}, "two": {"module": "memory"}})
        assert contexts.default == "two"
        assert list(contexts.stores) == ["one", "two"]
        assert contexts.store("default") is contexts.store("two")

    def test_an_unknown_one_is_told_once_and_means_the_default(self, caplog):
        contexts = Contexts(TWO)
        with caplog.at_level(logging.WARNING):
            contexts.flow("f").set("a", 1, "othr")
            contexts.flow("f").get("a", "othr")
        assert contexts.flow("f").get("a") == 1
        assert [record.message for record in caplog.records] == [
            "unknown context store 'othr'; did you mean 'other'?: using 'default'"
        ]

    @pytest.mark.parametrize(
        ("storage", "text"),
        [
            ({"a-b": {"module": "memory"}}, "'a-b'"),
            ({"default": "disc", "disk": {"module": "memory"}}, "did you mean 'disk'"),
            ({"a": {}}, "names no 'module'"),
            ({"a": "memory"}, "names no 'module'"),
            ({"a": {"module": "memry"}}, "did you mean 'memory'"),
            ({"a": {"module": "localfilesystem"}}, "needs a 'dir'"),
            (
                {"a": {"module": "localfilesystem", "config": {"dir": "x", "flushInterval": "soon"}}},
                "'flushInterval' is 'soon'",
            ),
        ],
    )
    def test_wrong_settings_are_told(self, storage, text):
        with pytest.raises(ContextError, match=text):
            Contexts(storage)

    def test_further_kinds_can_be_added(self):
        made = []

        def factory(config, user_dir):
            made.append(config)
            return MemoryStore()

        register_store_type("test-kind", factory)
        contexts = Contexts({"a": {"module": "test-kind", "config": {"x": 1}}, "b": {"module": factory}})
        assert made == [{"x": 1}, {}]
        assert all(isinstance(store, Store) for store in contexts.stores.values())

    def test_none_configured_is_one_in_memory(self):
        assert not Contexts().configured
        assert not Contexts({}).configured
        assert Contexts(TWO).configured
        assert list(Contexts().stores) == ["memory"]


class TestLife:
    async def test_clean_forgets_what_is_gone(self):
        contexts = Contexts(TWO)
        for store in ("default", "other"):
            contexts.node("n1", "f1").set("a", 1, store)
            contexts.node("n2", "f1").set("a", 1, store)
            contexts.flow("f2").set("a", 1, store)
            contexts.global_().set("a", 1, store)
        await contexts.clean({"n1", "f1"})
        for store in ("default", "other"):
            assert contexts.node("n1", "f1").get("a", store) == 1
            assert contexts.node("n2", "f1").get("a", store) is UNDEFINED
            assert contexts.flow("f2").get("a", store) is UNDEFINED
            assert contexts.global_().get("a", store) == 1

    async def test_delete_forgets_one_scope(self):
        contexts = Contexts()
        contexts.node("n", "f").set("a", 1)
        contexts.flow("f").set("a", 1)
        await contexts.delete("n:f")
        assert contexts.node("n", "f").keys() == []
        assert contexts.flow("f").keys() == ["a"]

    async def test_listeners_hear_of_every_change(self):
        contexts, heard = Contexts(TWO), []
        end = contexts.subscribe(lambda *change: heard.append(change))
        contexts.flow("f").set("a.b", 1)
        contexts.node("n", "f").set("x", 1, "other")
        contexts.global_().set("y", UNDEFINED, "unknown")
        contexts.flow("g", "f").set("$parent.c", 1)
        await contexts.flow("f").aset("d", 1)
        await contexts.delete("n:f")
        end()
        contexts.flow("f").set("z", 1)
        assert heard == [
            ("f", "default", "a"),
            ("n:f", "other", "x"),
            ("global", "default", "y"),
            ("f", "default", "c"),
            ("f", "default", "d"),
            ("n:f", "other", "x"),
        ]
