"""Reports: what an evaluation says beyond its mean, and that it holds no words of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.optimize.metrics import Answer, get_metric
from whetstone.optimize.metrics.report import Judged, report
from whetstone.optimize.rows.examples import Example

NAMES = ["decision", "routing", "exact", "action", "json", "text", "judge", "own"]


def judged(metric: str, pairs: Sequence[tuple[str | Answer, str | Answer | None]]) -> list[Judged]:
    """Rows as an evaluation leaves them."""
    rows = []
    for place, pair in enumerate(pairs):
        expected, answer = (Answer(each) if isinstance(each, str) else each for each in pair)
        assert expected is not None
        example = Example(f"row-{place}", "g", "", (), expected, "given")
        score = get_metric(metric)(expected, answer) if answer is not None else None
        rows.append(
            Judged(example, answer, score.value if score else None, score.objectives if score else {})
        )
    return rows


def test_classes_of_decisions() -> None:
    def say(action: str) -> str:
        return orjson.dumps({"action": action}).decode()

    pairs: list[tuple[str | Answer, str | Answer | None]] = [
        *[(say("RESPOND"), say("RESPOND"))] * 3,
        (say("RESPOND"), say("IGNORE")),
        (say("IGNORE"), say("IGNORE")),
        (say("IGNORE"), "hm, well"),
        (say("IGNORE"), say("DANCE")),
        (say("STOP"), say("STOP")),
        (say("STOP"), None),
    ]
    found = report("decision", judged("decision", pairs))
    assert (found["rows"], found["failed"], found["unparsable"]) == (9, 1, 1)
    assert found["mean"] == found["accuracy"] == 5 / 8
    respond = found["classes"]["respond"]
    assert respond == {"precision": 1, "recall": 0.75, "f1": pytest.approx(6 / 7), "support": 4}
    assert found["classes"]["ignore"]["f1"] == pytest.approx(2 / 5)
    assert found["macroF1"] == pytest.approx((6 / 7 + 2 / 5 + 1) / 3)
    assert "stop" not in found["classes"]  # one answered row is too few to name its label
    assert found["confusion"] == {
        "respond": {"ignore": 1, "respond": 3},
        "ignore": {"(other)": 1, "(unreadable)": 1, "ignore": 1},
        "(other)": {"(other)": 1},
    }


def test_routing_and_labels() -> None:
    routes = [('{"action":"RESPOND","contexts":["b","a"]}', '{"action":"RESPOND","contexts":["a","b"]}')] * 2
    assert report("routing", judged("routing", routes))["classes"].keys() == {"respond/a/b"}
    labels = [("Card arrival", "card_arrival"), ("card arrival", "Top up")]
    found = report("exact", judged("exact", labels))
    assert found["accuracy"] == 0.5
    assert found["confusion"] == {"card_arrival": {"(other)": 1, "card_arrival": 1}}


def test_calls_and_abstentions() -> None:
    call = '{"action":"TRACK","parameters":{"id":"1","day":"mon"}}'
    pairs: list[tuple[str | Answer, str | Answer | None]] = [
        (call, call),
        (call, '{"action":"TRACK","parameters":{"id":"1","day":"tue"}}'),
        (call, '{"action":"RETURN"}'),
        (call, '{"action":"NONE"}'),
        (call, '{"action": "TR'),
        ('{"action":"NONE"}', '{"action":"NONE"}'),
        ('{"action":"NONE"}', call),
        (
            Answer(tool_calls=[{"name": "a", "arguments": {}}, {"name": "b", "arguments": {}}]),
            '{"toolCalls":[]}',
        ),
    ]
    found = report("action", judged("action", pairs))
    assert found["nameAccuracy"] == pytest.approx(2 / 6)
    assert found["argumentAccuracy"] == pytest.approx(0.75)
    assert found["abstention"] == {"expected": 2, "right": 1, "falseCalls": 1, "missedCalls": 2}
    assert found["unparsable"] == 1


def test_fields_of_json() -> None:
    pairs: list[tuple[str | Answer, str | Answer | None]] = [
        ('{"a": 1, "b": {"c": "x"}, "once": 1}', '{"a": 1, "b": {"c": "y"}, "invented": "Ann"}'),
        ('{"a": 2, "b": {"c": "x"}}', '```\n{"a": 2, "b": {"c": "x"}}\n```'),
        ('{"a": 2, "b": {"c": "x"}}', "I do not know"),
    ]
    found = report("json", judged("json", pairs))
    assert found["fields"] == {
        "a": {"accuracy": pytest.approx(2 / 3), "support": 3},
        "b.c": {"accuracy": pytest.approx(1 / 3), "support": 3},
    }
    assert (found["extraFields"], found["unparsable"]) == (1, 1)
    assert found["objectives"] == {"schema": pytest.approx(1 / 3), "strict": pytest.approx(1 / 3)}


def test_what_people_wrote_is_no_name_of_a_class() -> None:
    own = [(f"My name is Ann Number{n} of Bonn", "x") for n in range(30)]
    long = [("please bring the parcel to the neighbour " * 3, "x")] * 5
    found = report("exact", judged("exact", [*own, *long]))
    assert found["confusion"] == {"(other)": {"(other)": 35}}
    text = orjson.dumps(
        report("json", judged("json", [(f'{{"Ann {n}": 1}}', '{"Bob": 2}') for n in range(9)]))
    )
    assert b"Ann" not in text
    assert b"Bob" not in text


def test_repeats_of_one_row_do_not_make_its_answer_a_name() -> None:
    [row] = judged("exact", [("Ann of Bonn", "Ann of Bonn")])
    assert report("exact", [row] * 5)["classes"] == {}


def test_many_classes_are_not_all_named() -> None:
    pairs = [(f"label {n}", f"label {n}") for n in range(80) for _ in range(2 + (n == 79))]
    found = report("exact", judged("exact", pairs))
    assert len(found["classes"]) == 50
    assert next(iter(found["classes"])) == "label_79"
    assert found["macroF1"] == 1
    assert found["confusion"]["(other)"] == {"(other)": 60}


_texts = st.sampled_from(['{"action":"A"}', '{"action":"NONE"}', "A", "", "{", '{"a": 1}', '[{"a": null}]'])


@pytest.mark.parametrize("name", NAMES)
@given(
    pairs=st.lists(
        st.tuples(_texts | st.text(max_size=5), _texts | st.none() | st.text(max_size=5)), max_size=6
    )
)
def test_a_report_of_anything_is_json(name: str, pairs: list[tuple[Any, Any]]) -> None:
    metric = name if name not in ("judge", "own") else "text"
    found = report(name, judged(metric, pairs))
    assert found["rows"] == len(pairs)
    assert orjson.loads(orjson.dumps(found))["metric"] == name
