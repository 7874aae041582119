"""Where node types come from, and what a broken one does to the others."""

from busway.engine.registry import Registry

GOOD = '''from busway import Message, Node


class Hello(Node):
    """Says hello."""

    type = "hello"

    def on_message(self, msg: Message) -> Message:
        msg["payload"] = "{word}"
        return msg
'''


def test_built_in_types_are_known_without_being_imported():
    registry = Registry()
    assert registry.knows("inject")
    assert registry.place("inject").kind == "core"
    assert not registry._classes


def test_a_type_nobody_offers_is_none():
    registry = Registry()
    assert registry.get("no such type") is None
    assert not registry.knows("no such type")


def test_a_file_in_a_folder_is_a_node(tmp_path):
    (tmp_path / "hello.py").write_text(GOOD.format(word="hello"))
    registry = Registry(tmp_path)
    assert registry.get("hello").type == "hello"
    assert registry.place("hello").kind == "user"
    assert "hello" in registry.types()


def test_tests_beside_nodes_are_no_nodes(tmp_path):
    (tmp_path / "test_hello.py").write_text(GOOD.format(word="hello"))
    assert not Registry(tmp_path).knows("hello")


def test_a_changed_file_is_taken_up_and_a_removed_one_is_forgotten(tmp_path):
    file = tmp_path / "hello.py"
    file.write_text(GOOD.format(word="old"))
    registry = Registry(tmp_path)
    before = registry.get("hello")
    file.write_text(GOOD.format(word="new"))
    assert registry.reload_folders() == {"hello"}
    assert registry.get("hello") is not before
    file.unlink()
    assert registry.reload_folders() == {"hello"}
    assert registry.get("hello") is None


def test_a_broken_file_is_told_by_name_and_keeps_no_other_from_working(tmp_path):
    (tmp_path / "hello.py").write_text(GOOD.format(word="hello"))
    (tmp_path / "broken.py").write_text(GOOD.replace('"hello"', '"broken"') + "\nimport no_such_module\n")
    registry = Registry(tmp_path)
    assert registry.get("broken") is None
    assert "broken.py" in registry.errors["broken"]
    assert "no_such_module" in registry.errors["broken"]
    assert registry.get("hello") is not None


async def test_a_changed_file_restarts_its_nodes_only(bench, tmp_path):
    from tests.engine.bench import node, tab

    folder = tmp_path / "nodes"
    folder.mkdir()
    (folder / "hello.py").write_text(GOOD.format(word="old"))
    runtime = bench.runtime
    runtime.registry.folders = (folder,)
    runtime.registry.reload_folders()
    await bench.start(tab(), node("h", "hello", "x"), node("x", "sink"))
    runtime.journal.clear()
    (folder / "hello.py").write_text(GOOD.format(word="new"))
    await runtime.reload_types(runtime.registry.reload_folders())
    await bench.send("h", {})
    assert bench.payloads("x") == ["new"]
    assert runtime.journal == []


def test_a_type_that_is_switched_off_is_missing_until_it_is_switched_on():
    registry = Registry()
    assert registry.get("range") is not None
    registry.switch(["range", "debug"], False)
    assert (registry.get("range"), registry.knows("range"), "range" in registry.types()) == (None, False, True)
    assert "range" not in {cls.type for cls in registry.all()}
    registry.switch(["range"], True)
    assert registry.get("range") is not None
    assert (registry.disabled, registry.errors) == ({"debug"}, {})
