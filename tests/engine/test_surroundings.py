"""Environment variables as running nodes see them."""

from tests.engine.bench import node, tab


def env(**values):
    return [
        {"name": name, "value": str(value), "type": "num" if isinstance(value, int) else "str"}
        for name, value in values.items()
    ]


async def test_the_nearest_level_wins_and_values_keep_their_type(bench):
    group = {"id": "g", "type": "group", "z": "t", "name": "G", "nodes": ["a"], "env": env(X=2)}
    await bench.start(tab(env=env(X=1, Y=1)), group, node("a", g="g"), node("b"))
    a, b = (bench.runtime.nodes[id].env for id in "ab")
    assert (a.get("X"), a.get("Y"), b.get("X"), a.get("$parent.X")) == (2, 1, 1, 1)


async def test_built_in_names_say_where_a_node_is(bench):
    group = {"id": "g", "type": "group", "z": "t", "name": "G", "nodes": ["a"], "env": []}
    await bench.start(tab(label="Tab"), group, node("a", g="g", name="A"))
    names = ("NR_NODE_ID", "NR_NODE_NAME", "NR_NODE_PATH", "NR_GROUP_ID", "NR_GROUP_NAME", "NR_FLOW_ID", "NR_FLOW_NAME")
    assert [bench.runtime.nodes["a"].env.get(name) for name in names] == ["a", "A", "t/a", "g", "G", "t", "Tab"]


async def test_an_instance_overrides_its_template_and_falls_back_to_what_is_around(bench):
    sub = {"id": "s", "type": "subflow", "name": "S", "in": [], "out": [], "env": env(X=1, Y=1)}
    await bench.start(tab(env=env(Z=3)), sub, node("i", z="s"), node("one", "subflow:s", env=env(X=2), name="first"))
    inner = bench.runtime.nodes["one-i"].env
    assert [inner.get(name) for name in ("X", "Y", "Z")] == [2, 1, 3]
    assert [inner.get(name) for name in ("NR_NODE_PATH", "NR_SUBFLOW_ID", "NR_SUBFLOW_NAME", "NR_FLOW_ID")] == [
        "t/one/i",
        "one",
        "first",
        "t",
    ]


async def test_a_property_that_is_a_variable_gets_its_value(bench):
    await bench.start(tab(env=env(LABEL="shown")), node("a", name="${LABEL}", deep={"x": ["$(LABEL)", "${NONE}"]}))
    a = bench.runtime.nodes["a"]
    assert a.name == "shown"
    assert a.properties["deep"] == {"x": ["shown", "${NONE}"]}


async def test_the_process_is_the_last_level_and_can_be_hidden(bench, monkeypatch):
    monkeypatch.setenv("BUSWAY_TEST_SEEN", "1")
    monkeypatch.setenv("BUSWAY_TEST_HIDDEN", "1")
    bench.runtime.settings.env_excludes = ["BUSWAY_TEST_HIDDEN"]
    await bench.start(tab(), node("a"))
    seen = bench.runtime.nodes["a"].env
    assert seen.get("BUSWAY_TEST_SEEN") == "1"
    assert not seen.get("BUSWAY_TEST_HIDDEN")


async def test_secrets_of_a_tab_are_variables_of_type_cred(bench):
    bench.runtime.credentials.merge("t", {"KEY": "secret"})
    await bench.start(tab(env=[{"name": "KEY", "type": "cred", "value": ""}]), node("a"))
    assert bench.runtime.nodes["a"].env.get("KEY") == "secret"


async def test_global_config_is_outside_of_all_tabs(bench):
    await bench.start({"id": "gc", "type": "global-config", "env": env(X=9)}, tab(), node("a"))
    assert bench.runtime.nodes["a"].env.get("X") == 9
