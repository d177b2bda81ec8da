"""The command `whetstone train`: one optimization, here and now, on a dataset or a file of the user's own."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from pydantic import ValidationError

from whetstone.cli_settings import settings_with
from whetstone.errors import InvalidInputError, WhetstoneError
from whetstone.lm_settings import LM_ROLES, LMRole

if TYPE_CHECKING:
    from rich.progress import Progress

    from whetstone.optimize.spec import NativeSpec
    from whetstone.settings import Settings

INTERRUPTED = 130


def train(
    dataset: Annotated[
        str, typer.Option(help="A dataset's id or folder, or a JSONL file of eliza_native_v1 rows.")
    ],
    task: Annotated[
        str | None, typer.Option(help="The task; by default the one with most verified rows.")
    ] = None,
    backend: Annotated[str, typer.Option(help="`native`: optimizes the prompt.")] = "native",
    optimizer: Annotated[
        str, typer.Option(help="bootstrap-fewshot, instruction-search, prompt-evolution or auto.")
    ] = "auto",
    baseline: Annotated[Path | None, typer.Option(help="Text file with the prompt to start from.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="A metric's name, or package.module:function of your own.")
    ] = None,
    rubric: Annotated[
        list[str] | None, typer.Option(help="A yes-or-no question for the metric `judge`; repeatable.")
    ] = None,
    component: Annotated[
        list[str] | None, typer.Option(help="Improve `tools` or further `prompts` too; repeatable.")
    ] = None,
    effort: Annotated[str, typer.Option(help="light, medium or heavy, where no limit is given.")] = "light",
    max_calls: Annotated[int | None, typer.Option(help="Most answers of the task's model.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Most tokens of all models, both ways.")] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="Most US dollars (needs WHETSTONE_LM_PRICES).")
    ] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Longest time.")] = None,
    max_proposals: Annotated[int | None, typer.Option(help="Most proposals of the reflection model.")] = None,
    repeats: Annotated[int, typer.Option(help="Answers per row, where they vary.")] = 1,
    seed: Annotated[int, typer.Option(help="Decides what is drawn by lot.")] = 0,
    confidence: Annotated[float, typer.Option(help="Of the gate's interval.")] = 0.95,
    equivalence_margin: Annotated[
        float | None, typer.Option(help="Promote a shorter prompt that is not worse by more than this.")
    ] = None,
    teacher_gold: Annotated[
        bool, typer.Option("--teacher-gold", help="The teacher answers rows without a verified answer.")
    ] = False,
    state_dir: Annotated[Path | None, typer.Option(help="Folder of datasets and prompts.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would take.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Optimize a prompt and let the gate decide.

    Ctrl-C stops at once and keeps the best so far; the same command goes on from there. Exit status 0: done,
    whatever the gate decided; 1: it failed; 130: interrupted.
    """
    from whetstone.optimize.spec import BudgetLimits

    try:
        if backend != "native":
            raise InvalidInputError(f"Backend '{backend}' is not part of this version; use native")
        settings = settings_with(state_dir=state_dir)
        limits = BudgetLimits(
            max_calls=max_calls,
            max_tokens=max_tokens,
            max_cost=max_cost,
            max_seconds=max_seconds,
            max_proposals=max_proposals,
        )
        wanted: dict[str, Any] = {
            "task": task,
            "optimizer": optimizer,
            "baseline": None if baseline is None else baseline.read_text(encoding="utf-8"),
            "metric": metric,
            "rubric": tuple(rubric) if rubric else None,
            "components": tuple(component or ()),
            "effort": effort,
            "budget": limits,
            "repeats": repeats,
            "seed": seed,
            "confidence": confidence,
            "equivalence_margin": equivalence_margin,
            "teacher_gold": teacher_gold,
        }
        spec = _spec(settings, dataset, wanted)
        result = asyncio.run(_estimate(spec, settings) if dry_run else _run(spec, settings))
    except KeyboardInterrupt:
        typer.secho("Interrupted; the same command goes on from here.", fg=typer.colors.YELLOW, err=True)
        raise typer.Exit(INTERRUPTED) from None
    except (WhetstoneError, OSError, ValidationError) as error:
        typer.secho(_sentence(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    elif dry_run:
        _show_estimate(result)
    else:
        _show_result(result)


def _spec(settings: Settings, dataset: str, wanted: dict[str, Any]) -> NativeSpec:
    """The job, in a folder that the same command finds again."""
    from whetstone.optimize.spec import NativeSpec

    stored = settings.training_dir / "datasets" / dataset
    path = stored if stored.is_dir() else Path(dataset).expanduser().absolute()
    if not path.exists():
        raise InvalidInputError(f"There is neither a dataset {dataset} nor a file of that name")
    place = {"dataset_id": path.stem if path.is_file() else path.name, "dataset_dir": path}
    draft = NativeSpec(job_id="", job_dir=Path(), **place, **wanted)
    content = draft.model_dump_json(exclude={"job_id", "job_dir"}).encode()
    # Other rows or models make another job: one that has begun could not go on with them.
    models = orjson.dumps([_model(settings.lm_role(role)) for role in LM_ROLES])
    digest = hashlib.sha256(b"\x00".join((content, models, _content(path))))
    job_id = f"cli-{digest.hexdigest()[:12]}"
    folder = settings.training_dir / "jobs" / job_id
    return draft.model_copy(update={"job_id": job_id, "job_dir": folder})


def _model(role: LMRole) -> list[str | None]:
    return [role.provider, role.base_url, role.model]


def _content(path: Path) -> bytes:
    """A digest of the rows."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.glob("*.jsonl")):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.digest()


async def _estimate(spec: NativeSpec, settings: Settings) -> dict[str, Any]:
    from whetstone.optimize.estimate import estimate

    return await estimate(spec, settings)


async def _run(spec: NativeSpec, settings: Settings) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from whetstone.optimize.native import run

    columns = (BarColumn(bar_width=24), TextColumn("{task.percentage:3.0f}%"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, TextColumn("{task.description}", markup=False), console=console, transient=True
    ) as bar:
        return await run(spec, _Bar(bar), settings)


class _Bar:
    """The reporter of a terminal: a bar with the newest message, log lines above it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("starting", total=1.0)

    def progress(self, fraction: float, phase: str, message: str, **_extra: Any) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=fraction, description=f"{phase}: {message}")

    def log(self, message: str, **extra: Any) -> None:
        """Print a line; of an accepted edit also what it changes."""
        console = self._progress.console
        console.print(message, markup=False, highlight=False)
        if edit := extra.get("edit"):
            console.print(edit["diff"], markup=False, highlight=False, style="dim")


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)


def _show_estimate(estimate: dict[str, Any]) -> None:
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


def _show_result(result: dict[str, Any]) -> None:
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
