"""One step of reflection: parents, their failures, proposals, and how these do on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whetstone.lm.types import ChatRequest
from whetstone.optimize.evolution.chain import settle_head, take
from whetstone.optimize.evolution.components import choose_component, describe
from whetstone.optimize.evolution.members import Member, child_of
from whetstone.optimize.evolution.mutation import Draft, Evidence, parse, reflection
from whetstone.optimize.evolution.run import Run
from whetstone.optimize.evolution.sampling import Minibatch
from whetstone.optimize.optimizer import Edit, changed
from whetstone.optimize.rows.examples import Example

_MOST_WIDE = 4
_FAILURES, _SUCCESSES = 8, 3
_REFUTED, _HINTS = 8, 3
_ATTEMPTS = 4
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class Slot:
    """One proposal to be made: of which text of whom, from which rows."""

    parent: Member
    component: str
    minibatch: Minibatch


@dataclass(frozen=True, slots=True)
class Trial:
    """A proposal that can be tried; `delta` is the paired sum on the minibatch, `rows` those that count in it."""

    slot: Slot
    child: Member
    rows: tuple[str, ...] = ()
    delta: float = 0.0


async def reflect(run: Run) -> None:
    """Make proposals and accept those that pass; sets `trials.stopped` when the budget allows none."""
    step = f"step-{run.step}"
    width = _width(run)
    if width == 0:
        return
    spent = run.spent
    parents = _parents(run, step, width)
    candidates = [parent.candidate for parent in parents]
    calls = min(_calls(run, width), run.trials.free())
    if not await run.trials.may_start(step, calls, candidates, width):
        return
    await _explore(run, step, parents)
    slots = [] if run.trials.stopped else _slots(run, step, parents)
    if slots:
        await _try(run, step, await _propose(run, step, slots))
    elif run.head is not None:
        await settle_head(run, step)  # no failure of it is left to learn from
    elif run.spent == spent and not any(parent.number in run.population.exhausted for parent in parents):
        run.trials.stopped = run.trials.stopped or "budget_calls"  # nothing is left to look for failures with


def _parents(run: Run, step: str, width: int) -> list[Member]:
    """Whose texts to improve: what was last gone on with, or else members of the front."""
    if run.head is not None:
        return [run.head] * width
    return run.population.parents(run.ids, run.context.name(step), [run.young] * width)


def _calls(run: Run, width: int) -> int:
    """Calls that a step takes at most: rows in search of failures, minibatches, one staged validation."""
    minibatch = run.context.spec.evolution.minibatch
    return (3 * minibatch * width + len(run.trials.prefix)) * run.plan.repeats


def _width(run: Run) -> int:
    """Proposals at once: one while edits are accepted in sequence, more when steps stall and calls can run beside
    each other; never more than what the budget carries. 0 sets `trials.stopped`."""
    spec, trials = run.context.spec.evolution, run.trials
    wanted = spec.width or 1
    if spec.width is None:
        wanted = max(1, min(1 + run.stalls, _MOST_WIDE, run.width // spec.minibatch))
    spare = trials.free() - len(trials.prefix) * run.plan.repeats
    carried = min(wanted, spare // (spec.minibatch * run.plan.repeats))
    if carried <= 0:
        trials.stopped = "budget_calls"
        return 0
    return trials.affordable_proposals(carried)


async def _explore(run: Run, step: str, parents: Sequence[Member]) -> None:
    """Ask parents training rows until failures are known of each, or none of its rows is left."""
    sampler, trials = run.sampler, run.trials
    counts = {parent.number: parents.count(parent) for parent in parents}
    different = {parent.number: parent for parent in parents}
    minibatch = run.context.spec.evolution.minibatch
    kept = (len(trials.prefix) + minibatch * len(parents)) * run.plan.repeats
    # A candidate that was not validated yet is validated before many rows are spent on finding its failures.
    for attempt in range(_ATTEMPTS if run.head is None else 1):
        left = max(0, trials.free() - kept) // run.plan.repeats
        work = []
        for number, parent in different.items():
            rng = run.rng(step, f"explore-{attempt}-{number}")
            rows = sampler.to_explore(parent, rng, attempt, counts[number])[:left]
            left -= len(rows)
            if rows:
                work.append((parent.candidate, rows))
        if not work or trials.stopped:
            break
        await trials.evaluate(f"{step}/explore-{attempt}", work)
        asked = {candidate.id: rows for candidate, rows in work}
        for parent in different.values():
            rows = asked.get(parent.candidate.id, [])
            parent.learn(trials.collect(parent.candidate, rows).by_example())
            parent.unanswered.update(row.id for row in rows if row.id not in parent.train)
    for parent in different.values():
        if not sampler.failures(parent) and not sampler.unexplored(parent, run.rng(step, "left")):
            run.population.exhausted.add(parent.number)


def _slots(run: Run, step: str, parents: Sequence[Member]) -> list[Slot]:
    slots = []
    for place, parent in enumerate(parents):
        failures = run.sampler.failures(parent)
        if not failures:
            continue
        component, rows = choose_component(parent, failures, run.trials.results(parent, failures))
        parent.tried[component] += 1
        usable = {row.id for row in rows}
        slots.append(
            Slot(parent, component, run.sampler.minibatch(parent, usable, run.rng(step, f"rows-{place}")))
        )
    return slots


def _request(run: Run, step: str, place: int, slot: Slot) -> ChatRequest:
    """The question of a slot: its minibatch first, then other failures of the parent as far as they help."""
    sampler, rng = run.sampler, run.rng(step, f"evidence-{place}")
    chosen = {row.id for row in slot.minibatch.rows}
    others = [row for row in sampler.failures(slot.parent) if row.id not in chosen]
    solved = [row for row in sampler.successes(slot.parent) if row.id not in chosen]
    room = max(0, _FAILURES - len(slot.minibatch.failures))
    failures = [*slot.minibatch.failures, *rng.sample(others, min(room, len(others)))]
    room = max(0, _SUCCESSES - len(slot.minibatch.guards))
    successes = [*slot.minibatch.guards, *rng.sample(solved, min(room, len(solved)))]
    results = run.trials.results(slot.parent, [*failures, *successes])
    refuted, hints = slot.parent.refuted[-_REFUTED:], slot.parent.hints[-_HINTS:]
    evidence = Evidence(failures, successes, results, refuted, hints)
    context = run.context
    return reflection(
        context.goal,
        slot.parent.candidate,
        slot.component,
        evidence,
        room=context.room,
        limit=context.guard.max_tokens,
        repeat=run.repeat(place),
    )


async def _propose(run: Run, step: str, slots: Sequence[Slot]) -> list[Trial]:
    """Proposals that may be tried."""
    requests = [_request(run, step, place, slot) for place, slot in enumerate(slots)]
    run.tell(f"step {run.step}: reflecting on the failures of candidate {slots[0].parent.number}")
    answers = await run.trials.ask(f"{step}/proposals", requests)
    trials: dict[str, Trial] = {}
    for slot, answer in zip(slots, answers, strict=True):
        draft = parse(answer)
        if draft is not None and (child := await _child(run, slot, draft)) is not None:
            trials.setdefault(child.candidate.id, Trial(slot, child))
    return list(trials.values())


async def _child(run: Run, slot: Slot, draft: Draft) -> Member | None:
    parent = slot.parent
    candidate = parent.candidate.with_text(slot.component, draft.text)
    if candidate.id == parent.candidate.id:
        return None
    problem = await run.context.problem(candidate, parent.candidate)
    if problem is not None:
        run.context.progress.log(f"step {run.step}: a proposal is rejected: {problem}")
        parent.refuted.append(f"{draft.hypothesis} (the new text was refused: {problem})")
        return None
    number = run.population.number(candidate)
    if number is None:
        return None
    origin = f"a changed text of candidate {parent.number}: {describe(slot.component)}"
    child = child_of((parent,), number, candidate, origin, run.step)
    child.hypothesis = draft.hypothesis
    child.learn(run.trials.collect(candidate, run.sampler.rows).by_example())  # of an earlier try, if any
    return child


async def _try(run: Run, step: str, trials: Sequence[Trial]) -> None:
    """Compare each proposal with its parent on its minibatch, and validate those that are better."""
    asked = [(trial.child.candidate, trial.slot.minibatch.failures) for trial in trials]
    run.barren = 0 if run.trials.cost(asked) else run.barren + 1
    better = await _compare(run, f"{step}/children", trials, guards=False)
    # What they solve is asked only of those that help at all.
    better = await _compare(run, f"{step}/guards", better, guards=True)
    for trial in better:
        trial.child.gain += trial.delta
        trial.child.edit = _edit(trial)
    await take(run, step, [trial.child for trial in better])
    _remember(run, trials, better)


def _remember(run: Run, trials: Sequence[Trial], better: Sequence[Trial]) -> None:
    """What the parents' next proposals should know: ideas that did not hold, and good ones that were not taken up."""
    kept = [t.child for t in better if t.child is run.head or t.child in run.population.members]
    helpful = [trial.child for trial in better]
    for trial in trials:
        child, parent = trial.child, trial.slot.parent
        if child in kept or not child.hypothesis:
            continue
        sibling = next((other for other in kept if other.parents == child.parents), None)
        if sibling is not None and child in helpful and not child.scores:
            sibling.hints.append(child.hypothesis)
        else:
            parent.refuted.append(child.hypothesis)


