"""`whetstone train --backend cpu|cuda|mlx`: one weight training, in a worker like the service's."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import typer

from whetstone.cli_training import Bar, InterruptedTrainingError, find_dataset, job_place, progress_bar
from whetstone.errors import ConflictError, UnavailableError

if TYPE_CHECKING:
    from whetstone.jobs.jobfile import JobFile
    from whetstone.settings import Settings

_POLL_SECONDS = 0.15
_GRACE_SECONDS = 3.0


def fine_tune(settings: Settings, dataset: str, body: Mapping[str, Any], *, dry_run: bool) -> dict[str, Any]:
    """The result of the job, or what it would take. `body` has the keys of a request to the service."""
    from whetstone.jobs.backends import BACKENDS, find_backend

    backend = find_backend(body["backend"], BACKENDS, settings)
    options = backend.options(body)
    if backend.check is not None:
        backend.check(options, settings)
    dataset_id, path = find_dataset(settings, dataset)
    if dry_run:
        from whetstone.jobs.finetune_backend import estimate_finetuning

        return asyncio.run(estimate_finetuning(options, dataset_id, path, settings))
    order = _order(settings, options, dataset_id, path)
    if (finished := _finished(order)) is not None:
        return finished
    _refuse_to_replace(settings, order)
    with progress_bar() as bar:
        final = asyncio.run(_Run(order, settings, Bar(bar)).through())
    if final.get("kind") == "job_completed":
        result = _result(order)
        asyncio.run(_register(settings, order, result))
        return result
    message = str(final.get("message"))
    if final.get("kind") == "job_cancelled":
        raise InterruptedTrainingError(f"{message}. The same command goes on from there.")
    raise UnavailableError(message)


def _order(settings: Settings, options: dict[str, Any], dataset_id: str, path: Path) -> JobFile:
    """The job, in a folder that the same command finds again."""
    from whetstone.jobs.backends import BACKENDS
    from whetstone.jobs.jobfile import JobFile, JobFolder

    base = orjson.dumps(
        [options, settings.base_models.get(options.get("model", ""))], option=orjson.OPT_SORT_KEYS
    )
    job_id, folder = job_place(settings, path, base)
    attempt = 1
    with contextlib.suppress(OSError, orjson.JSONDecodeError, KeyError):
        attempt += orjson.loads(JobFolder(folder).job.read_bytes())["attempt"]
    return JobFile(
        id=job_id,
        attempt=attempt,
        max_attempts=attempt,
        backend=options["backend"],
        entry=BACKENDS[options["backend"]].entry,
        options=options,
        dataset_id=dataset_id,
        dataset_dir=path,
        job_dir=folder,
        trains_weights=True,
    )


def _finished(order: JobFile) -> dict[str, Any] | None:
    """The result of the same command's earlier run, while its model is still there."""
    try:
        result = _result(order)
    except (OSError, orjson.JSONDecodeError):
        return None
    return result if Path(result.get("outputDir", "")).is_dir() else None


def _refuse_to_replace(settings: Settings, order: JobFile) -> None:
    """Raise `ConflictError` when a model of this job is there, but the job that made it is not: another training would
    not be what the model's files hold.
    """
    from whetstone.finetune.run import model_id
    from whetstone.jobs.jobfile import JobFolder

    if JobFolder(order.job_dir).job.exists():
        return
    model = settings.training_dir / "models" / model_id(order.id)
    if model.exists():
        raise ConflictError(
            f"This command has made the model {model}, but the folder of its job is gone; move the model away or "
            "delete it to train another one"
        )


def _result(order: JobFile) -> dict[str, Any]:
    from whetstone.jobs.jobfile import JobFolder

    content: dict[str, Any] = orjson.loads(JobFolder(order.job_dir).result.read_bytes())
    return content


