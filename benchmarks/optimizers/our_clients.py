"""The models that our engine asks: scripted ones in its own process, or the product's client over the loopback interface."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.optimizers.child import Job
from benchmarks.optimizers.tasks import Messages, Models

from whetstone.lm.client import LMClient
from whetstone.lm.types import ChatRequest, ChatResponse, Completer, Usage, content_text
from whetstone.settings import Settings

_ROOT = Path(__file__).resolve().parents[2]


class ScriptedClient:
    """A completer over one of the scripted models."""

    def __init__(self, model: str, ask: Callable[[Messages], Awaitable[str]]) -> None:
        self.model = model
        self._ask = ask

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """The scripted answer."""
        started = time.perf_counter()
        text = await self._ask(plain(request))
        latency = int((time.perf_counter() - started) * 1000)
        return ChatResponse(text, (), Usage(0, 0), "stop", self.model, latency)


@dataclass(frozen=True, slots=True)
class Clients:
    """The task model and the reflection model; `counts` tells what a process of their own was asked."""

    task: Completer
    reflection: Completer
    counts: Callable[[], dict[str, Any]] | None = None


def plain(request: ChatRequest) -> list[dict[str, str]]:
    """A request's messages as the scripted models read them."""
    return [{"role": each["role"], "content": content_text(each["content"])} for each in request.messages]


@asynccontextmanager
async def clients(models: Models, job: Job, folder: Path) -> AsyncIterator[Clients]:
    """The clients of a job."""
    if not job.http:
        yield Clients(
            ScriptedClient("task", models.answer_async), ScriptedClient("reflection", models.write_async)
        )
        return
    command = [sys.executable, "-m", "benchmarks.optimizers.loopback", json.dumps(asdict(job))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=_ROOT) as server:  # noqa: ASYNC220 - before the clock runs
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        try:
            settings = Settings(_env_file=None, state_dir=folder / "state").model_copy(
                update={
                    "lm_provider": "openai",
                    "lm_base_url": f"{url}/v1",
                    "lm_model": "task",
                    "reflection_lm_model": "reflection",
                    "lm_concurrency": job.width,
                }
            )
            async with (
                LMClient.from_settings(settings) as task,
                LMClient.from_settings(settings, role="reflection") as reflection,
            ):
                yield Clients(task, reflection, lambda: _counts(url))
        finally:
            server.terminate()


def _counts(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/counts", timeout=10) as response:  # noqa: S310 - our own server
        found: dict[str, Any] = json.load(response)
    return found
