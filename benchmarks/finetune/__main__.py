"""Whetstone's LoRA training beside its peers', in one run: `python -m benchmarks.finetune`.

The same model, the same chats, the same recipe (see `recipe`) and the same threads; each trainer in a process of its own,
one after another, in another order each round. What counts are the ratios, and of these the ones by processor time where
other work shares the machine. One evaluator measures the validation loss of what each trainer made, since a faster
trainer that learns less is none; `work` says what is held against the machine's own matrix multiplication rate. Peers
are installed on first use. Prints the table and writes everything to `<folder>/results.json`; `--check` ends with status
1 where a bar is not met.

On a GPU (`--device cuda`) everything runs in bf16; `--four-bit` loads the base in NF4, for memory.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.finetune import encoding, report, rows, trainers
from benchmarks.finetune.recipe import Recipe
from benchmarks.finetune.trainers import DEFAULT, TRAINERS
from benchmarks.finetune.work import Material, Shapes, operations

from whetstone.finetune.bases.names import find_base
from whetstone.finetune.bases.prepare import prepare_base
from whetstone.settings import Settings

_CACHE = Path.home() / ".cache" / "whetstone-benchmarks" / "finetune"
_ON_GPU = ("ours", "trl", "trl-no-recompute", "trainer", "loop")


def main() -> int:
    """Run the chosen trainers; the exit status."""
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    recipe = _recipe(options)
    rows.write(recipe.data, recipe.steps * recipe.batch_size, options.seed)
    material = Material.of(encoding.encode(encoding.tokenizer_of(recipe.model), recipe.rows("train")))
    results = _results(options, recipe, material)
    failed: set[str] = set()
    for number in range(options.rounds):
        turn = number % len(options.trainers)
        order = [*options.trainers[turn:], *options.trainers[:turn]]
        for key in order[:: -1 if number % 2 else 1]:
            try:
                results["runs"].setdefault(key, []).append(_run(key, options, recipe, material))
            except RuntimeError as problem:
                print(problem, flush=True)
                failed.add(key)
    results["runs"] = {key: results["runs"][key] for key in options.trainers if key not in failed}
    if not results["runs"]:
        return 1
    results["losses"] = _losses(options, recipe, results)
    (options.folder / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    text = report.markdown(results)
    print(text)
    if options.markdown:
        options.markdown.write_text(text, encoding="utf-8")
    met = not failed and all(bar.met for bar in report.bars(results))
    return int(options.check and not met)


def _run(key: str, options: argparse.Namespace, recipe: Recipe, material: Material) -> dict[str, Any]:
    """One training, and the matrix multiplication rate just before it."""
    asked = {
        "model": str(recipe.model),
        "rows": round(material.tokens / recipe.steps),
        "learnt": material.learnt,
        "threads": recipe.threads,
        "device": recipe.device,
    }
    rate = trainers.run("matmul", trainers.own("matmul"), json.dumps(asked), recipe.threads, options.folder)
    output = options.folder / "adapters" / key
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    found = TRAINERS[key].run(replace(recipe, output=output), options.folder)
    print(
        f"{key:18} {found['tokens'] / found['wall']:7.1f} tokens/s {found['tokens'] / found['cpu']:7.1f} a CPU second "
        f"{found['wall']:6.1f} s {found['memory'] / 1e6:7.0f} MB; matmul {rate['wall'] / 1e9:.0f} GFLOP/s; "
        f"load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return {**found, "matmul": rate, "load": os.getloadavg()[0]}


def _losses(options: argparse.Namespace, recipe: Recipe, results: dict[str, Any]) -> dict[str, float]:
    asked = {
        "model": str(recipe.model),
        "data": str(recipe.data),
        "threads": recipe.threads,
        "adapters": {key: str(options.folder / "adapters" / key) for key in results["runs"]},
    }
    command = trainers.own("evaluator")
    return trainers.run("evaluator", command, json.dumps(asked), recipe.threads, options.folder)


def _recipe(options: argparse.Namespace) -> Recipe:
    settings = Settings(state_dir=options.folder / "state")
    base = prepare_base(find_base(options.model, settings), settings, lambda text: print(text, flush=True))
    return Recipe(
        model=base.folder,
        data=options.folder / "data",
        output=options.folder,
        steps=options.steps,
        threads=options.threads,
        seed=options.seed,
        device=options.device,
        four_bit=options.four_bit,
    )


def _results(options: argparse.Namespace, recipe: Recipe, material: Material) -> dict[str, Any]:
    return {
        "machine": _machine(options.device),
        "versions": ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "peft")),
        "command": " ".join(["python -m benchmarks.finetune", *sys.argv[1:]]),
        "device": recipe.device,
        "steps": recipe.steps,
        "batch_size": recipe.batch_size,
        "threads": recipe.threads,
        "material": f"{material.rows} chats, {material.tokens:,} tokens, {material.learnt:.0%} of them learnt",
        "operations": operations(Shapes.of(recipe.model), material),
        "runs": {},
    }


def _machine(device: str) -> str:
    import psutil

    name = f"{psutil.cpu_count(logical=False) or psutil.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    if device == "cpu":
        return name
    import torch

    return f"{torch.cuda.get_device_name()}, {name}"


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=20, help="of 4 rows; each row is seen once")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--trainers", nargs="+", choices=list(TRAINERS))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--four-bit", action="store_true", help="the base in NF4 (cuda)")
    parser.add_argument("--model", help="a base model by name; the default is the embedded one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="fail where a bar is not met")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file")
    parser.add_argument("--folder", type=Path, default=_CACHE, help="for peers' environment and results")
    options = parser.parse_args(arguments)
    options.folder = options.folder.absolute()
    options.trainers = options.trainers or list(DEFAULT if options.device == "cpu" else _ON_GPU)
    return options


if __name__ == "__main__":
    sys.exit(main())
