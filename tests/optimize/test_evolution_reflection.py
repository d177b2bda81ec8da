from __future__ import annotations

from dataclasses import replace

import pytest

from evolution_world import START, parcels, question
from whetstone.lm.types import ChatRequest
from whetstone.optimize.engine.evaluation import RowResult
from whetstone.optimize.engine.program import PROMPT, Candidate, prompt_component
from whetstone.optimize.evolution.components import choose_component
from whetstone.optimize.evolution.members import Member
from whetstone.optimize.evolution.mutation import Evidence, parse, reflection
from whetstone.optimize.evolution.restarts import fresh_request
from whetstone.optimize.metrics import Answer

ROWS = parcels(12, "train")
BEGUN = Candidate(START)
WRONG = {row.id: RowResult(row.id, 0.0, f"feedback on {row.id}", f"answer to {row.id}") for row in ROWS}


def asks(candidate: Candidate, evidence: Evidence, room: int) -> ChatRequest:
    return reflection("The goal.", candidate, PROMPT, evidence, room=room, limit=500, repeat=0)


def asked(candidate: Candidate = BEGUN, room: int = 8192, **changes: object) -> str:
    evidence = replace(Evidence(ROWS[:5], ROWS[5:7], WRONG), **changes)  # type: ignore[arg-type]
    return question(asks(candidate, evidence, room))


def test_the_model_sees_the_text_the_failures_and_what_must_not_break() -> None:
    text = asked(refuted=["shouting helps"], hints=["whispering helps"])
    assert text.index("did not hold:\n- shouting helps") < text.index("- whispering helps")
    assert START in text
    assert "The goal." in text
    for row in ROWS[:7]:
        assert row.text in text
        assert f"feedback on {row.id}" in text
        assert row.expected_text in text
    assert ROWS[8].text not in text
    assert text.index(ROWS[0].text) < text.index(ROWS[5].text)


def test_the_model_is_told_which_placeholders_to_keep() -> None:
    assert "each as often as now: {{name}}, {{place}}" in asked(
        Candidate("For {{place}}, {{name}} and {{name}}.")
    )
    fresh = fresh_request("The goal.", Candidate("For {{name}}. Old words."), ROWS, {}, 8192, 0)
    assert "{{name}}" in question(fresh)
    assert "Old words" not in question(fresh)


def test_the_model_sees_the_agents_other_texts_and_the_limit() -> None:
    text = asked(Candidate(START, components=(("tool:weigh", "Weighs."), ("tool:long", "word " * 400))))
    assert "the description of the tool 'weigh':\nWeighs." in text
    assert text.count("word") < 100
    assert "no more than 1" in asked()


@pytest.mark.parametrize("room", [900, 2048, 8192])
def test_a_question_keeps_within_the_room(room: int) -> None:
    long = [replace(row, messages=({"role": "user", "content": row.text * 300},)) for row in ROWS]
    request = asks(BEGUN, Evidence(long, (), WRONG), room)
    assert len(question(request)) / 3 + request.max_tokens < room + 400
    fresh = fresh_request("The goal.", Candidate(START), long, {}, room, 0)
    assert len(question(fresh)) / 3 + fresh.max_tokens < room + 400


@pytest.mark.parametrize(
    ("answer", "hypothesis", "text"),
    [
        ("Hypothesis: it shouts\n```\nBe quiet.\n```", "it shouts", "Be quiet."),
        ("**Hypothesis:** it shouts\n\n```text\nBe quiet.\n```\nDone.", "it shouts", "Be quiet."),
        ("It shouts, I think.\n```\nBe quiet.\n```", "It shouts, I think.", "Be quiet."),
        ("<hypothesis>it shouts</hypothesis>\n```\nBe quiet.\n```", "it shouts", "Be quiet."),
        ("HYPOTHESIS: it shouts\nBe quiet.", "it shouts", "Be quiet."),
        ("Be quiet.", "", "Be quiet."),
    ],
)
def test_answers_are_read_leniently(answer: str, hypothesis: str, text: str) -> None:
    draft = parse(answer)
    assert draft is not None
    assert (draft.hypothesis, draft.text) == (hypothesis, text)


@pytest.mark.parametrize("answer", [None, "", "Hypothesis: nothing follows", "```\n\n```"])
def test_answers_without_a_text_are_no_proposals(answer: str | None) -> None:
    assert parse(answer) is None


def test_components_take_turns_among_those_that_the_failures_use() -> None:
    tool = {"type": "function", "function": {"name": "weigh", "description": "Weighs."}}
    other = "You greet."
    greet = prompt_component(other)
    candidate = Candidate(START, components=(("tool:weigh", "Weighs."), (greet, other)))
    calls = Answer("", ({"name": "weigh", "arguments": {}},))
    weighing = replace(ROWS[0], tools=(tool,), expected=calls)
    greeting = replace(ROWS[1], system=other)
    named = replace(ROWS[2], tools=(tool,))
    member = Member(0, candidate, "made up")
    results = {ROWS[2].id: RowResult(ROWS[2].id, 0.0, "it called weigh")}

    def turn(rows: list[object]) -> tuple[str, list[object]]:
        component, concerned = choose_component(member, rows, results)  # type: ignore[arg-type]
        member.tried[component] += 1
        return component, list(concerned)

    assert turn([greeting]) == (greet, [greeting])
    assert turn([weighing, named]) == (PROMPT, [weighing, named])
    assert turn([weighing, named, greeting]) == ("tool:weigh", [weighing, named])
    assert turn([weighing, ROWS[3]]) == (PROMPT, [weighing, ROWS[3]])
