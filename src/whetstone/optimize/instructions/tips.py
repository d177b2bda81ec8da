"""What a proposal should try: one tip for each, so that proposals differ in kind and not in wording only.

Tips are one of the three groundings of MIPRO's proposer (arXiv 2406.11695), beside the data and the history.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple


class Tip(NamedTuple):
    """`advice` is for the reflection model, `hypothesis` says to a person why that should help."""

    name: str
    advice: str
    hypothesis: str


RULES = Tip(
    "rules from feedback",
    "Turn what the feedback on the failed cases says into explicit rules, one a line, each for all cases of its kind. "
    "Cover as many of the failures as you can.",
    "the present instructions leave out rules that the feedback names",
)
FRESH = Tip(
    "fresh start",
    "Write them from scratch: take over nothing of the present wording, which may itself be what misleads the model.",
    "the present wording may itself mislead the model",
)
COMBINED = Tip(
    "best of the attempts",
    "Combine what the best of the attempts have and the others lack, and leave out what only the bad ones say.",
    "several attempts are each right about a part of the task",
)
_FREE = (
    Tip(
        "concise",
        "Be concise: say only what changes the model's answers, in as few words as possible.",
        "a short text leaves less to misread",
    ),
    Tip(
        "step by step",
        "Give a short procedure that the model follows silently, step by step, before it writes its answer.",
        "the model decides before it has looked at everything",
    ),
    Tip(
        "exact form",
        "State the exact form of the answer, every field and its allowed values, and that nothing may stand around it.",
        "answers fail by their form",
    ),
    Tip(
        "edge cases",
        "Name the cases that are easily confused and say for each how to decide.",
        "the model confuses cases that look alike",
    ),
    Tip(
        "criteria",
        "Define each possible answer by what a case must show to get it, so that exactly one fits.",
        "the model does not know when each answer applies",
    ),
    Tip(
        "persona",
        "Give the model a role whose expertise is just this task, and say what that expert would never do.",
        "an expert's role brings the right habits along",
    ),
)


def draw(count: int, rng: Random, *, failures: bool, attempts: bool) -> list[Tip]:
    """Tips for `count` proposals, each kind once before any comes twice.

    First come those that can use what is known: `failures` to learn from, earlier `attempts` to combine; a fresh start
    is always among the first three, because a bad starting point cannot be mended from within.
    """
    first = [*([RULES] if failures else []), *([COMBINED] if attempts else []), FRESH]
    others = list(_FREE)
    rng.shuffle(others)
    known = [*first, *others]
    return [known[place % len(known)] for place in range(count)]
