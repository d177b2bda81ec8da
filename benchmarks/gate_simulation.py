"""How often does the promotion gate err, and how often does it see a real gain?

Draws right-or-wrong scores of an incumbent and a candidate on n test rows, thousands of times, and counts how often
each rule would promote the candidate: ours, and "the higher mean wins", which is what a gate comes down to that
measures noise by repeating a deterministic model. Three truths: both prompts are equally good, the candidate is
right 10 points more often, 20 points more often. Prompts differ on 30 % of the rows otherwise. A last block repeats
the equal prompts with rows that come in groups (one to five rows of a trajectory, which stand or fall together), and
compares with a gate that ignores the groups.

    .venv/bin/python benchmarks/gate_simulation.py                      # 2,000 repetitions, a quarter of an hour
    .venv/bin/python benchmarks/gate_simulation.py --repetitions 300    # a quick look
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence

from whetstone.optimize.gate.decision import decide

SIZES = (15, 20, 30, 50, 100, 200)
GAINS = (0.0, 0.1, 0.2)
DIFFERING = 0.3
LARGEST_GROUP = 5

Rows = tuple[list[float], list[float], list[str]]
Rule = Callable[[Sequence[float], Sequence[float], Sequence[str], int], bool]


def higher_mean(
    incumbent: Sequence[float], candidate: Sequence[float], _groups: Sequence[str], _seed: int
) -> bool:
    """Promote on any gain."""
    return sum(candidate) > sum(incumbent)


def gate(resamples: int) -> Rule:
    """Our rule. A candidate that is not ahead is never promoted, so the costly part is left out for it."""

    def rule(
        incumbent: Sequence[float], candidate: Sequence[float], groups: Sequence[str], seed: int
    ) -> bool:
        if sum(candidate) <= sum(incumbent):
            return False
        return decide(incumbent, candidate, groups, seed=seed, resamples=resamples).decision == "promoted"

    return rule


def ungrouped(rule: Rule) -> Rule:
    """The rule as if every row were independent."""
    return lambda incumbent, candidate, groups, seed: rule(
        incumbent, candidate, [str(row) for row in range(len(groups))], seed
    )


def draw_rows(rng: random.Random, n: int, gain: float, largest_group: int) -> Rows:
    """Scores of both prompts on n rows, in groups of 1 to `largest_group` rows with the same outcome."""
    incumbent: list[float] = []
    candidate: list[float] = []
    groups: list[str] = []
    while len(groups) < n:
        outcome = rng.random()
        if outcome < (DIFFERING + gain) / 2:
            pair = (0.0, 1.0)
        elif outcome < DIFFERING:
            pair = (1.0, 0.0)
        else:
            pair = (1.0, 1.0) if rng.random() < 0.6 else (0.0, 0.0)
        size = min(rng.randint(1, largest_group), n - len(groups))
        incumbent += [pair[0]] * size
        candidate += [pair[1]] * size
        groups += [str(len(groups))] * size
    return incumbent, candidate, groups


def promotion_rates(
    rules: Sequence[Rule], n: int, gain: float, largest_group: int, repetitions: int
) -> list[float]:
    """The share of repetitions in which each rule promotes the candidate; all rules see the same rows."""
    rng = random.Random(f"{n} {gain} {largest_group}")
    promoted = [0] * len(rules)
    for repetition in range(repetitions):
        incumbent, candidate, groups = draw_rows(rng, n, gain, largest_group)
        for index, rule in enumerate(rules):
            promoted[index] += rule(incumbent, candidate, groups, repetition)
    return [count / repetitions for count in promoted]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=2000)
    options = parser.parse_args()
    ours = gate(options.resamples)
    start = time.perf_counter()

    print(f"share of promotions, {options.repetitions} repetitions; nominal false-promotion rate 0.025\n")
    print(f"{'rows':>5}  {'truth':<10}{'higher mean':>12}{'whetstone':>12}")
    for n in SIZES:
        for gain in GAINS:
            rates = promotion_rates([higher_mean, ours], n, gain, 1, options.repetitions)
            truth = f"+{100 * gain:.0f} points" if gain else "equal"
            print(f"{n:>5}  {truth:<10}{rates[0]:>12.3f}{rates[1]:>12.3f}", flush=True)

    print(f"\nequal prompts, rows in groups of 1 to {LARGEST_GROUP}\n")
    print(f"{'rows':>5}{'higher mean':>14}{'groups ignored':>16}{'whetstone':>12}")
    for n in SIZES:
        rates = promotion_rates(
            [higher_mean, ungrouped(ours), ours], n, 0.0, LARGEST_GROUP, options.repetitions
        )
        print(f"{n:>5}{rates[0]:>14.3f}{rates[1]:>16.3f}{rates[2]:>12.3f}", flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
