"""`whetstone demo`: the whole loop once, on real parts, with its progress on screen.

The sample agent works on the embedded model and its calls reach a service over HTTP; the service filters, builds a
dataset, optimizes the agent's prompt and proves the gain. All figures shown come from the service's answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from whetstone.client import WhetstoneClient, WhetstoneClientError
from whetstone.lm.client import LMClient
from whetstone.lm.errors import LMError
from whetstone.lm.local import LocalModel
from whetstone.sample.agent import AGENT_ID, SampleAgent
from whetstone.sample.finetuning import finetune_order, print_training, what_is_missing
from whetstone.sample.messages import Message, load_messages
from whetstone.sample.report import Outcome, print_collection, print_dataset, print_outcome
from whetstone.sample.service import ServiceDidNotStartError, free_port, running_service
from whetstone.settings import Settings

TASK = "should_respond"
_SCENARIO = "sample-support"
# The order of the messages is shuffled so that any first part of them holds all kinds; always alike, so that a
# second run finds its LM calls in the cache.
_SHUFFLE_SEED = 1
_FINISHED_KINDS = frozenset({"job_completed", "job_failed", "job_cancelled"})
_CANCEL_SECONDS = 15
_MESSAGES_A_LINE = 20
_SECONDS_A_LINE = 10
_INTERRUPTED = 130  # the shell's exit status for Ctrl-C


def run_demo(
    settings: Settings, *, seconds: float, keep: bool, state_dir: Path | None, finetune: bool = False
) -> int:
    """Run the demo; returns the exit status. `seconds` bounds the sample agent's work; with `finetune` the model's
    weights are trained instead of its prompt.
    """
    console = Console()
    if settings.trajectory_logging_forced_off:
        console.print(
            "Trajectory logging is switched off by NODE_ENV=test or ELIZA_DISABLE_TRAJECTORY_LOGGING: unset it."
        )
        return 1
    if finetune and (missing := what_is_missing(settings)) is not None:
        console.print(missing, style="red", highlight=False, markup=False)
        return 1
    try:
        folder = _folder(state_dir)
    except OSError as error:
        console.print(f"The folder cannot be used: {error}. Choose another with --state-dir", style="red")
        return 1
    demo_settings = settings.model_copy(
        update={
            "state_dir": folder,
            "database_url": None,
            "host": "127.0.0.1",
            "port": free_port(),
            "lm_cache_path": settings.lm_cache_path or settings.user_cache_dir / "demo-lm-cache.db",
        }
    )
    # A closed terminal and `kill` clean up as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        return _run(console, demo_settings, seconds=seconds, keep=keep, finetune=finetune)
    except (ServiceDidNotStartError, LMError, WhetstoneClientError) as error:
        console.print(str(error), style="red", highlight=False, markup=False)
        return 1
    except KeyboardInterrupt:
        console.print(
            f"Stopped; nothing runs on. Files: {folder}. What the model answered is kept: "
            "a second run is faster.",
            highlight=False,
        )
        return _INTERRUPTED
    finally:
        asyncio.run(LocalModel(demo_settings).stop())


def _folder(wanted: Path | None) -> Path:
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="whetstone-demo-"))
    folder = wanted.expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _run(console: Console, settings: Settings, *, seconds: float, keep: bool, finetune: bool) -> int:
    started = time.monotonic()
    token = settings.api_token.get_secret_value() if settings.api_token else None
    console.rule("[bold]1 · The sample agent works, and is recorded")
    with (
        running_service(settings, settings.state_dir / "service.log", keep=keep) as (url, pid),
        WhetstoneClient(url, token) as client,
    ):
        console.print(f"Service: {url}   Files: {settings.state_dir}", highlight=False)
        handled = asyncio.run(_work(console, settings, client, seconds))
        print_collection(console, client, handled)

        console.rule("[bold]2 · Private data out, a dataset built")
        dataset = _build_dataset(client)
        print_dataset(console, dataset)

        doing = "model is trained" if finetune else "prompt is optimized"
        console.rule(f"[bold]3 · The {doing}, and the gain is tested")
        job = _work_out(console, client, finetune_order(dataset["id"]) if finetune else _order(dataset["id"]))

        console.rule("[bold]4 · What came of it")
        outcome = Outcome(
            url=url,
            token=token,
            folder=settings.state_dir,
            stats=client.stats(),
            dataset=dataset,
            job=job,
            seconds=time.monotonic() - started,
        )
        (print_training if finetune else print_outcome)(console, outcome, kept_pid=pid if keep else None)
    return 0 if job["status"] == "completed" else 1


async def _work(console: Console, settings: Settings, client: WhetstoneClient, seconds: float) -> int:
    """Let the agent handle messages until they or the time run out; returns how many it handled."""
    messages = load_messages()
    random.Random(_SHUFFLE_SEED).shuffle(messages)
    deadline = time.monotonic() + seconds
    queue = iter(messages)
    handled = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with LMClient.from_settings(settings) as model:
        agent = SampleAgent(model)
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task("Messages handled", total=len(messages))

            async def worker() -> None:
                nonlocal handled
                for message in queue:
                    if time.monotonic() > deadline:
                        return
                    await _handle(agent, client, message)
                    handled += 1
                    progress.advance(bar)
                    # A bar is drawn on terminals only.
                    if not console.is_terminal and handled % _MESSAGES_A_LINE == 0:
                        console.print(f"  {handled} of {len(messages)} messages handled", highlight=False)

            await asyncio.gather(*(worker() for _ in range(settings.local_lm_parallel)))
    return handled


async def _handle(agent: SampleAgent, client: WhetstoneClient, message: Message) -> None:
    recorder = client.recorder(
        AGENT_ID,
        id=f"{_SCENARIO}-{message.id}",  # always alike, so that a second run finds the same rows and cached answers
        source="chat",
        scenarioId=_SCENARIO,
        metadata={"roomId": "plant-shop", "messageId": message.id},
    )
    with recorder:
        corrections = await agent.handle(message, recorder)
    client.annotate(recorder.id, corrections=corrections)


def _build_dataset(client: WhetstoneClient) -> dict[str, Any]:
    dataset = client.build_dataset(limit=1000, minLlmCallsPerTrajectory=1)
    while dataset["status"] == "building":
        time.sleep(0.2)
        dataset = client.dataset(dataset["id"])
    return dataset


def _order(dataset_id: str) -> dict[str, Any]:
    return {
        "datasetId": dataset_id,
        "backend": "native",
        "optimizer": "bootstrap-fewshot",
        "task": TASK,
        "maxSeconds": 300,
    }


def _work_out(console: Console, client: WhetstoneClient, order: dict[str, Any]) -> dict[str, Any]:
    """Run the job, following its events; returns the finished job's record."""
    job = client.start_job(**order)
    try:
        _follow(console, client, job["id"])
    except BaseException:
        _cancel(client, job["id"])  # its processes would outlive the service
        raise
    return client.job(job["id"])


def _follow(console: Console, client: WhetstoneClient, job_id: str) -> None:
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    shown, shown_at = "", time.monotonic()
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("waiting", total=1.0)
        for event in client.events(job_id):
            payload = event["payload"]
            message = payload["message"]
            progress.update(bar, completed=payload.get("progress"), description=message[:80])
            is_due = not console.is_terminal and time.monotonic() - shown_at > _SECONDS_A_LINE
            if message != shown and (payload["kind"] == "job_log" or is_due):
                progress.console.print(f"  {message}", highlight=False, markup=False, style="dim")
                shown, shown_at = message, time.monotonic()
            if payload["kind"] in _FINISHED_KINDS:
                return


def _cancel(client: WhetstoneClient, job_id: str) -> None:
    deadline = time.monotonic() + _CANCEL_SECONDS
    with contextlib.suppress(WhetstoneClientError):
        while client.cancel_job(job_id)["completedAt"] is None and time.monotonic() < deadline:
            time.sleep(0.2)
