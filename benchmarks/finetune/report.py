"""The results as Markdown tables, and the bars that Whetstone must clear."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any, NamedTuple

from benchmarks.finetune.trainers import OURS, TRAINER, TRAINERS, TRL

_FASTER = {TRL: 2.0, TRAINER: 1.5}
_SHARE = 0.55
_LOSS_SLACK = 1.05
"""Our validation loss may be so much above a peer's: another order of the rows moves it as much."""
_COLUMNS = (
    "trainer", "tokens/s", "tokens per CPU second", "ours is faster: wall", "CPU", "share of matmul rate: wall", "CPU",
    "tokens/places", "peak memory MB", "validation loss",
)  # fmt: skip


class Bar(NamedTuple):
    """What is asked, how what was measured is written, and whether it is met."""

    asked: str
    measured: str
    met: bool


class Figures(NamedTuple):
    """Medians over the rounds: tokens a second, tokens a CPU second, tokens a place, bytes; and the validation loss."""

    wall: float
    cpu: float
    efficiency: float
    memory: float
    loss: float


def figures(results: dict[str, Any], key: str) -> Figures:
    """Of one trainer."""
    runs = results["runs"][key]
    memory = "device_memory" if results["device"] == "cuda" else "memory"
    return Figures(
        median(run["tokens"] / run["wall"] for run in runs),
        median(run["tokens"] / run["cpu"] for run in runs),
        median(run["tokens"] / run["places"] for run in runs),
        median(run[memory] for run in runs),
        results["losses"][key],
    )


def share(results: dict[str, Any], key: str, clock: str) -> float:
    """Of the matrix multiplication rate (by `wall` or `cpu`), what the trainer's useful work reaches; median of the
    rounds, each held against the rate measured just before.

    Neither padding counts nor what a trainer never computes, because rows have it in common.
    """
    shares: list[float] = [
        min(run["tokens"], run["places"]) / run[clock] * results["operations"] / run["matmul"][clock]
        for run in results["runs"][key]
    ]
    return median(shares)


def markdown(results: dict[str, Any]) -> str:
    """The tables and the bars for the documentation."""
    lines = [
        _setting(results),
        "",
        "| " + " | ".join(_COLUMNS) + " |",
        "|---|" + "---:|" * (len(_COLUMNS) - 1),
    ]
    lines += ["| " + " | ".join(_row(results, key)) + " |" for key in results["runs"]]
    checked = list(bars(results))
    if checked:
        lines += ["", "| asked | measured | |", "|---|---|---|"]
        lines += [f"| {bar.asked} | {bar.measured} | {'met' if bar.met else 'not met'} |" for bar in checked]
    return "\n".join(lines) + "\n"


def _setting(results: dict[str, Any]) -> str:
    rates = [run["matmul"] for runs in results["runs"].values() for run in runs]
    rounds = max(map(len, results["runs"].values()))
    wall, cpu = (median(rate[clock] for rate in rates) / 1e9 for clock in ("wall", "cpu"))
    return (
        f"{results['machine']}; {results['versions']}. {results['steps']} steps of {results['batch_size']} rows, "
        f"{results['threads']} threads, {rounds} rounds; {results['material']}; "
        f"{results['operations'] / 1e9:.3f} GFLOP a token; matrix multiplication {wall:.0f} GFLOP/s, {cpu:.0f} GFLOP a "
        f"CPU second. Validation loss of the base: {results['losses']['base']:.3f}."
    )


def bars(results: dict[str, Any]) -> Iterator[Bar]:
    """As far as they were measured."""
    if OURS not in results["runs"]:
        return
    ours = figures(results, OURS)
    for key, least in _FASTER.items():
        if key not in results["runs"]:
            continue
        theirs, name = figures(results, key), TRAINERS[key].name
        for clock, ratio in (("wall", ours.wall / theirs.wall), ("CPU", ours.cpu / theirs.cpu)):
            yield Bar(f"{least:g} times the tokens/s of {name} ({clock})", f"{ratio:.2f}", ratio >= least)
        yield Bar(
            f"a validation loss like that of {name}",
            f"{ours.loss:.3f} to {theirs.loss:.3f}",
            ours.loss <= _LOSS_SLACK * theirs.loss,
        )
    if results["device"] == "cpu":
        for clock in ("wall", "cpu"):
            reached = share(results, OURS, clock)
            named = "wall" if clock == "wall" else "CPU"
            yield Bar(
                f"at least {_SHARE:.0%} of the matmul rate ({named})", f"{reached:.0%}", reached >= _SHARE
            )


def _row(results: dict[str, Any], key: str) -> tuple[str, ...]:
    found = figures(results, key)
    ratios = ("", "")
    if OURS in results["runs"] and key != OURS:
        ours = figures(results, OURS)
        ratios = (f"{ours.wall / found.wall:.2f}", f"{ours.cpu / found.cpu:.2f}")
    return (
        TRAINERS[key].name,
        f"{found.wall:.1f}",
        f"{found.cpu:.1f}",
        *ratios,
        f"{share(results, key, 'wall'):.0%}",
        f"{share(results, key, 'cpu'):.0%}",
        f"{found.efficiency:.2f}",
        f"{found.memory / 1e6:,.0f}",
        f"{found.loss:.3f}",
    )
