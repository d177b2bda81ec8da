"""What is asked of our optimizers, and whether a run shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.optimizers.engines import ENGINES
from benchmarks.optimizers.statistics import Mean, mean, paired

EVEN = "even"
HEADLINE = "auto"
"""The one of ours that a person gets who chooses none; the others are compared with their own kind."""
_WALL = 1.15
_FASTER = 4.0
_CPU = 100e-6


@dataclass(frozen=True, slots=True)
class Bar:
    """One demand with what was measured."""

    asked: str
    measured: str
    met: bool


def against_peers(
    results: Mapping[str, Any], ours: str, peers: tuple[str, ...]
) -> Iterator[tuple[str, str, Mean]]:
    """Landscape, its best peer (chosen afterwards) and the difference seed by seed; at last their average."""
    differences = []
    for name in results["landscapes"]:
        best = max(peers, key=lambda key, name=name: sum(scores(results, key, name)))  # type: ignore[misc]
        own, theirs = scores(results, ours, name), scores(results, best, name)
        differences.append([a - b for a, b in zip(own, theirs, strict=True)])
        yield name, ENGINES[best].name, paired(own, theirs)
    yield (
        "**average**",
        "the best of each",
        mean([sum(each) / len(each) for each in zip(*differences, strict=True)]),
    )


def scores(results: Mapping[str, Any], key: str, landscape: str) -> list[float]:
    """An engine's held-out scores by seed."""
    return [run["score"] for run in results["runs"][key][landscape]]


def verdict(difference: Mean) -> str:
    """Where ours stands: above, not below (the interval holds zero), or below."""
    if difference.low > 0:
        return "above"
    return "not below" if difference.high >= 0 else "below"


def bars(results: Mapping[str, Any], ours: str) -> Iterator[Bar]:
    """The demands that the run can answer for our engine `ours`."""
    runs, timing = results["runs"], results["timing"]
    peers = tuple(key for key in runs if not ENGINES[key].ours)
    if ours == HEADLINE and ours in runs and peers:
        for name, best, difference in against_peers(results, ours, peers):
            words = f"{difference.value:+.3f} ± {difference.half:.3f} ({best})"
            average = name == "**average**"
            asked = "above the best peers on average" if average else f"not below the best peer on {name}"
            yield Bar(asked, words, difference.low > 0 if average else difference.high >= 0)
    if ours in runs:
        every = [run for name in results["landscapes"] for run in runs[ours][name]]
        over = max(run["calls"] - run["budget"] for run in every)
        yield Bar("no overshoot", f"{max(0, over)} calls at most", over <= 0)
        cpu = sum(run["cpu_per_call"] for run in every) / len(every)
        yield Bar("CPU a metric call under 100 µs", f"{cpu * 1e6:.0f} µs", cpu < _CPU)
    if ours in timing:
        own = timing[ours][EVEN]
        wall, ideal = (sum(run[key] for run in own) for key in ("wall", "ideal"))
        yield Bar("wall time at most 1.15 times the ideal", f"{wall / ideal:.2f}", wall / ideal <= _WALL)
        if "dspy-mipro" in timing:
            ratio = sum(run["wall"] for run in timing["dspy-mipro"][EVEN]) / wall
            yield Bar("4 times faster than MIPROv2", f"{ratio:.1f} times", ratio >= _FASTER)
