"""Metric of classification: the answer is the label, and nothing but the label."""

from __future__ import annotations

from whetstone.datasets.expected import answer_text
from whetstone.optimize.metrics.parsing import MAX_LENGTH, label, quote, unfenced
from whetstone.optimize.metrics.types import Answer, Score
from whetstone.optimize.metrics.values import fold


def exact(expected: Answer, given: Answer) -> Score:
    """1 if the answers are the same text, else 0.

    Case, width forms, blanks, hyphens, code fences and punctuation around it do not count.
    """
    wanted, got = labelled(expected), labelled(given)
    if wanted == got:
        return Score(1.0, "Right.")
    if not got:
        return Score(0.0, f"Expected {quote(expected.text)}, but the answer is empty.", parsed=False)
    feedback = f"Expected {quote(_text(expected))}, but got {quote(_text(given))}."
    if wanted and f"_{wanted}_" in f"_{got}_":
        feedback += (
            " The right label is in it, but it must stand alone: answer with the label and nothing else."
        )
    return Score(0.0, feedback)


def labelled(answer: Answer) -> str:
    """The label that an answer consists of, folded as it is compared; empty for an empty answer."""
    body = unfenced(_text(answer))
    return label(body) or fold(body)


def _text(answer: Answer) -> str:
    return answer.text or answer_text("", answer.tool_calls)[:MAX_LENGTH]
