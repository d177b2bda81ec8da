"""The application in process for plain requests, and a real server for streams."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

from whetstone.api.services import Services
from whetstone.app import create_app
from whetstone.jobs.event import draft
from whetstone.settings import Settings


def settings_in(folder: Path) -> Settings:
    """Settings with a state folder of their own, whatever the environment says."""
    return Settings(_env_file=None, state_dir=folder, database_url=None, api_token=None, node_env=None)


@asynccontextmanager
async def client_of(
    settings: Settings, *, peer: str = "127.0.0.1", app: FastAPI | None = None, **options: Any
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a started application with `settings`, calling from the address `peer`."""
    app = app or create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, client=(peer, 50000), raise_app_exceptions=False)
        options.setdefault("base_url", "http://127.0.0.1:2138")
        async with httpx.AsyncClient(transport=transport, **options) as client:
            yield client


class RunningServer:
    """A uvicorn server in a thread of this process."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run)
        self._loop: asyncio.AbstractEventLoop | None = None

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve([self._socket])

        asyncio.run(serve())

    def start(self) -> None:
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert self._thread.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    def call(self, coroutine: Any) -> Any:
        """Run a coroutine on the server's loop and give back its result."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def publish(self, message: str, kind: str = "job_log", **extra: Any) -> str:
        event_id: str = self.call(self.services.events.publish(draft(kind, message, **extra))).event_id
        return event_id

    def stop(self) -> None:
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self.services.closing.set)
        self._server.should_exit = True
        self._thread.join(15)
        assert not self._thread.is_alive()


@contextmanager
def running(settings: Settings) -> Iterator[RunningServer]:
    server = RunningServer(create_app(settings))
    server.start()
    try:
        yield server
    finally:
        server.stop()


def trajectory(identifier: str, **changes: Any) -> dict[str, Any]:
    """A completed trajectory with one call, as an agent sends it."""
    return {
        "id": identifier,
        "agentId": "agent-1",
        "source": "chat",
        "status": "completed",
        "startTime": 1_760_000_000_000,
        "endTime": 1_760_000_001_500,
        "totalReward": 1,
        "steps": [
            {
                "stepId": "step-1",
                "llmCalls": [
                    {
                        "callId": f"{identifier}-call",
                        "purpose": "response",
                        "model": "gpt-x",
                        "systemPrompt": "You are a friendly support agent.",
                        "userPrompt": f"Where is the parcel of order {identifier}?",
                        "response": f"The parcel of order {identifier} arrives tomorrow.",
                        "promptTokens": 40,
                        "completionTokens": 9,
                    }
                ],
                "providerAccesses": [
                    {"providerId": "p-1", "providerName": "ORDERS", "purpose": "context", "data": {"n": 1}}
                ],
            }
        ],
        **changes,
    }