async def _compare(run: Run, step: str, trials: Sequence[Trial], *, guards: bool) -> list[Trial]:
    """Those that do better than their parents on the failures of their minibatches or on all rows, the best first."""
    rows = [trial.slot.minibatch.rows if guards else trial.slot.minibatch.failures for trial in trials]
    await run.trials.evaluate(
        step, [(trial.child.candidate, asked) for trial, asked in zip(trials, rows, strict=True)]
    )
    if run.trials.stopped is None:  # of whom no call was answered, none is asked again
        run.population.judge(
            trial.child
            for trial, asked in zip(trials, rows, strict=True)
            if not run.trials.collect(trial.child.candidate, asked).by_example()
        )
    compared = [_compared(run, trial, asked) for trial, asked in zip(trials, rows, strict=True)]
    return sorted((trial for trial in compared if trial.delta > _EQUAL), key=lambda t: -t.delta)


def _compared(run: Run, trial: Trial, rows: Sequence[Example]) -> Trial:
    """The same with its paired sum over the rows that both answered."""
    evaluation = run.trials.collect(trial.child.candidate, rows)
    after, before = evaluation.by_example(), trial.slot.parent.train
    trial.child.learn(after)
    if not evaluation.valid:
        return Trial(trial.slot, trial.child)
    delta = sum(score - before[row] for row, score in after.items())
    return Trial(trial.slot, trial.child, tuple(after), delta)


def _edit(trial: Trial) -> Edit:
    diff = changed(trial.slot.parent.candidate, trial.child.candidate)
    return Edit(diff, trial.child.hypothesis, trial.rows, trial.delta / len(trial.rows))
