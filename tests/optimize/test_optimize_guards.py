from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimize_world import rows
from whetstone.optimize.engine.guards import Guard, placeholders
from whetstone.optimize.engine.program import Candidate, demonstration
from whetstone.optimize.rows.examples import Example, parse_row
from whetstone.privacy.gate import PrivacyGate
from whetstone.settings import Settings

EXAMPLES = [parse_row(row) for row in rows(30)]
BASE = Candidate("You are {{agentName}}. Answer {user} in ${language}. Decide, {{agentName}}.")


def guard(examples: list[Example] = EXAMPLES, **options: int) -> Guard:
    return Guard(examples, max_tokens=options.get("max_tokens", 5000), privacy=None, known=[BASE.prompt])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello {{ name }} and {{name}}", {"{{name}}": 2}),
        ("{{#if admin}}x{{/if}}", {"{{#ifadmin}}": 1, "{{/if}}": 1}),
        ("{name} ${HOME} %(count)s {% if a %}", {"{name}": 1, "${HOME}": 1, "%(count)s": 1, "{%ifa%}": 1}),
        ('Answer as {"action": "RESPOND"} or {"a": {"b": 1}}', {}),
        ("A set {1, 2}, code if (a) {return b;} and 100% sure", {}),
        ("{{{raw}}}", {"{{{raw}}}": 1}),
    ],
)
def test_placeholders_of_the_usual_templates_are_found(text: str, found: dict[str, int]) -> None:
    assert dict(placeholders(text)) == found


@given(text=st.text(alphabet="{}$%() abc.-#/", max_size=200))
def test_counting_placeholders_takes_any_text(text: str) -> None:
    assert all(count > 0 and name for name, count in placeholders(text).items())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("You are {{agentName}}. Answer {user}. Decide, {{agentName}}.", "loses \\${language}"),
        ("You are {{agentName}}. Answer {user} in ${language}.", "loses {{agentName}}"),
        (f"{BASE.prompt} Greet {{{{user}}}}.", "adds {{user}}"),
        (" ", "empty"),
        (f"{BASE.prompt}\x00", "control characters"),
    ],
)
def test_a_candidate_that_changes_the_placeholders_is_rejected(text: str, words: str) -> None:
    judge = guard()
    problem = judge.problem(BASE.with_text("prompt", text), BASE)
    assert problem is not None
    assert words.replace("\\", "") in problem
    assert sum(judge.rejected.values()) == 1


def test_rewording_is_allowed_and_not_counted() -> None:
    judge = guard()
    text = "As {{agentName}}, decide in ${language} what to tell {user}. Be brief. {{agentName}} is kind."
    assert judge.problem(BASE.with_text("prompt", text), BASE) is None
    assert not judge.rejected


def test_the_token_cap_is_hard_and_counts_demonstrations() -> None:
    shown = Candidate(BASE.prompt, tuple(demonstration(example) for example in EXAMPLES))
    assert guard(max_tokens=shown.tokens()).problem(shown, BASE) is None
    judge = guard(max_tokens=shown.tokens() - 1)
    assert "tokens" in (judge.problem(shown, BASE) or "")
    assert judge.rejected == {"too_long": 1}


@given(
    number=st.integers(0, len(EXAMPLES) - 1),
    start=st.integers(0, 10),
    before=st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=40),
)
def test_an_instruction_that_copies_a_rows_text_is_rejected(number: int, start: int, before: str) -> None:
    copied = EXAMPLES[number].text[start:]
    if len(copied) < 55:
        return
    text = f"{BASE.prompt} {before.replace('{', '').replace('$', '').replace('%', '')} e.g. {copied.upper()}"
    judge = guard()
    assert judge.problem(BASE.with_text("prompt", text), BASE) == "the prompt copies text of a row"
    assert judge.rejected == {"copied_row": 1}


def test_wording_that_many_rows_share_may_be_used() -> None:
    shared = "Available actions are RESPOND, IGNORE and STOP; choose exactly one of them. "
    examples = [
        parse_row({**row, "request": {**row["request"], "prompt": shared + row["request"]["prompt"]}})
        for row in rows(10)
    ]
    candidate = BASE.with_text("prompt", f"{BASE.prompt} {shared}")
    assert guard(examples).problem(candidate, BASE) is None
    assert guard(examples[:2]).problem(candidate, BASE) is not None


def test_what_the_prompt_says_already_is_no_copy() -> None:
    copied = Candidate(f"Decide. For example: {EXAMPLES[0].text}")
    judge = Guard(EXAMPLES, max_tokens=5000, privacy=None, known=[copied.prompt])
    assert judge.problem(copied.with_text("prompt", f"{copied.prompt} Be brief."), copied) is None


def test_private_data_that_was_not_there_before_is_rejected(settings: Settings) -> None:
    judge = Guard([], max_tokens=5000, privacy=PrivacyGate.from_settings(settings))
    leaky = BASE.with_text("prompt", f"{BASE.prompt} Write to jane.doe@example.com in doubt.")
    assert judge.problem(leaky, BASE) == "the prompt contains private data"
    assert judge.problem(leaky.with_text("prompt", f"{leaky.prompt} Be brief."), leaky) is None


def test_every_component_is_guarded() -> None:
    parent = Candidate("Decide.", components=(("tool:pay", "Pays {amount}."),))
    judge = guard()
    assert "loses {amount}" in (judge.problem(parent.with_text("tool:pay", "Pays."), parent) or "")
    assert judge.problem(parent.with_text("tool:pay", "Pays the {amount} at once."), parent) is None
