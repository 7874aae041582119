"""HTTP clients in cases; what other worlds must bring is shown by one of three lines."""

import pytest

from busway.engine.casefile import STEPS
from busway.engine.cases import run_file
from busway.engine.worlds import WORLDS, Seen, World, register_world

ECHO = """
[{"id":"t","type":"tab","label":"T"},
 {"id":"in","type":"http in","z":"t","x":0,"y":0,"url":"/echo/:who","method":"post","wires":[["out"]]},
 {"id":"get","type":"http in","z":"t","x":0,"y":0,"url":"/silent","method":"get","wires":[["j"]]},
 {"id":"j","type":"junction","z":"t","x":0,"y":0,"wires":[]},
 {"id":"out","type":"http response","z":"t","x":0,"y":0,"statusCode":"201","headers":{"x-own":"yes"},"wires":[]}]
"""


@pytest.fixture
def run(tmp_path):
    def run(steps, flow=ECHO):
        (tmp_path / "f.json").write_text(flow)
        (tmp_path / "f.cases.yaml").write_text("cases:\n  - name: x\n    steps:\n" + steps)
        (result,) = run_file(tmp_path / "f.cases.yaml")
        return result

    return run


def test_a_request_reaches_the_flow_and_its_answer_is_seen(run):
    result = run("""
      - request: {method: post, url: "/echo/b%C3%B6b?x=1", headers: {X-Trace: "7"}, body: {a: [1, 2]}}
      - expect: {payload: {a: [1, 2]}, req: {$any: true}}
        at: out
      - expect_response: {status: 201, headers: {x-own: "yes", content-type: {$regex: json}}, body: {a: [1, 2]}}
""")
    assert result.passed, result.failure


@pytest.mark.parametrize(
    ("body", "seen"), [("hello", '"hello"'), ("{a: 1}", "{a: 1}"), ("'5'", '"5"')], ids=["text", "object", "digits"]
)
def test_a_body_is_text_or_json_as_it_is_written(run, body, seen):
    result = run(f"""
      - request: {{method: POST, url: /echo/x, body: {body}}}
      - expect: {{payload: {seen}}}
        at: out
""")
    assert result.passed, result.failure


def test_a_form_is_encoded_where_the_headers_say_so(run):
    result = run("""
      - request: {method: POST, url: /echo/x, headers: {content-type: application/x-www-form-urlencoded}, body: {a: 1}}
      - expect: {payload: {a: "1"}}
        at: out
""")
    assert result.passed, result.failure


def test_an_unanswered_request_is_told_as_the_client_would_see_it(run):
    result = run("""
      - request: {url: /silent}
      - expect_response: {status: 504}
""")
    assert result.passed, result.failure


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("request: {url: /nowhere}", "no http in node takes GET /nowhere"),
        ("request: {method: PUT, url: /silent}", "no http in node takes PUT /silent"),
        ("request: {uri: /silent}", "cannot say 'uri'; did you mean 'url'"),
        ("request: /silent", "request is a mapping with method, url"),
        ("request: {method: GET}", "request needs 'url'"),
        ("expect_response: {status: 200}", "nothing came within 10 s"),
        ("expect_response: {code: 200}", "cannot say 'code'"),
    ],
)
def test_a_step_that_cannot_be_done_says_why(run, step, message):
    result = run(f"      - {step}\n")
    assert not result.passed
    assert message in result.failure


class Bell(World):
    """Counts how often it was rung."""

    verb, expects = "ring", "expect_rings"

    def prepare(self):
        self.rings = 0

    async def act(self, spec):
        self.rings += spec

    async def observe(self, spec):
        return Seen(spec, self.rings)


@pytest.fixture
def bell():
    yield register_world(Bell)
    del WORLDS["ring"], STEPS["ring"], STEPS["expect_rings"]


def test_another_world_is_a_class_with_two_methods(run, bell):
    assert run("      - ring: 2\n      - ring: 1\n      - expect_rings: 3\n").passed
    assert "expected 4, got 2" in run("      - ring: 2\n      - expect_rings: 4\n").failure
