"""`whetstone train --backend native`: one optimization of a prompt in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import typer

from whetstone.cli_training import Bar, InterruptedTrainingError, find_dataset, job_place, progress_bar
from whetstone.lm_settings import LM_ROLES, LMRole

if TYPE_CHECKING:
    from whetstone.optimize.spec import NativeSpec
    from whetstone.settings import Settings

_BUDGET = ("max_calls", "max_tokens", "max_cost", "max_seconds", "max_proposals")


def optimize(settings: Settings, dataset: str, wanted: Mapping[str, Any], *, dry_run: bool) -> dict[str, Any]:
    """The result of the job, or what it would cost. `wanted`: fields of the specification, the budget's beside them."""
    from whetstone.optimize.estimate import estimate
    from whetstone.optimize.native import run
    from whetstone.optimize.spec import BudgetLimits

    budget = BudgetLimits(**{name: wanted[name] for name in _BUDGET})
    fields = {name: value for name, value in wanted.items() if name not in _BUDGET}
    spec = _spec(settings, dataset, {**fields, "budget": budget})
    if dry_run:
        return asyncio.run(estimate(spec, settings))
    try:
        with progress_bar() as bar:
            return asyncio.run(run(spec, Bar(bar), settings))
    except KeyboardInterrupt:
        raise InterruptedTrainingError("Interrupted; the same command goes on from here.") from None


def _spec(settings: Settings, dataset: str, wanted: dict[str, Any]) -> NativeSpec:
    """The job, in a folder that the same command finds again."""
    from whetstone.optimize.spec import NativeSpec

    dataset_id, path = find_dataset(settings, dataset)
    draft = NativeSpec(job_id="", job_dir=Path(), dataset_id=dataset_id, dataset_dir=path, **wanted)
    content = draft.model_dump_json(exclude={"job_id", "job_dir"}).encode()
    models = orjson.dumps([_model(settings.lm_role(role)) for role in LM_ROLES])
    job_id, folder = job_place(settings, path, content, models)
    return draft.model_copy(update={"job_id": job_id, "job_dir": folder})


def _model(role: LMRole) -> list[str | None]:
    return [role.provider, role.base_url, role.model]


def show_estimate(estimate: dict[str, Any]) -> None:
    """Print what a job would cost."""
    calls, usd = estimate["calls"], estimate["usd"]
    rows = estimate["rows"]
    typer.echo(
        f"{estimate['task']} with {estimate['optimizer']}, scored by {estimate['metric']}\n"
        f"  rows       {rows['train']} train, {rows['validation']} validation, {rows['test']} test\n"
        f"  calls      at most {calls['total']} ({calls['search']} search, {calls['gate']} gate)\n"
        f"  proposals  about {estimate['proposals']}\n"
        f"  tokens     about {estimate['tokens']:,}\n"
        f"  cost       {'unknown: set WHETSTONE_LM_PRICES' if usd is None else f'about ${usd:.2f}'}\n"
        f"  gate       {estimate['power']['explanation']}"
    )
    for note in estimate["notes"]:
        typer.echo(f"  note       {note}")


def show_result(result: dict[str, Any]) -> None:
    """Print what a job found."""
    colour = typer.colors.GREEN if result["decision"].startswith(("promoted", "equivalent")) else None
    typer.secho(result["explanation"], fg=colour, bold=True)
    low, high = result["interval"]
    spent = result["budget"]["spent"]
    scores = (
        "not tried on the test rows"
        if result["score"] is None
        else f"{result['baselineScore']:.3f} -> {result['score']:.3f}"
    )
    typer.echo(
        f"  test score  {scores}\n"
        f"  difference  {result['delta']:+.3f} on {result['rows']} {result['evaluatedOn']} rows, "
        f"{100 * result['confidence']:g} % interval {low:+.3f}..{high:+.3f}\n"
        f"  found by    {result['optimizer']}: {result['origin']}\n"
        f"  spent       {sum(part['calls'] for part in spent.values())} calls, "
        f"{result['budget']['total']['tokens']:,} tokens, {result['budget']['seconds']:.0f} s\n"
        f"  artifact    {result['artifactPath']}"
    )
    for note in result["notes"]:
        typer.echo(f"  note        {note}")
