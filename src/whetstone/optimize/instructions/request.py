"""The text of a request for better instructions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from whetstone.optimize.engine.reflection import fit, show_example
from whetstone.optimize.engine.tokens import estimate_tokens
from whetstone.optimize.instructions.grounding import Answered

_ROW_CHARACTERS = 3_000
_MOST_ATTEMPTS = 8
_ROOM_FOR_WORDS = 150
_WHOLE_LINE = 30
_MOST_OF_ROOM = 2
"""The present instructions are cut when they alone take more than one of so many parts of the room."""


class Attempt(NamedTuple):
    """Instructions that were tried, with their mean validation score and the answers behind it."""

    text: str
    score: float
    answers: int


def compose(
    *,
    goal: str,
    summary: str,
    prompt: str,
    keep: Sequence[str],
    failures: Sequence[Answered],
    solved: Sequence[Answered],
    attempts: Sequence[Attempt],
    advice: str,
    tokens: int,
) -> str:
    """A request of at most about `tokens` tokens (estimated).

    `keep` are the placeholders that must stay. The present instructions are shown whole unless they fill the room;
    the longest of the rest is cut first.
    """
    best = sorted(attempts, key=lambda each: each.score)[-_MOST_ATTEMPTS:]
    frame = estimate_tokens([{"role": "user", "content": _FRAME + goal + advice + " ".join(keep)}])
    room = max(tokens - frame - _ROOM_FOR_WORDS, 0)
    (present,) = fit([prompt], room // _MOST_OF_ROOM)
    room -= estimate_tokens([{"role": "user", "content": present}])
    rows = [show_example(row, result, _ROW_CHARACTERS) for row, result in (*failures, *solved)]
    texts = fit([summary, *rows, *(each.text for each in best)], room)
    said, cases, tried = texts[0], texts[1 : 1 + len(rows)], texts[1 + len(rows) :]
    placeholders = (
        f"\n- Keep these placeholders exactly as they are, as often as they occur: {', '.join(keep)}"
    )
    return _FRAME.format(
        goal=goal,
        summary=_section("The data", [said] if said else []),
        prompt=present,
        failures=_section("Cases in which the present instructions fail", _numbered(cases[: len(failures)])),
        solved=_section("Cases that must stay right", _numbered(cases[len(failures) :])),
        attempts=_section("Earlier attempts, the best last", _scored(best, tried)),
        advice=advice,
        keep=placeholders if keep else "",
    )


_FRAME = """\
You improve the instructions (the system prompt) of a language model that does one task.

What is rewarded: {goal}
{summary}
# The present instructions
{prompt}
{failures}{solved}{attempts}
# What to write
Better instructions for the same task, complete, for a model that sees them, at most a few solved cases, and then the next case. {advice}
- Keep what the cases show to be right; mend what they show to go wrong.
- State general rules. Do not copy passages of the cases: new ones will come.
- Every word costs: leave out what changes no answer.{keep}

First say in one sentence, inside <hypothesis></hypothesis>, why the present instructions fail and what will help. Then \
write the new instructions inside <instruction></instruction>.
"""


def repeats_question(text: str, advice: str) -> bool:
    """Whether a proposal holds a line of the request itself, or is a piece of it."""
    said = _folded(text)
    lines = [_folded(line) for line in (*_FRAME.split("\n"), advice)]
    return any((len(line) >= _WHOLE_LINE and line in said) or said in line for line in lines)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _section(title: str, parts: Sequence[str]) -> str:
    return f"\n# {title}\n" + "\n\n".join(parts) + "\n" if parts else ""


def _scored(attempts: Sequence[Attempt], texts: Sequence[str]) -> list[str]:
    return [
        f"Attempt with score {each.score:.2f} of 1 ({each.answers} answers):\n{text}"
        for each, text in zip(attempts, texts, strict=True)
    ]


def _numbered(cases: Sequence[str]) -> list[str]:
    return [f"Case {number}\n{case}" for number, case in enumerate(cases, start=1)]
