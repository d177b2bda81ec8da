"""How often does the promotion gate err, and how often does it see a real gain?

Draws scores of an incumbent and a candidate on n test rows, thousands of times, and counts how often each rule would
promote the candidate: ours, and "the higher mean wins", which is what a gate comes down to that measures noise by
repeating a deterministic model. In all worlds but the last, equal prompts are alike:

- `binary`: right or wrong; the prompts differ on 30 % of the rows, or on as many as the gain needs
- `graded`: scores between 0 and 1; the differences have a standard deviation of 0.24
- `grouped`: right or wrong, in groups of 1 to 5 rows that stand or fall together
- `skewed`: nine rows in ten gain a little, the tenth loses all of it: equal on average, though not alike

Further tables: shorter candidates under an equivalence margin, and the bias of the scores of a chosen candidate.

    .venv/bin/python benchmarks/gate_simulation.py                      # 2,000 repetitions, 10 to 20 minutes
    .venv/bin/python benchmarks/gate_simulation.py --repetitions 300    # a quick look
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from whetstone.lm.types import Message
from whetstone.optimize.engine.evaluation import Evaluation, RowResult
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.gate.decision import GateDecision, decide
from whetstone.optimize.gate.power import foresee
from whetstone.optimize.gate.trial import Terms, on_test
from whetstone.optimize.metrics import Answer
from whetstone.optimize.optimizer import SearchResult
from whetstone.optimize.rows.examples import Example

SIZES = (20, 50, 100, 200)
GAINS = (0.0, 0.1, 0.2)
DIFFERING = 0.3
LARGEST_GROUP = 5
MARGIN = 0.1
TOKENS = (200, 100)

Rows = tuple[list[float], list[float], list[str]]


def draw_rows(rng: random.Random, world: str, n: int, gain: float, differing: float = DIFFERING) -> Rows:
    """Scores of incumbent and candidate on n rows and the rows' groups; the candidate is better by `gain`."""
    incumbent: list[float] = []
    candidate: list[float] = []
    groups: list[str] = []
    largest = LARGEST_GROUP if world == "grouped" else 1
    while len(groups) < n:
        old, new = _pair(rng, world, gain, max(differing, abs(gain)))
        size = min(rng.randint(1, largest), n - len(groups))
        incumbent += [old] * size
        candidate += [new] * size
        groups += [str(len(groups))] * size
    return incumbent, candidate, groups


def _pair(rng: random.Random, world: str, gain: float, differing: float) -> tuple[float, float]:
    if world == "graded":
        middle = rng.uniform(0.3, 0.5)
        return middle + rng.uniform(-0.3, 0.3), middle + gain + rng.uniform(-0.3, 0.3)
    if world == "skewed":
        return (0.5, 0.6 + gain) if rng.random() < 0.9 else (1.0 - gain, 0.1)
    outcome = rng.random()
    if outcome < (differing + gain) / 2:
        return 0.0, 1.0
    if outcome < differing:
        return 1.0, 0.0
    same = float(rng.random() < 0.6)
    return same, same


@dataclass(frozen=True)
class Count:
    """What became of the repetitions of one setting; `reported` is the mean gain that promoted ones showed."""

    runs: int
    higher_mean: int
    promoted: int
    reported: float


def simulate(world: str, n: int, gain: float, runs: int, resamples: int = 200) -> Count:
    """Runs of the gate. A candidate that is not ahead is never promoted, so the costly part is left out for it."""
    rng = random.Random(f"{world} {n} {gain}")
    higher = 0
    gains: list[float] = []
    for run in range(runs):
        incumbent, candidate, groups = draw_rows(rng, world, n, gain)
        if sum(candidate) > sum(incumbent):
            higher += 1
            verdict = decide(incumbent, candidate, groups, seed=run, resamples=resamples)
            if verdict.promote:
                gains.append(verdict.delta)
    return Count(runs, higher, len(gains), fmean(gains) if gains else 0.0)


def accepted_within_margin(
    world: str, n: int, gain: float, runs: int, *, differing: float = DIFFERING, resamples: int = 200
) -> int:
    """How many of `runs` shorter candidates are promoted (as better, or as not worse by more than `MARGIN`)."""
    rng = random.Random(f"shorter {world} {n} {gain} {differing}")
    accepted = 0
    for run in range(runs):
        incumbent, candidate, groups = draw_rows(rng, world, n, gain, differing)
        verdict: GateDecision = decide(
            incumbent,
            candidate,
            groups,
            seed=run,
            resamples=resamples,
            tokens=TOKENS,
            equivalence_margin=MARGIN,
        )
        accepted += verdict.promote
    return accepted


