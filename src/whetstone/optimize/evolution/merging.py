"""Combining two good candidates that are good at different rows."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from whetstone.lm.types import ChatRequest
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.engine.reflection import reflection_request
from whetstone.optimize.evolution.components import describe
from whetstone.optimize.evolution.members import Member, child_of
from whetstone.optimize.evolution.mutation import answer_tokens, parse, rules
from whetstone.optimize.evolution.run import Run
from whetstone.optimize.optimizer import Edit, changed
from whetstone.optimize.rows.examples import Example

MOST_MERGES = 5
"""Of one evolution, as in the paper."""
_FEWEST_WINS, _FEWEST_WINS_OF_KIN = 2, 3
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
    """The two of `members` (a front) whose combination promises most.

    Where one descends from the other, its last edits traded one kind of row for another; noise looks alike, so more
    rows must speak for combining these.
    """
    best: tuple[float, Pair] | None = None
    for place, one in enumerate(members):
        for other in members[place + 1 :]:
            first, second = sorted((one, other), key=lambda m: m.merit(rows), reverse=True)
            pair = Pair(first, second, _wins(first, second, rows), _wins(second, first, rows))
            fewest = _FEWEST_WINS_OF_KIN if _kin(pair) else _FEWEST_WINS
            if pair.key in tried or min(len(pair.first_wins), len(pair.second_wins)) < fewest:
                continue
            gain = sum(second.scores[row] - first.scores[row] for row in pair.second_wins)
            if best is None or gain + first.mean(rows) * len(rows) > best[0]:
                best = gain + first.mean(rows) * len(rows), pair
    return None if best is None else best[1]


def recombine(pair: Pair) -> tuple[Candidate, list[str]]:
    """The better one with what only the other changed since their nearest common ancestor.

    Also the components that both changed, differently, or that differ where one descends from the other: those take
    a model to combine.
    """
    first, second = pair.first.candidate, pair.second.candidate
    theirs = set() if _kin(pair) else {member.number for member in pair.second.ancestors()}
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


def combine_request(goal: str, component: str, pair: Pair, room: int, repeat: int) -> ChatRequest:
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
    return reflection_request(question, answer_tokens=answer_tokens(one + other, room), repeat=repeat)


def _kin(pair: Pair) -> bool:
    """Whether one descends from the other."""
    return pair.first in pair.second.ancestors() or pair.second in pair.first.ancestors()


def _wins(one: Member, other: Member, rows: Sequence[str]) -> tuple[str, ...]:
    return tuple(row for row in rows if one.scores[row] > other.scores[row])


def due(run: Run) -> Pair | None:
    """The pair to combine now; None unless something was accepted since the last one, and there is a pair."""
    wanted = run.context.spec.evolution.merge and run.may_merge and run.merges < MOST_MERGES
    if run.head is not None or not wanted:
        return None
    pair = find_pair(run.population.front_members(run.ids), run.ids, run.paired)
    most = _ROWS_WON * 2 + _ROWS_TIED + len(run.trials.prefix)
    return pair if run.trials.free() >= most * run.plan.repeats else None


async def merge(run: Run, pair: Pair) -> None:
    """Try the combination of a pair: on rows where the two differ against both, then on all that rank."""
    run.merges += 1
    run.may_merge = False
    run.paired.add(pair.key)
    step, trials = f"merge-{run.step}", run.trials
    examples = _rows_of(run, pair, step)
    calls = (len(examples) + len(trials.prefix)) * run.plan.repeats
    _, conflicts = recombine(pair)
    if not await trials.may_start(step, calls, [pair.first.candidate], len(conflicts)):
        return
    run.tell(f"step {run.step}: combining candidates {pair.first.number} and {pair.second.number}")
    child = await _combined(run, step, pair)
    if child is None:
        return
    await trials.evaluate(f"{step}/rows", [(child.candidate, examples)])
    evaluation = trials.collect(child.candidate, examples)
    ids = [row.id for row in examples]
    rival = max(sum(parent.scores[row] for row in ids) for parent in child.parents)
    scores = evaluation.by_example()
    if not evaluation.valid or any(row not in scores for row in ids) or sum(scores.values()) <= rival:
        return
    delta = sum(scores.values()) - rival
    if child not in await run.validate(step, [child]):
        return
    if run.leads(child):
        diff = changed(pair.first.candidate, child.candidate)
        child.edit = Edit(diff, child.hypothesis, tuple(ids), delta / len(ids))
        run.admit(child)
    else:
        run.note(child)


def _rows_of(run: Run, pair: Pair, step: str) -> list[Example]:
    wanted = set(pair.rows(run.ids, run.rng(step, "rows")))
    return [row for row in run.trials.prefix if row.id in wanted]


async def _combined(run: Run, step: str, pair: Pair) -> Member | None:
    """The combination, if there is one that may be tried."""
    merged, conflicts = recombine(pair)
    hypothesis = f"combines candidates {pair.first.number} and {pair.second.number}"
    if conflicts:
        if run.trials.affordable_proposals(len(conflicts)) < len(conflicts):
            return None
        context = run.context
        requests = [
            combine_request(context.goal, name, pair, context.room, run.repeat(place))
            for place, name in enumerate(conflicts)
        ]
        for name, answer in zip(conflicts, await run.trials.ask(f"{step}/proposals", requests), strict=True):
            draft = parse(answer)
            if draft is None:
                return None
            merged = merged.with_text(name, draft.text)
            hypothesis = f"{hypothesis}: {draft.hypothesis}" if draft.hypothesis else hypothesis
    if await run.context.problem(merged, pair.first.candidate) is not None:
        return None
    number = run.population.number(merged)
    if number is None:
        return None
    child = child_of((pair.first, pair.second), number, merged, hypothesis, run.step)
    child.hypothesis = hypothesis
    return child
