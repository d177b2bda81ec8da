"""Fresh prompts: written from the goal and example rows, without a look at the present text.

Edits of a bad prompt stay near it (VISTA, arXiv 2603.18388, saw them make matters worse), so a search that does not
get on begins anew beside what it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from whetstone.lm.types import ChatRequest
from whetstone.optimize.engine.evaluation import RowResult
from whetstone.optimize.engine.guards import placeholders
from whetstone.optimize.engine.program import PROMPT, Candidate
from whetstone.optimize.engine.reflection import reflection_request, show_example
from whetstone.optimize.engine.tokens import CHARACTERS_PER_TOKEN
from whetstone.optimize.evolution.members import Member
from whetstone.optimize.evolution.mutation import answer_tokens, parse, rules
from whetstone.optimize.evolution.run import Run
from whetstone.optimize.optimizer import Edit, changed
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.rows.stratified import stratified

_PROMPTS = 2
_EXAMPLES = 12
POOR = 0.5
"""A leader below this mean is no reason to turn away a prompt that scores less yet."""
_ROW_CHARACTERS = 1200
_FEWEST_ROW_CHARACTERS = 160
_FIXED_CHARACTERS = 1600


def fresh_request(
    goal: str,
    start: Candidate,
    rows: Sequence[Example],
    results: Mapping[str, RowResult],
    room: int,
    repeat: int,
) -> ChatRequest:
    """The question for a new system prompt; of `start` only the placeholders are told, and `results` of some rows."""
    answer = answer_tokens("", room)
    left = int((room - answer) * CHARACTERS_PER_TOKEN) - _FIXED_CHARACTERS
    shown = rows[: max(1, left // _FEWEST_ROW_CHARACTERS)]
    size = max(min(left // max(len(shown), 1), _ROW_CHARACTERS), _FEWEST_ROW_CHARACTERS)
    examples = "\n\n".join(
        f"Example {number}\n{show_example(row, results.get(row.id), size)}"
        for number, row in enumerate(shown, start=1)
    )
    text = start.texts()[PROMPT]
    use = " The placeholders are filled in before the agent reads it." if placeholders(text) else ""
    question = (
        f"Write the system prompt of an agent from scratch.{use} {goal}\n\n"
        f"Inputs and their right answers:\n\n{examples}\n\n"
        "Find out from the examples what the task is, which rules decide, and what form an answer has. Then write a "
        "prompt that tells an agent who sees none of the examples how to answer.\n"
        f"{rules([text])}\n\n"
        "Answer in this form:\nHypothesis: <what the task is, in one or two sentences>\n"
        "```\n<the whole prompt>\n```"
    )
    return reflection_request(question, answer_tokens=answer, repeat=repeat)


async def begin_anew(run: Run) -> None:
    """Propose fresh prompts and keep the better one as the first member of its own lineage.

    It need not be as good as the leader, only no worse than what the search began with, or the leader poor: edits
    may lead further from it. Its lineage is preferred for some steps. Does nothing if the budget does not carry it.
    """
    step, trials, plan = f"fresh-{run.step}", run.trials, run.plan
    calls = (_PROMPTS * plan.probe + len(trials.prefix)) * plan.repeats
    base = run.leader
    if trials.free() < calls + run.context.spec.evolution.minibatch * plan.repeats:
        return
    if not await trials.may_start(step, calls, [base.candidate], _PROMPTS):
        return
    run.tell(f"step {run.step}: writing a prompt from scratch")
    requests = [_request(run, step, place) for place in range(trials.affordable_proposals(_PROMPTS))]
    answers = await trials.ask(f"{step}/proposals", requests) if requests else []
    roots = [root for answer in answers if (root := await _root(run, base, answer)) is not None]
    if not roots:
        run.barren += 1
        _return_to_another(run)
        return
    run.population.judge(roots)
    probe = trials.prefix[: plan.probe]
    await trials.evaluate(f"{step}/probe", [(root.candidate, probe) for root in roots])
    best = max(roots, key=lambda root: trials.collect(root.candidate, probe).mean)
    leader = base.mean(run.ids)
    for root in await run.validate(step, [best]):
        if leader < POOR or root.mean(run.ids) >= min(run.floor, leader / 2):
            _keep(run, base, root)


def _return_to_another(run: Run) -> None:
    """Without a new prompt, prefer the lineage that was left longest ago."""
    islands = {member.island: member.step for member in run.population.active(run.ids)}
    islands.pop(run.leader.island)
    if islands:
        run.prefer(min(islands, key=lambda island: (run.preferred.get(island, 0), islands[island], island)))


def _request(run: Run, step: str, place: int) -> ChatRequest:
    """The question with example rows, every kind among them, and how today's leader fails on some."""
    context, leader = run.context, run.leader
    purpose = f"{context.name(step)}/{place}"
    rows = stratified(context.train, context.spec.seed, purpose)[:_EXAMPLES]
    failures = run.sampler.failures(leader)
    rng = run.rng(step, f"failures-{place}")
    shown = [*rng.sample(failures, min(len(failures), _EXAMPLES // 2)), *rows]
    different = list({row.id: row for row in shown}.values())[:_EXAMPLES]
    results = run.trials.results(leader, failures)
    return fresh_request(context.goal, leader.candidate, different, results, context.room, run.repeat(place))


async def _root(run: Run, base: Member, answer: str | None) -> Member | None:
    draft = parse(answer)
    if draft is None:
        return None
    candidate = base.candidate.with_text(PROMPT, draft.text)
    if await run.context.problem(candidate, base.candidate) is not None:
        return None
    number = run.population.number(candidate)
    if number is None:
        return None
    hypothesis = draft.hypothesis or "a prompt from scratch"
    return Member(
        number, candidate, "a prompt from scratch", step=run.step, hypothesis=hypothesis, island=number
    )


def _keep(run: Run, base: Member, root: Member) -> None:
    delta = root.mean(run.ids) - base.mean(run.ids)
    edit = Edit(changed(base.candidate, root.candidate), root.hypothesis, (), delta)
    run.prefer(root.island)
    root.edit = edit
    run.admit(root)
