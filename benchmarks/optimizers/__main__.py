"""Whetstone's optimizers beside their peers, in one run: `python -m benchmarks.optimizers`.

Every engine searches the same scripted landscapes (see `worlds`) under the same seeds and the same budget of metric calls, in
a process of its own; what it found is scored on rows that it never saw. Scores and processor time are measured with models
that answer at once, wall time with models that take 50 ms. Prints the tables and writes everything to
`<folder>/results.json`.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.optimizers import our_evaluator, report
from benchmarks.optimizers.bars import EVEN, HEADLINE
from benchmarks.optimizers.child import Job
from benchmarks.optimizers.engines import ENGINES
from benchmarks.optimizers.worlds.landscapes import LANDSCAPES

_ROOT = Path(__file__).resolve().parents[2]
_CACHE = Path.home() / ".cache" / "whetstone-benchmarks" / "optimizers"
_TIMED_LANDSCAPE, _LATENCY = "mixed", 0.05
ROUGH = "5 % ten times slower, 2 % refused"


def main() -> None:
    """Run the chosen engines over the chosen landscapes."""
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {
        "machine": _machine(),
        "command": " ".join(["python -m benchmarks.optimizers", *sys.argv[1:]]),
        "seeds": options.seeds,
        "landscapes": options.landscapes,
        "runs": {},
        "timing": {},
    }
    for key in options.engines:
        try:
            _measure(key, options, results)
        except RuntimeError as problem:
            print(problem, flush=True)
    if any(ENGINES[key].ours for key in results["runs"]):
        results["evaluator"] = our_evaluator.cpu_per_call()
    if options.real:
        from benchmarks.optimizers.real import compare

        results["real"] = compare.run(options.engines, options.folder, options.data)
    (options.folder / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    text = report.markdown(results)
    print(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")


def _measure(key: str, options: argparse.Namespace, results: dict[str, Any]) -> None:
    """All figures of one engine. Raises RuntimeError when it fails."""
    if not options.only_timing:
        results["runs"][key] = _landscapes(key, options)
        if key == HEADLINE:
            results["gate"] = _gate(options)
    if not options.no_timing:
        results["timing"][key] = _timing(key, options)


def _landscapes(key: str, options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    jobs = [
        Job(name, seed, _budget(name, options))
        for name in options.landscapes
        for seed in range(options.first_seed, options.first_seed + options.seeds)
    ]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in options.landscapes}
    for answer in ENGINES[key].run(jobs, options.folder):
        found[answer["landscape"]].append(answer)
        if len(found[answer["landscape"]]) == options.seeds:
            scores = [each["score"] for each in found[answer["landscape"]]]
            print(f"{key:20} {answer['landscape']:15} {sum(scores) / len(scores):.3f}", flush=True)
    return found


def _timing(key: str, options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """Every landscape with even latencies, one of them with stragglers and refusals; ours also over HTTP."""
    kinds = {EVEN: dict[str, Any](), ROUGH: {"rough": True}}
    if ENGINES[key].ours:
        kinds |= {f"{EVEN}, over HTTP": {"http": True}, f"{ROUGH}, over HTTP": {"http": True, "rough": True}}
    found = {}
    for kind, changes in kinds.items():
        names = options.landscapes if kind == EVEN else [_TIMED_LANDSCAPE]
        jobs = [Job(name, 0, _budget(name, options), _LATENCY, **changes) for name in names]
        found[kind] = list(ENGINES[key].run(jobs, options.folder))
        print(f"{key:20} timed, {kind}: {[round(each['wall'], 1) for each in found[kind]]} s", flush=True)
    return found


def _gate(options: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """What our gate says of what our search found, on the same held-out rows."""
    jobs = [
        Job(name, seed, _budget(name, options), gate=True)
        for name in options.landscapes
        for seed in range(options.first_seed, options.first_seed + options.seeds)
    ]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in options.landscapes}
    for answer in ENGINES[HEADLINE].run(jobs, options.folder):
        found[answer["landscape"]].append(answer)
    return found


def _budget(landscape: str, options: argparse.Namespace) -> int:
    return int(options.budget or LANDSCAPES[landscape].budget)


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--landscapes", nargs="+", choices=list(LANDSCAPES), default=list(LANDSCAPES))
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    parser.add_argument("--budget", type=int, help="metric calls of every run instead of the landscape's")
    parser.add_argument("--no-timing", action="store_true", help="leave out the runs with latency")
    parser.add_argument("--only-timing", action="store_true", help="only the runs with latency")
    parser.add_argument("--real", action="store_true", help="also real tasks on the embedded model")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    parser.add_argument(
        "--data", type=Path, default=_ROOT.parent / "shared" / "data", help="folder of banking77"
    )
    parser.add_argument("--folder", type=Path, default=_CACHE, help="for peers' environments and results")
    return parser.parse_args(arguments)


def _machine() -> str:
    import psutil

    return f"{psutil.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
