import pytest

from busway.editor.server.permissions import permits, permits_all
from busway.editor.server.users import User


@pytest.mark.parametrize(
    ("granted", "wanted", "allowed"),
    [
        (["*"], "flows.write", True),
        (["*"], "*", True),
        (["flows.write"], "flows.write", True),
        (["flows.write"], "flows.read", False),
        (["read"], "flows.read", True),
        (["*.read"], "a.b.read", True),
        (["read"], "read", True),
        (["*.read"], "read", True),
        (["read"], "flows.write", False),
        (["read"], "spread", False),
        (["read"], "flows.spread", False),
        (["write"], "flows.write", True),
        (["write"], "flows.read", False),
        (["flows.read", "write"], "nodes.write", True),
        (["read"], "*", False),
        (["flows"], "flows.read", False),
        (["flows.*"], "flows.read", False),
        ([], "flows.read", False),
        ([], "", True),
        ([""], "flows.read", False),
    ],
)
def test_the_rules_are_those_of_node_red(granted, wanted, allowed):
    assert permits(granted, wanted) is allowed


def test_of_several_each_must_be_allowed():
    assert permits_all(["read"], ["flows.read", "nodes.read"])
    assert not permits_all(["read"], ["flows.read", "nodes.write"])


def test_a_scope_and_the_permissions_must_both_allow():
    assert User("a", ("*",), ("flows.read",)).may("flows.read")
    assert not User("a", ("*",), ("flows.read",)).may("flows.write")
    assert not User("a", ("read",), ("*",)).may("flows.write")
