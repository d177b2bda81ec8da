"""The results as Markdown tables."""

from __future__ import annotations

from typing import Any

_PAIRS = {
    "list page": "list page",
    "cursor page": "cursor page",
    "search: word, common": "search: word, common",
    "search: word, medium": "search: word, medium",
    "search: word, rare": "search: word, rare",
    "search: phrase of common words": "search: phrase",
    "search: selective substring": "search: selective substring",
    "detail": "detail",
    "stats": "stats",
}


def markdown(results: dict[str, Any]) -> str:
    """Tables of ingestion, reads and exports, each with the ratio to the peer."""
    parts = [f"{results['calls']:,} LLM calls; {results['machine']}", "", *_ingestion(results), ""]
    for engine in ("sqlite", "postgresql"):
        if engine in results:
            parts += [*_reads(engine, results), ""]
    if sqlite := results.get("sqlite"):
        parts += _exports(sqlite)
        parts.append(
            f"\nReady after {sqlite['ready seconds']:.2f} s, idle {sqlite['idle megabytes']:.0f} MB, "
            f"on disk {sqlite['database megabytes']:,.0f} MB."
        )
    return "\n".join(parts)


def _ingestion(results: dict[str, Any]) -> list[str]:
    raw = results["raw"]
    lines = [
        "| ingestion, per second | rate | ratio |",
        "|---|---|---|",
        f"| raw SQLite `executemany` | {raw:,.0f} rows | 1 |",
    ]
    for engine in ("sqlite", "postgresql"):
        for kind in ("batches", "singly"):
            if measured := results.get(engine, {}).get(kind):
                rate = measured["calls per second"]
                lines.append(
                    f"| Whetstone, {engine}, REST {kind} | {rate:,.0f} calls | {rate / raw:.2f} of raw |"
                )
    otlp = results.get("otlp", {})
    own = otlp.get("whetstone", 0)
    lines.append(f"| Whetstone, sqlite, OTLP | {own:,.0f} spans | |")
    for name in ("phoenix", "mlflow"):
        if name in otlp:
            version = results["versions"][name]
            lines.append(
                f"| {name} {version}, OTLP | {otlp[name]:,.0f} spans | Whetstone is {own / otlp[name]:.0f} times faster |"
            )
    return lines


def _reads(engine: str, results: dict[str, Any]) -> list[str]:
    peer = results.get("phoenix", {}).get("reads", {}) if engine == "sqlite" else {}
    lines = [f"| read, {engine} | p50 ms | p95 ms | Phoenix p50 ms | ratio |", "|---|---|---|---|---|"]
    for name, found in results[engine].get("reads", {}).items():
        other = peer.get(_PAIRS.get(name, ""))
        compared = f"{other['p50']:,.0f} | {other['p50'] / found['p50']:,.0f}" if other else " | "
        lines.append(f"| {name} | {found['p50']:.1f} | {found['p95']:.1f} | {compared} |")
    return lines


def _exports(sqlite: dict[str, Any]) -> list[str]:
    lines = ["| export | calls per second | MB | memory growth, MB |", "|---|---|---|---|"]
    for name, found in sqlite.items():
        if name.startswith("export "):
            lines.append(
                f"| {name[7:]} | {found['calls_per_second']:,.0f} | {found['megabytes']:,.0f} | "
                f"{found['growth'] / 1e6:.0f} |"
            )
    return lines
