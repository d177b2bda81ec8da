"""The tables of a run, in the form of Markdown, which is also what is printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.optimizers.bars import against_peers, bars, verdict
from benchmarks.optimizers.engines import ENGINES
from benchmarks.optimizers.statistics import mean

Results = Mapping[str, Any]
_MATCHES = {
    "auto": tuple(key for key, engine in ENGINES.items() if not engine.ours),
    "prompt-evolution": ("gepa", "dspy-gepa"),
    "instruction-search": ("dspy-mipro",),
    "bootstrap-fewshot": ("dspy-few-shot",),
}


def markdown(results: Results) -> str:
    """All tables. `results["runs"]`: engine → landscape → results by seed; `results["timing"]`: engine → results."""
    parts = [f"{results['machine']}. Command: `{results['command']}`"]
    if results["runs"]:
        parts += [_scores(results), _comparisons(results), _spending(results)]
    if results.get("timing"):
        parts.append(_timing(results["timing"]))
    if results.get("gate"):
        parts.append(_gate(results["gate"]))
    if results.get("real"):
        parts.append(_real(results["real"]))
    parts.append(_bars(results))
    return "\n\n".join(parts) + "\n"


def _scores(results: Results) -> str:
    landscapes, seeds = results["landscapes"], results["seeds"]
    starts = _start_scores(results)
    rows = [["the seed prompt", *(_short(starts[name]) for name in landscapes), ""]]
    for key, runs in results["runs"].items():
        by_landscape = [[run["score"] for run in runs[name]] for name in landscapes]
        average = [sum(scores) / len(scores) for scores in zip(*by_landscape, strict=True)]
        rows.append([ENGINES[key].name, *(str(mean(scores)) for scores in by_landscape), str(mean(average))])
    title = f"Held-out score, {seeds} seeds, mean ± 95 %:"
    return f"{title}\n\n" + _table(["engine", *landscapes, "average"], rows)


def _start_scores(results: Results) -> dict[str, float]:
    runs = next(iter(results["runs"].values()))
    return {name: sum(run["start"] for run in runs[name]) / len(runs[name]) for name in results["landscapes"]}


def _comparisons(results: Results) -> str:
    rows = []
    for ours, matches in _MATCHES.items():
        peers = tuple(key for key in matches if key in results["runs"])
        if ours in results["runs"] and peers:
            rows += [
                [
                    ENGINES[ours].name,
                    name,
                    best,
                    f"{difference.value:+.3f} ± {difference.half:.3f}",
                    verdict(difference),
                ]
                for name, best, difference in against_peers(results, ours, peers)
            ]
    title = "Against the best peer of each landscape (chosen afterwards), seed by seed:"
    return f"{title}\n\n" + _table(["ours", "landscape", "best peer", "difference ± 95 %", ""], rows)


def _bars(results: Results) -> str:
    known = [
        key
        for key, engine in ENGINES.items()
        if engine.ours and key in {*results["runs"], *results["timing"]}
    ]
    rows = [
        [ENGINES[key].name, bar.asked, bar.measured, "met" if bar.met else "not met"]
        for key in known
        for bar in bars(results, key)
    ]
    return _table(["ours", "asked", "measured", ""], rows)


def _spending(results: Results) -> str:
    rows = []
    for key, runs in results["runs"].items():
        every = [run for name in results["landscapes"] for run in runs[name]]
        over = [max(0, run["calls"] - run["budget"]) for run in every]
        rows.append(
            [
                ENGINES[key].name,
                f"{_average(run['calls'] for run in every):.0f}",
                f"{max(over)}",
                f"{sum(each > 0 for each in over)} of {len(every)}",
                f"{_average(run['proposals'] for run in every):.0f}",
                f"{_average(run['cpu_per_call'] for run in every) * 1e6:,.0f}",
            ]
        )
    head = ["engine", "calls", "largest overshoot", "runs over budget", "proposals", "CPU a call, µs"]
    budget = ", ".join(
        sorted(
            {
                str(run["budget"])
                for runs in results["runs"].values()
                for run in runs[results["landscapes"][0]]
            }
        )
    )
    table = f"Spending, budget {budget} metric calls, models that answer at once:\n\n" + _table(head, rows)
    alone = results.get("evaluator")
    return table if alone is None else f"{table}\n\nOur evaluator alone takes {alone * 1e6:.0f} µs a call."


def _timing(timing: Mapping[str, Mapping[str, Sequence[Results]]]) -> str:
    rows = []
    for key, kinds in timing.items():
        for kind, runs in kinds.items():
            wall, ideal = _average(run["wall"] for run in runs), _average(run["ideal"] for run in runs)
            calls = _average(run["calls"] for run in runs)
            row = [ENGINES[key].name, kind, f"{calls:.0f}", f"{_average(run['waves'] for run in runs):.0f}"]
            rows.append(
                [*row, f"{wall:.1f}", f"{ideal:.1f}", f"{wall / ideal:.2f}", f"{wall / calls * 1000:.1f}"]
            )
    head = [
        "engine",
        "models",
        "calls",
        "proposals in line",
        "wall s",
        "ideal s",
        "wall / ideal",
        "ms a call",
    ]
    title = "Wall time at 50 ms an answer, 200 ms a proposal, width 16:"
    return f"{title}\n\n" + _table(head, rows)


def _gate(gate: Mapping[str, Sequence[Results]]) -> str:
    decisions = sorted({run["decision"] for runs in gate.values() for run in runs})
    rows = []
    for name, runs in gate.items():
        counts = [sum(run["decision"] == decision for run in runs) for decision in decisions]
        rows.append(
            [name, *map(str, counts), f"{_average(run['score'] - run['start'] for run in runs):+.3f}"]
        )
    return "Decisions of our gate on rows that the search never saw:\n\n" + _table(
        ["landscape", *decisions, "true gain"], rows
    )


def _real(real: Sequence[Results]) -> str:
    rows = [
        [
            run["task"],
            ENGINES[run["engine"]].name,
            str(run["rows"]),
            f"{run['start']:.3f}",
            f"{run['score']:.3f}",
            str(run["calls"]),
        ]
        for run in real
    ]
    head = ["task", "engine", "held-out rows", "before", "after", "calls"]
    return "The embedded model (SmolLM2 135M), few-shot optimizers:\n\n" + _table(head, rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _short(value: float) -> str:
    return f"{value:.3f}"


def _average(values: Iterable[float]) -> float:
    every = list(values)
    return sum(every) / len(every)
