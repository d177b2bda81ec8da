"""The command `whetstone train`: one job, here and now, on a dataset or a file of the user's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError

from whetstone import finetune_cli, native_cli
from whetstone.cli_settings import settings_with
from whetstone.cli_training import INTERRUPTED, InterruptedTrainingError, sentence
from whetstone.errors import InvalidInputError, WhetstoneError

_NATIVE = "native"
_PROMPT = "Prompts (native)"
_WEIGHTS = "Weights (cpu, cuda, mlx)"


def train(
    dataset: Annotated[str, typer.Option(help="A dataset's id or folder, or a JSONL file of rows.")],
    task: Annotated[
        str | None, typer.Option(help="The task; by default that with most verified rows (weights: all).")
    ] = None,
    backend: Annotated[
        str, typer.Option(help="`native` optimizes the prompt; `cpu`, `cuda` and `mlx` train weights.")
    ] = _NATIVE,
    max_seconds: Annotated[float | None, typer.Option(help="Longest time.")] = None,
    seed: Annotated[int, typer.Option(help="Decides what is drawn by lot.")] = 0,
    optimizer: Annotated[
        str,
        typer.Option(
            help="bootstrap-fewshot, instruction-search, prompt-evolution or auto.", rich_help_panel=_PROMPT
        ),
    ] = "auto",
    baseline: Annotated[
        Path | None,
        typer.Option(help="Text file with the prompt to start from.", rich_help_panel=_PROMPT),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help="A metric's name, or package.module:function of your own.", rich_help_panel=_PROMPT
        ),
    ] = None,
    rubric: Annotated[
        list[str] | None,
        typer.Option(
            help="A yes-or-no question for the metric `judge`; repeatable.", rich_help_panel=_PROMPT
        ),
    ] = None,
    component: Annotated[
        list[str] | None,
        typer.Option(help="Improve `tools` or further `prompts` too; repeatable.", rich_help_panel=_PROMPT),
    ] = None,
    effort: Annotated[
        str,
        typer.Option(help="light, medium or heavy, where no limit is given.", rich_help_panel=_PROMPT),
    ] = "light",
    max_calls: Annotated[
        int | None, typer.Option(help="Most answers of the task's model.", rich_help_panel=_PROMPT)
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(help="Most tokens of all models, both ways.", rich_help_panel=_PROMPT)
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(help="Most US dollars (needs WHETSTONE_LM_PRICES).", rich_help_panel=_PROMPT),
    ] = None,
    max_proposals: Annotated[
        int | None, typer.Option(help="Most proposals of the reflection model.", rich_help_panel=_PROMPT)
    ] = None,
    repeats: Annotated[
        int, typer.Option(help="Answers per row, where they vary.", rich_help_panel=_PROMPT)
    ] = 1,
    confidence: Annotated[
        float, typer.Option(help="Of the gate's interval.", rich_help_panel=_PROMPT)
    ] = 0.95,
    equivalence_margin: Annotated[
        float | None,
        typer.Option(
            help="Promote a shorter prompt that is not worse by more than this.", rich_help_panel=_PROMPT
        ),
    ] = None,
    teacher_gold: Annotated[
        bool,
        typer.Option(
            "--teacher-gold",
            help="The teacher answers rows without a verified answer.",
            rich_help_panel=_PROMPT,
        ),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            help="Base model: a name, a folder, a GGUF file or a Hugging Face id.", rich_help_panel=_WEIGHTS
        ),
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="sft (the default), dpo or kto.", rich_help_panel=_WEIGHTS)
    ] = None,
    iterations: Annotated[int | None, typer.Option(help="Optimizer steps.", rich_help_panel=_WEIGHTS)] = None,
    epochs: Annotated[
        float | None, typer.Option(help="Passes over the rows, instead.", rich_help_panel=_WEIGHTS)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Rows of one forward pass.", rich_help_panel=_WEIGHTS)
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate.", rich_help_panel=_WEIGHTS)
    ] = None,
    max_length: Annotated[
        int | None, typer.Option(help="Longest row, in tokens.", rich_help_panel=_WEIGHTS)
    ] = None,
    lora_rank: Annotated[
        int | None, typer.Option(help="Size of the adapter.", rich_help_panel=_WEIGHTS)
    ] = None,
    lora_alpha: Annotated[
        int | None, typer.Option(help="Strength of the adapter.", rich_help_panel=_WEIGHTS)
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="End after so many validations without a better loss.", rich_help_panel=_WEIGHTS),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(help="Data-parallel processes.", rich_help_panel=_WEIGHTS)
    ] = None,
    quantization: Annotated[
        str | None, typer.Option(help="4bit: base weights in 4 bit.", rich_help_panel=_WEIGHTS)
    ] = None,
    include_unverified: Annotated[
        bool,
        typer.Option(
            "--include-unverified",
            help="Also learn answers that nobody rewarded or corrected.",
            rich_help_panel=_WEIGHTS,
        ),
    ] = False,
    export: Annotated[
        list[str] | None,
        typer.Option(
            help="Also write `merged` weights or a `gguf` file; repeatable.", rich_help_panel=_WEIGHTS
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            help="Any other option of a job, as the API names it: loraDropout=0.05; repeatable.",
            rich_help_panel=_WEIGHTS,
        ),
    ] = None,
    state_dir: Annotated[Path | None, typer.Option(help="Folder of datasets, prompts and models.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would take.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Optimize a prompt, or train weights, and prove the gain on rows that were held out.

    Ctrl-C stops at once and keeps the best so far; the same command goes on from there. Exit status 0: done,
    whatever came of it; 1: it failed; 130: interrupted.
    """
    try:
        settings = settings_with(state_dir=state_dir)
        if backend == _NATIVE:
            wanted: dict[str, Any] = {
                "task": task,
                "optimizer": optimizer,
                "baseline": None if baseline is None else baseline.read_text(encoding="utf-8"),
                "metric": metric,
                "rubric": tuple(rubric) if rubric else None,
                "components": tuple(component or ()),
                "effort": effort,
                "max_calls": max_calls,
                "max_tokens": max_tokens,
                "max_cost": max_cost,
                "max_seconds": max_seconds,
                "max_proposals": max_proposals,
                "repeats": repeats,
                "seed": seed,
                "confidence": confidence,
                "equivalence_margin": equivalence_margin,
                "teacher_gold": teacher_gold,
            }
            result = native_cli.optimize(settings, dataset, wanted, dry_run=dry_run)
            show = native_cli.show_estimate if dry_run else native_cli.show_result
        else:
            body = {
                "backend": backend,
                "task": task,
                "maxSeconds": max_seconds,
                "seed": seed,
                "model": model,
                "method": method,
                "iterations": iterations,
                "epochs": epochs,
                "batchSize": batch_size,
                "learningRate": learning_rate,
                "maxLength": max_length,
                "loraRank": lora_rank,
                "loraAlpha": lora_alpha,
                "patience": patience,
                "processes": processes,
                "quantization": quantization,
                "includeUnverified": include_unverified,
                "exports": export,
                **_further(option or []),
            }
            result = finetune_cli.fine_tune(settings, dataset, body, dry_run=dry_run)
            show = finetune_cli.show_estimate if dry_run else finetune_cli.show_result
    except InterruptedTrainingError as interrupted:
        typer.secho(str(interrupted), fg=typer.colors.YELLOW, err=True)
        raise typer.Exit(INTERRUPTED) from None
    except (WhetstoneError, OSError, ValidationError) as error:
        typer.secho(sentence(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        show(result)


def _further(options: list[str]) -> dict[str, Any]:
    """Options given as `name=value`; the value is JSON, or else text. Raises `InvalidInputError`."""
    from whetstone.finetune.spec import FineTuneSpec

    found: dict[str, Any] = {}
    for each in options:
        name, equals, value = each.partition("=")
        if not equals or name not in FineTuneSpec.option_names():
            known = ", ".join(sorted(FineTuneSpec.option_names()))
            raise InvalidInputError(f"--option {each}: give name=value, where the name is one of {known}")
        try:
            found[name] = orjson.loads(value)
        except orjson.JSONDecodeError:
            found[name] = value
    return found
