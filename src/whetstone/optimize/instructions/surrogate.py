"""The surrogate of the joint search: a tree-structured Parzen estimator over categorical choices.

Optuna's sampler is used through ask and tell. It is built anew for each batch from what is known then: the same
scores and the same seed give the same batch, so a resumed search needs no state of it, and what a trial says may be
revised as more rows are known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from whetstone.optimize.instructions.space import Point

_ASKS_A_POINT = 12

Observation = tuple[Point, float]


def suggest(
    observations: Sequence[Observation],
    shape: tuple[int, int, int],
    points: Iterable[Point],
    usable: Callable[[Point], Point | None],
    count: int,
    seed: int,
) -> list[Point]:
    """Up to `count` different points worth a trial, given the mean score of those tried (one `Observation` each).

    `shape` is the number of choices of each part, `points` all of them. `usable` gives the plain form of a point, None
    for one that must not be tried. Points that were asked and not told yet count as bad ones ("constant liar"), which
    keeps a batch apart. Fewer points come back when no more are usable. Takes some milliseconds of CPU a point; loads
    the sampler's library at the first call.
    """
    chosen: list[Point] = []
    if observations:
        for asked in islice(_asked(observations, shape, seed), _ASKS_A_POINT * count):
            point = usable(asked)
            if point is not None and point not in chosen:
                chosen.append(point)
            if len(chosen) == count:
                return chosen
    ranked = sorted(points, key=_marginals(observations))
    for (
        candidate
    ) in ranked:  # the sampler asks only for what is known or refused: the most promising of the others
        if len(chosen) == count:
            break
        if candidate not in chosen and usable(candidate) == candidate:
            chosen.append(candidate)
    return chosen


def _asked(observations: Sequence[Observation], shape: tuple[int, int, int], seed: int) -> Iterable[Point]:
    """What the sampler asks for, without end."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.CategoricalDistribution(tuple(range(size)))
        for name, size in zip(Point._fields, shape, strict=True)
        if size > 1
    }
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True, n_startup_trials=1)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    for point, value in observations:
        params = {name: index for name, index in point._asdict().items() if name in space}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=value))
    while space:
        found = study.ask(space).params
        yield Point(*(found.get(name, 0) for name in Point._fields))


def _marginals(observations: Sequence[Observation]) -> Callable[[Point], tuple[float, Point]]:
    """Sort key, best first: the mean scores of a point's parts, added up."""
    scores: dict[tuple[str, int], list[float]] = defaultdict(list)
    for point, value in observations:
        for part in point._asdict().items():
            scores[part].append(value)
    means = {part: sum(values) / len(values) for part, values in scores.items()}
    typical = sum(value for _, value in observations) / max(len(observations), 1)

    def key(point: Point) -> tuple[float, Point]:
        return -sum(means.get(part, typical) for part in point._asdict().items()), point

    return key
