"""Combining two good candidates that are good at different rows."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from whetstone.lm.types import ChatRequest
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.engine.reflection import reflection_request
from whetstone.optimize.evolution.components import describe
from whetstone.optimize.evolution.members import Member
from whetstone.optimize.evolution.mutation import answer_tokens, rules

MOST_MERGES = 5
"""Of one evolution, as in the paper."""
_FEWEST_WINS = 2
_ROWS_WON, _ROWS_TIED = 4, 2


@dataclass(frozen=True, slots=True)
class Pair:
    """Two members and the validation rows on which each beats the other; `first` is the better one."""

    first: Member
    second: Member
    first_wins: tuple[str, ...]
    second_wins: tuple[str, ...]

    @property
    def key(self) -> tuple[int, int]:
        """The same for the same two."""
        low, high = sorted((self.first.number, self.second.number))
        return low, high

    def rows(self, among: Sequence[str], rng: random.Random) -> list[str]:
        """Rows to compare a combination on: as many that the one wins as the other, and a few where they tie."""
        count = min(_ROWS_WON, len(self.first_wins), len(self.second_wins))
        won = {*rng.sample(self.first_wins, count), *rng.sample(self.second_wins, count)}
        ties = [row for row in among if row not in self.first_wins and row not in self.second_wins]
        won.update(rng.sample(ties, min(_ROWS_TIED, len(ties))))
        return [row for row in among if row in won]


def find_pair(
    members: Sequence[Member], rows: Sequence[str], tried: Collection[tuple[int, int]]
) -> Pair | None:
    """The two of `members` (a front) whose combination promises most; neither descends from the other."""
    best: tuple[float, Pair] | None = None
    for place, one in enumerate(members):
        for other in members[place + 1 :]:
            first, second = sorted((one, other), key=lambda m: m.merit(rows), reverse=True)
            pair = Pair(first, second, _wins(first, second, rows), _wins(second, first, rows))
            if pair.key in tried or min(len(pair.first_wins), len(pair.second_wins)) < _FEWEST_WINS:
                continue
            if first in second.ancestors() or second in first.ancestors():
                continue
            gain = sum(second.scores[row] - first.scores[row] for row in pair.second_wins)
            if best is None or gain + first.mean(rows) * len(rows) > best[0]:
                best = gain + first.mean(rows) * len(rows), pair
    return None if best is None else best[1]


def recombine(pair: Pair) -> tuple[Candidate, list[str]]:
    """The better one with what only the other changed since their nearest common ancestor.

    Also the components that both changed, differently: those take a model to combine.
    """
    first, second = pair.first.candidate, pair.second.candidate
    theirs = {member.number for member in pair.second.ancestors()}
    common = next((member for member in pair.first.ancestors() if member.number in theirs), None)
    origin = {} if common is None else common.candidate.texts()
    merged, conflicts = first, []
    for name, text in second.texts().items():
        mine = first.texts().get(name)
        if mine is None or text in (mine, origin.get(name)):
            continue
        if mine == origin.get(name):
            merged = merged.with_text(name, text)
        else:
            conflicts.append(name)
    return merged, conflicts


def combine_request(goal: str, component: str, pair: Pair, room: int) -> ChatRequest:
    """The question for one text in place of two."""
    one, other = (member.candidate.texts()[component] for member in (pair.first, pair.second))
    question = (
        f"Two versions of {describe(component)} each succeed on inputs on which the other fails. {goal}\n\n"
        f"Version 1:\n```\n{one}\n```\n\nVersion 2:\n```\n{other}\n```\n\n"
        "Write one version that has the strengths of both: every rule of either that does not contradict the other, "
        "each said once. Where they contradict, say when which of them holds.\n"
        f"{rules([one])}\n\n"
        "Answer in this form:\nHypothesis: <what each version adds, in one or two sentences>\n"
        "```\n<the whole combined text>\n```"
    )
    return reflection_request(question, answer_tokens=answer_tokens(one + other, room))


def _wins(one: Member, other: Member, rows: Sequence[str]) -> tuple[str, ...]:
    return tuple(row for row in rows if one.scores[row] > other.scores[row])