@dataclass(frozen=True)
class Bias:
    """Reported minus true score of the chosen candidate: mean and standard error over the runs."""

    validation: float
    validation_error: float
    test: float
    test_error: float


def selection_bias(candidates: int, n: int, runs: int) -> Bias:
    """The best of `candidates` equal ones (right on 60 % of the rows) on n validation rows goes to a gate of n rows."""
    rng = random.Random(f"choice {candidates} {n}")
    prompts = [Candidate(f"Candidate {index}.") for index in range(candidates)]
    incumbent = Candidate("Incumbent.")
    validation, test = (_examples(f"{split}{n}", n) for split in ("validation", "test"))
    on_validation: list[float] = []
    reported: list[float] = []
    for run in range(runs):
        tried = [_evaluation(rng, prompt, validation) for prompt in prompts]
        best = max(tried, key=lambda evaluation: evaluation.mean)
        found = SearchResult(best, _evaluation(rng, incumbent, validation), "", candidates, "completed")
        pair = (_evaluation(rng, incumbent, test), _evaluation(rng, best.candidate, test))
        verdict = on_test(Terms(seed=run), found, test, {each.candidate.id: each for each in pair})
        assert verdict.score is not None
        on_validation.append(verdict.validation.candidate - _TRUE_SCORE)
        reported.append(verdict.score - _TRUE_SCORE)
    root = math.sqrt(runs)
    return Bias(fmean(on_validation), stdev(on_validation) / root, fmean(reported), stdev(reported) / root)


_TRUE_SCORE = 0.6


def _evaluation(rng: random.Random, candidate: Candidate, examples: Sequence[Example]) -> Evaluation:
    rows = tuple(RowResult(each.id, float(rng.random() < _TRUE_SCORE)) for each in examples)
    return Evaluation(candidate, rows, len(rows))


def _examples(prefix: str, n: int) -> list[Example]:
    question: tuple[Message, ...] = ({"role": "user", "content": "?"},)
    return [
        Example(f"{prefix}-{row}", f"{prefix}-{row}", "", question, Answer("yes"), "given")
        for row in range(n)
    ]


def _print_promotions(runs: int, resamples: int) -> None:
    print(f"| world | rows | truth | higher mean | Whetstone | gain reported when promoted |\n{'|---' * 6}|")
    for world in ("binary", "graded", "grouped", "skewed"):
        for n in SIZES:
            for gain in GAINS if world != "skewed" else (0.0,):
                count = simulate(world, n, gain, runs, resamples)
                truth = f"+{100 * gain:.0f} points" if gain else "equal"
                print(
                    f"| {world} | {n} | {truth} | {count.higher_mean / runs:.3f} | {count.promoted / runs:.3f} "
                    f"| {100 * count.reported:+.0f} points |",
                    flush=True,
                )


def _print_margins(runs: int, resamples: int) -> None:
    print(f"\n| world | rows | prompts differ on | worse by {MARGIN:g} | equal |\n{'|---' * 5}|")
    for world in ("binary", "grouped"):
        for n in (*SIZES, 400):
            for differing in (0.1, 0.3):
                worse, equal = (
                    accepted_within_margin(world, n, gain, runs, differing=differing, resamples=resamples)
                    for gain in (-MARGIN, 0.0)
                )
                print(
                    f"| {world} | {n} | {differing:.0%} | {worse / runs:.3f} | {equal / runs:.3f} |",
                    flush=True,
                )


def _print_bias(runs: int) -> None:
    print(f"\n| candidates | rows | validation score | score reported |\n{'|---' * 4}|")
    for candidates, n in ((8, 20), (24, 50), (24, 100)):
        bias = selection_bias(candidates, n, runs)
        print(
            f"| {candidates} | {n} | {100 * bias.validation:+.1f} ± {100 * bias.validation_error:.1f} points "
            f"| {100 * bias.test:+.1f} ± {100 * bias.test_error:.1f} points |",
            flush=True,
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=400)
    options = parser.parse_args()
    start = time.perf_counter()
    _print_promotions(options.repetitions, options.resamples)
    _print_margins(options.repetitions, options.resamples)
    _print_bias(options.repetitions)
    print()
    for n in SIZES:
        print(foresee([str(row) for row in range(n)]).sentence)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
