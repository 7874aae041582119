from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from busway.engine.casefile import CaseFileError, case_files, load

STEP = "\n    steps:\n      - "


@pytest.fixture
def write(tmp_path):
    def write(text, name="flow.cases.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def one_step(write, step):
    file = load(write(f"cases:\n  - name: x{STEP}{step}\n"))
    return file.cases[0].steps[0]


def test_a_file_has_cases_with_steps_and_says_where_they_stand(write):
    file = load(
        write(
            """
within: 1m
env: {SITE: north, N: 1}
cases:
  - name: first
    clock: 2026-01-01T08:00:00Z
    env: {N: 2}
    steps:
      - send: {payload: 1}
        to: n1
      - expect: {payload: 2}
        from: n2
        output: 1
        within: 500ms
        after: 0.25
  - name: second
    within: 2h
    steps: []
"""
        )
    )
    first, second = file.cases
    assert (first.name, first.line, first.clock, first.within) == ("first", 5, 1_767_254_400, 60)
    assert (first.env, second.env, second.within) == ({"SITE": "north", "N": 2}, {"SITE": "north", "N": 1}, 7200)
    assert [(step.verb, step.spec, step.line) for step in first.steps] == [
        ("send", {"payload": 1}, 9),
        ("expect", {"payload": 2}, 11),
    ]
    assert first.steps[1].options == {"from": "n2", "output": 1, "within": 0.5, "after": 0.25}


@pytest.mark.parametrize(
    ("name", "flow"), [("boot.cases.yaml", "boot.json"), ("boot.case.yml", "boot.json"), ("a.b.cases.yaml", "a.b.json")]
)
def test_the_flow_is_the_file_of_the_same_name(write, name, flow):
    assert load(write("cases: []", name)).flow.name == flow


def test_the_flow_may_be_named_relative_to_the_file(write, tmp_path):
    assert load(write("flow: ../flows/a.json\ncases: []")).flow == tmp_path / "../flows/a.json"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("12:30:45", "12:30:45"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("1_000", "1_000"),
        (".5", 0.5),
        (".inf", float("inf")),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("null", None),
        ("~", None),
        ("2026-01-01", "2026-01-01"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("-", "-"),
    ],
)
def test_scalars_are_read_by_the_core_schema_of_yaml_1_2(write, text, value):
    got = one_step(write, f"send: {{payload: {text}}}\n        to: n").spec["payload"] if text != "-" else "-"
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("5", 5), ("2.5", 2.5), ("500ms", 0.5), ("2 s", 2), ("5m", 300), ("1.5h", 5400), ("1d", 86_400)],
)
def test_times_are_seconds_or_have_a_unit(write, written, seconds):
    assert one_step(write, f"wait: {written}").spec == seconds
    assert one_step(write, f"expect_nothing: n\n        for: {written}").options["for"] == seconds


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "the file is empty"),
        ("a: [", 1, "not valid YAML"),
        ("- 1", 1, "a case file is a mapping, this is a sequence"),
        ("flow: a", 1, "a case file needs 'cases'"),
        ("cases: 5", 1, "'cases' is a list, this is a scalar"),
        ("cases: []\ncase: 1", 1, "cannot say 'case'; did you mean 'cases'"),
        ("cases:\n  - name: x", 2, "a case needs 'steps'"),
        ("cases:\n  - name: x\n    nmae: y\n    steps: []", 2, "cannot say 'nmae'; did you mean 'name'"),
        (f"cases:\n  - name: x{STEP}sned: 1", 4, "did you mean 'send'"),
        (f"cases:\n  - name: x{STEP}whatever: 1", 4, "it has to say one of send, press"),
        (f"cases:\n  - name: x{STEP}send: 1", 4, "a step 'send' needs 'to'"),
        (f"cases:\n  - name: x{STEP}{{send: 1, to: a, wait: 1}}", 4, "does one thing, this one send and wait"),
        (f"cases:\n  - name: x{STEP}{{send: 1, two: a}}", 4, "cannot say 'two'; did you mean 'to'"),
        (f"cases:\n  - name: x{STEP}wait: soon", 4, "wait is 'soon'; write seconds"),
        (f"cases:\n  - name: x{STEP}wait: -1", 4, "write seconds"),
        (f"cases:\n  - name: x{STEP}{{expect: 1, from: a, at: b}}", 4, "either 'from'"),
        (f"cases:\n  - name: x{STEP}expect: 1", 4, "either 'from'"),
        (f"cases:\n  - name: x{STEP}{{expect_status: 1}}", 4, "needs 'from'"),
        ("cases:\n  - name: x\n    clock: noon\n    steps: []", 2, "clock is 'noon'"),
        ("cases:\n  - name: x\n    env: 5\n    steps: []", 2, "env is a mapping"),
        ("cases:\n  - name: x\n    name: y\n    steps: []", 3, "'name' is there twice"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_what_would_be_right(write, text, line, message):
    path = write(text)
    with pytest.raises(CaseFileError) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}:{line}: ")
    assert message in str(raised.value)


def test_an_anchor_inside_itself_is_refused(write):
    with pytest.raises(CaseFileError, match="anchor contains itself"):
        load(write(f"cases:\n  - name: x{STEP}{{send: &a [*a], to: n}}"))


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(CaseFileError, match="nothing here"):
        load(tmp_path / "nothing here.cases.yaml")
    (tmp_path / "latin.cases.yaml").write_bytes(b"\xff")
    with pytest.raises(CaseFileError, match="latin"):
        load(tmp_path / "latin.cases.yaml")


@given(st.text(alphabet="cases: \n-{}[]name,steps'\"&*!|>#%@x1", max_size=80) | st.text(max_size=40))
def test_any_text_is_a_case_file_or_a_clear_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.cases.yaml"
    path.write_text(text, encoding="utf-8", errors="replace", newline="")
    try:
        file = load(path)
    except CaseFileError as error:
        told = str(error)
    else:
        told = str(file.path)
    assert told.startswith(str(path))


def test_case_files_are_found_in_folders_and_beside_flows(tmp_path):
    for name in ("a.json", "a.cases.yaml", "b.json", "sub/c.case.yml", "sub/d.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = [str(path.relative_to(tmp_path)) for path in case_files([tmp_path])]
    assert names == ["a.cases.yaml", "sub/c.case.yml"]
    assert case_files([tmp_path / "a.json", tmp_path / "a.cases.yaml"]) == [tmp_path / "a.cases.yaml"]
    assert case_files([Path(tmp_path / "b.json")]) == []
