"""The application as a process: what it loads, how fast it starts, how it stops, and large input."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import orjson
import pytest
from sqlalchemy import update

from api_server import RunningServer, trajectory
from live_service import LiveService
from whetstone.settings import Settings
from whetstone.trajectories.tables import trajectories


def test_importing_the_application_loads_no_training_library() -> None:
    program = (
        "import sys, whetstone.app; "
        "print(sorted({name.partition('.')[0] for name in sys.modules}"
        " & {'torch', 'transformers', 'mlx', 'mlx_lm', 'optuna', 'peft', 'ray', 'xllamacpp', 'dspy'}))"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_process_starts_fast_and_stops_promptly_with_open_streams(settings: Settings) -> None:
    with LiveService(settings):
        pass  # the first start creates the database
    service = LiveService(settings)
    started = time.monotonic()
    with service, ThreadPoolExecutor() as pool:
        assert time.monotonic() - started < 6  # 2 s of its own; the machine may be busy

        def follow() -> int:
            with httpx.stream("GET", f"{service.url}/api/training/events", timeout=20) as response:
                return sum(1 for _ in response.iter_lines())

        streams = [pool.submit(follow) for _ in range(3)]
        time.sleep(0.5)
        stopping = time.monotonic()
        service.stop()
        assert time.monotonic() - stopping < 5
        for stream in streams:
            assert stream.result(5) >= 2
    assert "Traceback" not in service.log.read_text()


def test_readiness_says_when_the_database_is_gone(settings: Settings, server: RunningServer) -> None:
    assert httpx.get(f"{server.url}/readyz").json() == {"status": "ready"}
    server.call(server.services.database.close())
    for file in settings.state_dir.glob("whetstone.db*"):
        file.write_bytes(b"this is not a database" * 1000)
    response = httpx.get(f"{server.url}/readyz")
    assert (response.status_code, response.json()) == (503, {"error": "Database not available"})
    assert httpx.get(f"{server.url}/healthz").status_code == 200


async def test_before_its_start_the_application_is_unavailable(settings: Settings) -> None:
    from whetstone.app import create_app

    transport = httpx.ASGITransport(create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.get("/api/training/status")
        assert (response.status_code, response.json()) == (503, {"error": "Agent runtime not started yet"})
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_log_lines(log_format: str) -> None:
    program = (
        "import logging, structlog; from whetstone.settings import Settings;"
        "from whetstone.api.edge.logs import configure_logging;"
        f"configure_logging(Settings(log_format={log_format!r}, log_level='info'));"
        "log = structlog.get_logger('x'); log.debug('hidden'); log.info('shown', number=5);"
        "logging.getLogger('uvicorn.error').warning('from a library')\n"
        "try:\n    prompt = 'a private' + ' text'\n    1 / 0\nexcept ZeroDivisionError: log.exception('failed')"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = finished.stdout.splitlines()
    assert "hidden" not in finished.stdout
    assert "from a library" in lines[1]
    assert "ZeroDivisionError" in finished.stdout
    assert "a private text" not in finished.stdout
    if log_format == "json":
        assert orjson.loads(lines[0]).items() >= {"event": "shown", "number": 5, "level": "info"}.items()
        assert len(lines) == 3


def test_libraries_print_no_details_of_their_own() -> None:
    program = (
        "import logging, structlog; from whetstone.settings import Settings;"
        "from whetstone.api.edge.logs import configure_logging;"
        "configure_logging(Settings(log_level='debug'));"
        "structlog.get_logger('whetstone.x').debug('our own');"
        "logging.getLogger('aiosqlite').debug('INSERT a private text')"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "our own" in finished.stdout
    assert "private" not in finished.stdout


def test_abandoned_trajectories_time_out_at_start(settings: Settings, server: RunningServer) -> None:
    async def make_old() -> None:
        async with server.services.database.write() as connection:
            await connection.execute(update(trajectories).values(updated_at=1, start_time=1))

    httpx.post(f"{server.url}/api/trajectories", json={"id": "t-1"}).raise_for_status()
    server.call(make_old())
    assert server.call(server.services.trajectories.expire_active()) == 1
    listed = httpx.get(f"{server.url}/api/trajectories", params={"status": "timeout"}).json()
    assert [record["id"] for record in listed["trajectories"]] == ["t-1"]


def test_a_large_batch_does_not_stop_other_answers(server: RunningServer) -> None:
    batch = [trajectory(f"t-{number}", metadata={"text": "x" * 5000}) for number in range(400)]
    with ThreadPoolExecutor() as pool:
        sending = pool.submit(httpx.post, f"{server.url}/api/trajectories", json=batch, timeout=60)
        slowest = 0.0
        while not sending.done():
            asked = time.monotonic()
            assert httpx.get(f"{server.url}/healthz").status_code == 200
            slowest = max(slowest, time.monotonic() - asked)
        assert sending.result().json()["created"] == 400
    assert slowest < 1
