"""The metrics `decision` and `routing`: answers in every notation, right, wrong and unreadable."""

from __future__ import annotations

import orjson
import pytest

from whetstone.optimize.metrics import Answer, Score, get_metric


def decide(expected: str, given: str) -> Score:
    return get_metric("decision")(Answer(expected), Answer(given))


def route(expected: str, given: str) -> Score:
    return get_metric("routing")(Answer(expected), Answer(given))


RESPOND = '{"action":"RESPOND"}'


@pytest.mark.parametrize(
    "answer",
    [
        '{"action":"RESPOND"}',
        '{ "action" : "respond", "thought": "they {ask} me", "contexts": [] }',
        '{"messageHandler":{"action":"RESPOND","contexts":["general"],"thought":"t"}}',
        '```json\n{"action": "RESPOND"}\n```',
        '```\n{"action": "RESPOND"}',
        '```json {"action": "RESPOND"}```',
        'Sure! Here is my decision: {"action": "RESPOND"} Hope this helps.',
        'I considered {this} and {"thought": 1} and say {"action":"RESPOND"}',
        "thought: they ask me\naction: RESPOND\ncontexts[1]: general",
        "**Action:** Respond",
        "- action = RESPOND",
        "<response>\n<action>RESPOND</action>\n<thought>x</thought></response>",
        "RESPOND",
        "respond.",
        '"RESPOND"',
        "**RESPOND**",
        "```\nRESPOND\n```",
        "```RESPOND```",
    ],
)
def test_the_same_decision_is_right_in_every_notation(answer: str) -> None:
    assert decide(RESPOND, answer).value == 1
    assert decide(answer, RESPOND).value == 1
    wrong = decide('{"action":"IGNORE"}', answer)
    assert wrong.value == 0
    assert wrong.parsed
    assert "IGNORE" in wrong.feedback
    assert "RESPOND" in wrong.feedback


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("I think someone should RESPOND here", "no JSON"),
        ('{"action": "RESPOND", "thought": "cut off he', "broken JSON"),
        ('{"decision": "RESPOND"}', "lacks the expected keys"),
        ('{"action": 7}', "lacks the expected keys"),
        ('{"action": NaN}', "broken JSON"),
        ('{"a":' * 500 + "1" + "}" * 500, "nested"),
    ],
)
def test_an_unreadable_answer_scores_nothing_and_says_why(answer: str, reason: str) -> None:
    score = decide(RESPOND, answer)
    assert (score.value, score.parsed) == (0, False)
    assert reason in score.feedback
    assert "RESPOND" in score.feedback


def test_labels_of_any_task_are_compared_without_case_and_hyphens() -> None:
    assert decide('{"action":"card-arrival"}', "Card_Arrival").value == 1
    assert decide('{"action":"回复"}', "回复").value == 1
    assert decide('{"action":"回复"}', "忽略").value == 0


def test_an_expected_answer_that_is_no_decision_is_compared_as_text() -> None:
    assert decide("yes, please do", "Yes, please do!").value == 1
    assert decide("yes, please do", RESPOND).value == 0


def test_a_decision_may_come_as_the_arguments_of_a_tool_call() -> None:
    call = {"function": {"name": "HANDLE_RESPONSE", "arguments": RESPOND}}
    metric = get_metric("decision")
    assert metric(Answer(RESPOND), Answer(tool_calls=[call])).value == 1
    assert metric(Answer(tool_calls=[call]), Answer('{"action":"STOP"}')).value == 0


def test_contexts_count_for_routing_only() -> None:
    wanted = '{"action":"RESPOND","contexts":["billing","orders"]}'
    half = '{"action":"RESPOND","contexts":["billing","garden"]}'
    assert decide(wanted, half).value == 1
    assert route(wanted, half).value == pytest.approx(0.5 + 0.5 * 0.5)
    assert route(wanted, '{"action":"IGNORE","contexts":["orders","billing"]}').value == 0.5
    assert route(wanted, RESPOND).value == 0.5
    assert "billing" in route(wanted, half).feedback
    assert route('{"action":"RESPOND","contexts":[]}', '{"action":"RESPOND","contexts":[]}').value == 1


def test_contexts_are_read_from_lines_and_tags() -> None:
    wanted = '{"primaryContext":"wallet","secondaryContexts":["social","media"]}'
    assert route(wanted, "primaryContext: wallet\nsecondaryContexts: social, media").value == 1
    tags = "<primaryContext>wallet</primaryContext><secondaryContexts>media,social</secondaryContexts>"
    assert route(wanted, tags).value == 1
    assert route("primaryContext: wallet", "primaryContext: social").value == 0


def test_long_and_hostile_answers_are_read_quickly() -> None:
    for answer in ("{" * 50_000, '{"a":' * 20_000, "```" + "a" * 50_000, "<action>" * 20_000, "\n " * 50_000):
        assert decide(RESPOND, answer).value == 0
    late = orjson.dumps({"thought": "x" * 15_000, "action": "RESPOND"}).decode()
    assert decide(RESPOND, late).value == 1