class _Run:
    """One attempt, followed to its end."""

    def __init__(self, order: JobFile, settings: Settings, bar: Bar) -> None:
        from whetstone.jobs.jobfile import JobFolder

        self._order = order
        self._folder = JobFolder(order.job_dir)
        self._settings = settings
        self._bar = bar
        self._stop = asyncio.Event()
        self._final: Mapping[str, Any] | None = None
        self._offset = 0

    async def through(self) -> Mapping[str, Any]:
        """The event that ended it. Ctrl-C, `kill` and a closed terminal end it and keep the best so far."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop.set)
        worker = await self._worker()
        kill_at: float | None = None
        while (ended := await worker.poll()) is None:
            await asyncio.to_thread(self._read)
            if kill_at is None and self._stop.is_set():
                self._folder.cancel.touch()
                await worker.terminate()
            if kill_at is None and (self._stop.is_set() or self._final is not None):
                kill_at = time.monotonic() + _GRACE_SECONDS
            if kill_at is not None and time.monotonic() > kill_at:
                await worker.kill()
            await asyncio.sleep(_POLL_SECONDS)
        await worker.kill()  # what it left behind
        self._read()
        if self._final is not None:
            return self._final
        if self._stop.is_set():
            return _cancelled(self._order.job_dir)
        how = f"by {ended.signal}" if ended.signal else f"with exit status {ended.code}"
        return {"message": f"The training ended {how}; the same command goes on from its last checkpoint"}

    async def _worker(self) -> Any:
        """A new worker; or that of the same command, whose terminal is gone. What earlier ones wrote is passed over."""
        from whetstone.jobs.finetune_backend import finetuning_environment
        from whetstone.jobs.jobfile import JobFile
        from whetstone.jobs.launchers.local import LocalLauncher

        launcher = LocalLauncher(self._settings)
        self._order.job_dir.mkdir(parents=True, exist_ok=True)
        found = launcher.attach(self._order.job_dir, None)
        if found is not None and await found.poll() is None:
            self._offset = JobFile.read(self._order.job_dir).events_offset
            return found
        with contextlib.suppress(OSError):
            self._offset = self._folder.events.stat().st_size
        self._folder.cancel.unlink(missing_ok=True)
        replace(self._order, events_offset=self._offset).write()
        return await launcher.launch(self._order.job_dir, finetuning_environment(self._settings))

    def _read(self) -> None:
        from whetstone.jobs.tail import read_lines

        more = self._final is None
        while more:
            reading = read_lines(self._folder.events, self._offset)
            self._offset, self._final, more = reading.offset, reading.final, reading.more
            for line in reading.lines:
                self._show(line)

    def _show(self, line: Mapping[str, Any]) -> None:
        if line["kind"] == "job_log":
            self._bar.log(line["message"])
        elif line["kind"] == "job_progress":
            self._bar.progress(line.get("progress", 0.0), line.get("phase", ""), line["message"])


def _cancelled(job_dir: Path) -> dict[str, Any]:
    from whetstone.jobs.best_so_far import best_so_far, cancelled_sentence
    from whetstone.jobs.jobfile import JobFolder

    return {"kind": "job_cancelled", "message": cancelled_sentence(best_so_far(JobFolder(job_dir)))}


async def _register(settings: Settings, order: JobFile, result: dict[str, Any]) -> None:
    """Let the service list the model too; without its database the files are all there is."""
    from whetstone.db import Database
    from whetstone.jobs.outcome import model_columns
    from whetstone.registry.store import ModelStore

    job = {"id": order.id, "backend": order.backend, "dataset_id": order.dataset_id, "result": result}
    columns = {"model_id": None, "model_path": None, "adapter_path": None, **model_columns(result)}
    database = Database(settings.sqlalchemy_url())
    try:
        await database.open()
        async with database.write() as connection:
            await ModelStore.add(connection, {**job, **columns})
    except ConflictError:
        return  # listed already
    except Exception as error:  # whatever is wrong with the database, the model is there
        typer.secho(f"The service will not list the model: {error}", fg=typer.colors.YELLOW, err=True)
    finally:
        await database.close()


def show_estimate(estimate: dict[str, Any]) -> None:
    """Print what a job would take."""
    rows, seconds = estimate["rows"], estimate.get("seconds")
    typer.echo(
        f"{estimate['method']} of {estimate['model']} on {estimate['backend']}\n"
        f"  rows    {rows['train']} train, {rows['validation']} validation, {rows['test']} test\n"
        f"  steps   {estimate['steps']} ({estimate['epochs']:g} epochs of {estimate['stepsPerEpoch']})\n"
        f"  tokens  {estimate['tokensToTrain']:,}, padding efficiency {estimate['paddingEfficiency']:.0%}\n"
        f"  memory  about {estimate['memoryBytes'] / 2**30:.1f} GiB\n"
        f"  time    {'known only by running' if seconds is None else f'about {seconds} s'}"
    )
    for note in estimate["notes"]:
        typer.echo(f"  note    {note}")


def show_result(result: dict[str, Any]) -> None:
    """Print what a job made."""
    proof = result["proof"]
    colour = typer.colors.GREEN if proof["decision"] == "promoted" else None
    typer.secho(result["message"], fg=colour, bold=True)
    for name, value in result_lines(result):
        typer.echo(f"  {name:<16}{value}")


def result_lines(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a finished job shows of itself: names and values."""
    return [*_scores(result), ("steps", f"{result['steps']} in {result['seconds']:.0f} s"), *_files(result)]


def _scores(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    losses, proof = result["validationLoss"], result["proof"]
    lines = []
    if losses["base"] is not None and losses["tuned"] is not None:
        lines.append(("validation loss", f"{losses['base']:.4f} -> {losses['tuned']:.4f}"))
    if proof["baseScore"] is not None:
        lines.append(("test score", f"{proof['baseScore']:.3f} -> {proof['tunedScore']:.3f}"))
    if proof["interval"] is not None:
        low, high = proof["interval"]
        between = f"{100 * proof['confidence']:g} % interval {low:+.3f}..{high:+.3f}"
        lines.append(("difference", f"{proof['delta']:+.3f} on {proof['rows']} rows, {between}"))
    return lines


def _files(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [("model", result["outputDir"]), *((name, path) for name, path in result["files"].items())]
