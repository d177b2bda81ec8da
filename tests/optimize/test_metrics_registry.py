"""What holds for every metric, and the registry through which tasks name them."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.datasets.tasks import get_task, task_names
from whetstone.errors import InvalidInputError
from whetstone.optimize.metrics import Answer, Score, get_metric, metric_names, register_metric
from whetstone.optimize.metrics.references import is_metric_reference, load_metric_reference
from whetstone.optimize.metrics.registry import check_metric_name
from whetstone.optimize.metrics.scorer import MetricScorer
from whetstone.optimize.rows.examples import Example

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = ["action", "actionName", "name", "type", "actions", "parameters", "arguments", "toolCalls"]
_KEYS += ["messageHandler", "contexts", "primaryContext", "function", "acceptedArguments", "x"]
_objects = st.dictionaries(st.sampled_from(_KEYS), _values, max_size=4)
_json_texts = _objects.map(
    lambda value: orjson.dumps(value, default=str, option=orjson.OPT_PASSTHROUGH_SUBCLASS).decode()
)
_fragments = st.sampled_from(
    [
        "{",
        "}",
        '"action":',
        '"RESPOND"',
        "```json\n",
        "```",
        "action: ",
        "<action>",
        "</action>",
        "[",
        "]",
        ",",
        "\n",
    ]
)
_texts = st.text(max_size=40) | st.lists(_fragments | st.text(max_size=5), max_size=12).map("".join)


@st.composite
def _answers(draw: st.DrawFn) -> Answer:
    kind = draw(st.sampled_from(["text", "json", "calls"]))
    if kind == "text":
        return Answer(draw(_texts))
    if kind == "json":
        try:
            return Answer(draw(_texts) + draw(_json_texts) + draw(_texts))
        except TypeError:  # an integer that JSON cannot hold
            return Answer("{}")
    return Answer(draw(_texts), draw(st.lists(_objects, max_size=2)))


@pytest.mark.parametrize("name", ["decision", "routing", "action", "text", "json", "exact"])
@given(expected=_answers(), given_answer=_answers())
def test_every_metric_is_bounded_deterministic_and_finds_an_answer_equal_to_itself(
    name: str, expected: Answer, given_answer: Answer
) -> None:
    metric = get_metric(name)
    score = metric(expected, given_answer)
    assert 0 <= score.value <= 1
    assert score.feedback
    assert len(score.feedback) < 3000
    assert metric(expected, given_answer) == score
    assert metric(expected, expected).value == 1


def test_every_task_names_a_metric_that_exists() -> None:
    for task in task_names():
        assert callable(get_metric(get_task(task).metric))


def test_a_user_can_add_a_metric_but_not_replace_one() -> None:
    def always_half(_expected: Answer, _given: Answer) -> Score:
        return Score(0.5, "half")

    name = f"half-{uuid.uuid4().hex}"  # the registry lives as long as the process
    register_metric(name, always_half)
    assert get_metric(name)(Answer("a"), Answer("b")).value == 0.5
    assert name in metric_names()
    with pytest.raises(ValueError, match="registered already"):
        register_metric("text", always_half)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match=r"known are action, decision, .*routing, text"):
        get_metric("bleu")


def test_a_default_answer_is_empty() -> None:
    value: Any = Answer()
    assert (value.text, tuple(value.tool_calls)) == ("", ())


def test_a_metric_has_a_plain_name_and_takes_two_answers() -> None:
    async def later(_expected: Answer, _given: Answer) -> float:
        return 1.0

    for name in ("", "a:b", "-x", "a b", "x" * 65, "../x"):
        with pytest.raises(ValueError, match="a metric's name is"):
            register_metric(name, get_metric("text"))
    with pytest.raises(ValueError, match="registered already"):
        register_metric("judge", get_metric("text"))
    unfit: list[tuple[Any, str]] = [
        (later, "asynchronous"),
        (7, "not a function"),
        (lambda one: one, "does not take"),
    ]
    for metric, reason in unfit:
        with pytest.raises(TypeError, match=reason):
            register_metric(f"unfit-{uuid.uuid4().hex}", metric)


def test_a_name_with_a_colon_is_refused_and_imports_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = write_module(tmp_path, "raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    for refuse in (get_metric, check_metric_name):
        with pytest.raises(InvalidInputError, match=r"only the command line may load.*'whetstone\.metrics'"):
            refuse(f"{module}:metric")
    assert module not in sys.modules


def test_the_judge_is_a_name_for_a_job_but_no_function() -> None:
    check_metric_name("judge")
    check_metric_name("json")
    with pytest.raises(InvalidInputError, match=r"known are action, decision, exact, .*judge.*, text"):
        check_metric_name("bleu")
    assert "judge" not in metric_names()


def write_module(directory: Path, source: str) -> str:
    """A module of a new name that holds `source`."""
    name = f"metric_{uuid.uuid4().hex}"
    (directory / f"{name}.py").write_text(source)
    return name


@pytest.fixture
def search_path() -> Iterator[None]:
    """The module search path as it was, afterwards."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.mark.usefixtures("search_path")
async def test_the_command_line_loads_a_function_by_its_module(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        "class Metrics:\n"
        "    @staticmethod\n"
        "    def length(expected, given, example=None):\n"
        "        return {'score': len(given.text) <= 3, 'feedback': example.id}\n",
    )
    metric = load_metric_reference(f"{module}:Metrics.length", tmp_path)
    row = Example("r1", "g", "", (), Answer("yes"), "given")
    score = await MetricScorer("length", metric).score(row, Answer("no"))
    assert (score.value, score.feedback) == (1, "r1")
    assert is_metric_reference(f"{module}:Metrics.length")
    assert not is_metric_reference("json")


@pytest.mark.usefixtures("search_path")
@pytest.mark.parametrize(
    ("source", "path", "reason"),
    [
        ("x = 1", ":x", "is not a function"),
        ("x = 1", ":y", "AttributeError"),
        ("x = 1", "", "named package.module:function"),
        ("x = 1", ":", "named package.module:function"),
        ("def f(x): return 1", ":f", "does not take"),
        ("async def f(a, b): return 1", ":f", "asynchronous"),
        ("raise SystemExit('no')", ":f", "SystemExit"),
        ("def f(:", ":f", "SyntaxError"),
    ],
)
def test_a_reference_that_is_no_metric_is_refused_in_plain_words(
    tmp_path: Path, source: str, path: str, reason: str
) -> None:
    module = write_module(tmp_path, source)
    with pytest.raises(InvalidInputError, match=reason):
        load_metric_reference(f"{module}{path}", tmp_path)


def test_an_installed_package_brings_metrics_of_its_own(tmp_path: Path) -> None:
    module = write_module(tmp_path, "def half(expected, given):\n    return 0.5\n")
    info = tmp_path / "own_metrics-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-metrics\nVersion: 1.0\n")
    points = f"[whetstone.metrics]\nown-half = {module}:half\nown-broken = {module}:missing\ntext = {module}:half\n"
    (info / "entry_points.txt").write_text(points)
    script = (
        "from whetstone.optimize.metrics import Answer, get_metric, metric_names\n"
        "print(get_metric('own-half')(Answer('a'), Answer('b')), 'own-broken' in metric_names(),\n"
        "      get_metric('text')(Answer('a'), Answer('a')).value)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "0.5 False 1.0"
    assert {name for name in ("own-half", "own-broken", "text") if f"entry_point={name}" in done.stdout} == {
        "own-broken",
        "text",
    }
