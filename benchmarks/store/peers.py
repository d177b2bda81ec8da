"""The peers: Arize Phoenix and MLflow from PyPI, each in a virtual environment of its own, on SQLite.

They are loaded over OTLP with the same requests as Whetstone. Their ingestion is too slow to fill them with a
million calls, so Phoenix is filled up for the read measurements by copying rows inside its own tables.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.store.loadgen import Request
from benchmarks.store.processes import Server, free_port, serving

PACKAGES = {"phoenix": "arize-phoenix", "mlflow": "mlflow"}
_OTLP = (("Content-Type", "application/x-protobuf"), ("Content-Encoding", "gzip"))


def install(name: str, folder: Path) -> Path:
    """The bin folder of the peer's environment; made on first use."""
    environment = folder / f"venv-{name}"
    if not (environment / "installed").exists():
        print(f"installing {PACKAGES[name]} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip = [
            str(environment / "bin" / "python"),
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "-q",
        ]
        subprocess.run([*pip, PACKAGES[name]], check=True)
        (environment / "installed").touch()
    return environment / "bin"


def version(name: str, folder: Path) -> str:
    """The installed version."""
    code = f"from importlib.metadata import version; print(version({PACKAGES[name]!r}))"
    found = subprocess.run(
        [install(name, folder) / "python", "-c", code], check=True, capture_output=True, text=True
    )
    return found.stdout.strip()


@contextmanager
def phoenix(folder: Path) -> Iterator[tuple[Server, Path]]:
    """Phoenix on a database in `folder`; yields the server and its database file."""
    state = folder / "phoenix"
    state.mkdir(exist_ok=True)
    port = free_port()
    environment = {
        "PHOENIX_WORKING_DIR": str(state),
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    command = [str(install("phoenix", folder) / "phoenix"), "serve"]
    url = f"http://127.0.0.1:{port}"
    with serving(command, url, "/healthz", environment, folder / "phoenix.log") as server:
        yield server, state / "phoenix.db"


@contextmanager
def mlflow(folder: Path) -> Iterator[tuple[Server, Path]]:
    """MLflow's tracking server, one worker, its job queue off; yields the server and its database file."""
    state = folder / "mlflow"
    state.mkdir(exist_ok=True)
    database, port = state / "mlflow.db", free_port()
    environment = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PATH": f"{install('mlflow', folder)}:/usr/bin:/bin",
    }
    command = [
        str(install("mlflow", folder) / "mlflow"), "server", "--workers", "1", "--port", str(port),
        "--backend-store-uri", f"sqlite:///{database}", "--artifacts-destination", str(state / "artifacts"),
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with serving(command, url, "/health", environment, folder / "mlflow.log") as server:
        yield server, database


def otlp_request(name: str, body: bytes, spans: int) -> Request:
    """The export request as this peer takes it."""
    extra = (("x-mlflow-experiment-id", "0"),) if name == "mlflow" else ()
    return Request("/v1/traces", body, spans, (*_OTLP, *extra))


def stored_spans(database: Path) -> int:
    """Rows that another connection sees."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as connection:
        count: int = connection.execute("SELECT count(*) FROM spans").fetchone()[0]
        return count


def await_spans(database: Path, wanted: int, patience: float = 900) -> None:
    """Return when `wanted` spans are stored; RuntimeError when they do not come."""
    started = time.perf_counter()
    while stored_spans(database) < wanted:
        if time.perf_counter() - started > patience:
            raise RuntimeError(f"only {stored_spans(database)} of {wanted} spans were stored")
        time.sleep(0.1)


def fill_phoenix(database: Path, spans: int) -> int:
    """Copy Phoenix's own rows until it has about `spans`; the number it has then. The server must be stopped."""
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        traces, traces_top = connection.execute("SELECT count(*), max(id) FROM traces").fetchone()
        count, top = connection.execute("SELECT count(*), max(id) FROM spans").fetchone()
        copies = -(-spans // count) - 1
        for copy in range(1, copies + 1):
            # Each copy lies a while later, so that lists by time show all copies.
            shift = f"+{copy * traces * 40} seconds"
            moment = f"strftime('%Y-%m-%d %H:%M:%f', {{}}, '{shift}') || '000'"
            connection.execute(
                "INSERT INTO traces (id, project_rowid, trace_id, start_time, end_time, project_session_rowid) "  # noqa: S608
                f"SELECT id + {copy * traces_top}, project_rowid, substr(trace_id, 1, 24) || printf('%08x', {copy}), "
                f"{moment.format('start_time')}, {moment.format('end_time')}, project_session_rowid "
                f"FROM traces WHERE id <= {traces_top}"
            )
            names = [row[1] for row in connection.execute("PRAGMA table_info(spans)")]
            changed = {
                "id": f"id + {copy * top}",
                "trace_rowid": f"trace_rowid + {copy * traces_top}",
                "span_id": f"span_id || '-{copy}'",
                "parent_id": f"parent_id || '-{copy}'",
                "start_time": moment.format("start_time"),
                "end_time": moment.format("end_time"),
            }
            connection.execute(
                f"INSERT INTO spans ({', '.join(names)}) "  # noqa: S608
                f"SELECT {', '.join(changed.get(name, name) for name in names)} FROM spans WHERE id <= {top}"
            )
            connection.commit()
        connection.execute("ANALYZE")
        connection.commit()
    return stored_spans(database)
