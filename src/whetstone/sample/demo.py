"""`whetstone demo`: the whole loop once, on real parts, with its progress on screen.

The sample agent works on the embedded model and its calls reach a service over HTTP; the service filters, builds a
dataset, optimizes the agent's prompt and proves the gain. All figures shown come from the service's answers.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path
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

from whetstone.client import WhetstoneClient
from whetstone.lm.client import LMClient
from whetstone.lm.errors import LMError
from whetstone.lm.local import LocalModel
from whetstone.sample.agent import AGENT_ID, SampleAgent
from whetstone.sample.messages import Message, load_messages
from whetstone.sample.report import Outcome, print_collection, print_dataset, print_outcome
from whetstone.sample.service import ServiceDidNotStartError, free_port, running_service
from whetstone.settings import Settings

TASK = "should_respond"
_SCENARIO = "sample-support"
# The order of the messages is shuffled so that any first part of them holds all kinds; always alike, so that a
# second run finds its LM calls in the cache.
_SHUFFLE_SEED = 1


def run_demo(settings: Settings, *, seconds: float, keep: bool, state_dir: Path | None) -> int:
    """Run the demo; returns the exit status. `seconds` bounds the sample agent's work."""
    console = Console()
    if settings.trajectory_logging_forced_off:
        console.print(
            "Trajectory logging is switched off by NODE_ENV=test or ELIZA_DISABLE_TRAJECTORY_LOGGING: unset it."
        )
        return 1
    folder = state_dir.absolute() if state_dir else Path(tempfile.mkdtemp(prefix="whetstone-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    demo_settings = settings.model_copy(
        update={
            "state_dir": folder,
            "database_url": None,
            "host": "127.0.0.1",
            "port": free_port(),
            "lm_cache_path": settings.lm_cache_path or settings.user_cache_dir / "demo-lm-cache.db",
        }
    )
    try:
        return _run(console, demo_settings, seconds=seconds, keep=keep)
    except (ServiceDidNotStartError, LMError) as error:
        console.print(f"[red]{error}[/red]", highlight=False)
        return 1
    finally:
        asyncio.run(LocalModel(demo_settings).stop())


def _run(console: Console, settings: Settings, *, seconds: float, keep: bool) -> int:
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

        console.rule("[bold]3 · The prompt is optimized, and the gain is tested")
        job = _optimize(console, client, dataset["id"])

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
        print_outcome(console, outcome, kept_pid=pid if keep else None)
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

            await asyncio.gather(*(worker() for _ in range(settings.local_lm_parallel)))
    return handled


async def _handle(agent: SampleAgent, client: WhetstoneClient, message: Message) -> None:
    recorder = client.recorder(
        AGENT_ID,
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


def _optimize(console: Console, client: WhetstoneClient, dataset_id: str) -> dict[str, Any]:
    """Run the optimization job, following its events; returns the finished job's record."""
    job = client.start_job(
        datasetId=dataset_id, backend="native", optimizer="bootstrap-fewshot", task=TASK, maxSeconds=300
    )
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("waiting", total=1.0)
        for event in client.events(job["id"]):
            payload = event["payload"]
            if payload["kind"] == "job_log":
                progress.console.print(f"  {payload['message']}", highlight=False, style="dim")
            progress.update(bar, completed=payload.get("progress"), description=payload["message"][:80])
            if payload["kind"] in {"job_completed", "job_failed", "job_cancelled"}:
                break
    return client.job(job["id"])
