"""What the demo prints: tables made from the service's answers."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from whetstone.client import WhetstoneClient

_SEARCH_WORD = "refund"


@dataclass(frozen=True)
class Outcome:
    """Everything that the closing table is made of: records as the service gave them."""

    url: str
    token: str | None
    folder: Path
    stats: dict[str, Any]
    dataset: dict[str, Any]
    job: dict[str, Any]
    seconds: float


def print_collection(console: Console, client: WhetstoneClient, handled: int) -> None:
    """The newest trajectories, and a search through all of them."""
    page = client.trajectories(limit=5)
    console.print(f"Newest of {page['total']} trajectories ({handled} messages handled)", highlight=False)
    table = Table()
    for column in ("trajectory", "status"):
        table.add_column(column, overflow="fold")
    for column in ("LLM calls", "tokens", "ms"):
        table.add_column(column, justify="right")
    for each in page["trajectories"]:
        tokens = each["totalPromptTokens"] + each["totalCompletionTokens"]
        table.add_row(
            each["id"], each["status"], str(each["llmCallCount"]), str(tokens), str(each["durationMs"])
        )
    console.print(table)
    found = client.trajectories(search=_SEARCH_WORD, limit=1)
    console.print(f'Search for "{_SEARCH_WORD}": {found["total"]} trajectories', highlight=False)


def print_dataset(console: Console, dataset: dict[str, Any]) -> None:
    """Rows per task and side, what stayed out, and what the privacy filter removed."""
    console.print(f"Dataset {dataset['id']}: {dataset['sampleCount']} rows", highlight=False)
    rows = Table()
    rows.add_column("task")
    for column in ("train", "validation", "test"):
        rows.add_column(column, justify="right")
    for task, sides in dataset["split"]["counts"].items():
        rows.add_row(task, *(str(sides[side]["rows"]) for side in ("train", "validation", "test")))
    console.print(rows)
    for what, reasons in dataset["excluded"].items():
        if reasons:
            listed = ", ".join(f"{reason} {count}" for reason, count in reasons.items())
            console.print(f"Left out, {what}: {listed}", highlight=False)
    privacy = dataset["privacy"]
    console.print(f"Privacy filter: {privacy['redactionCount']} redactions", highlight=False)
    removed = Table()
    removed.add_column("kind")
    removed.add_column("removed", justify="right")
    for kind, count in privacy["byKind"].items():
        removed.add_row(kind, str(count))
    console.print(removed)


def print_outcome(console: Console, outcome: Outcome, *, kept_pid: int | None) -> None:
    """The closing table of an optimized prompt."""
    print_closing(console, outcome, _lines(outcome), _paths(outcome), _by_hand(outcome), kept_pid=kept_pid)


def print_closing(
    console: Console,
    outcome: Outcome,
    lines: Iterable[tuple[str, str]],
    paths: Iterable[tuple[str, object]],
    by_hand: str,
    *,
    kept_pid: int | None,
) -> None:
    """A table, where the files are, and the curl commands that do the same by hand."""
    table = Table(show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(name, value)
    console.print(table)
    # Whole lines, however narrow the terminal: paths and commands are there to be copied.
    for name, path in paths:
        console.print(f"{name:<16}{path}", highlight=False, markup=False, soft_wrap=True)
    if kept_pid is not None:
        introduction = f"The service goes on at {outcome.url} (stop it with: kill {kept_pid}). By hand:"
    else:
        introduction = f"The service has stopped. Start it again on these files, and go on by hand:\n  {_serve_command(outcome)}"
    console.print(f"\n{introduction}\n{by_hand}", highlight=False, markup=False, soft_wrap=True)


def _lines(outcome: Outcome) -> list[tuple[str, str]]:
    stats, dataset, job = outcome.stats, outcome.dataset, outcome.job
    lines = [
        ("agent's LLM calls", str(stats["totalLlmCalls"])),
        (
            "agent's tokens",
            f"{stats['totalPromptTokens']} prompt, {stats['totalCompletionTokens']} completion",
        ),
        ("dataset rows", str(dataset["sampleCount"])),
        ("redactions", str(dataset["privacy"]["redactionCount"])),
    ]
    result = job["result"]
    if job["status"] != "completed" or not result:
        return [*lines, ("job", f"{job['status']}: {job['error']}")]
    low, high = result["interval"]
    spent = result["budget"]["spent"].values()
    calls, hits = sum(each["calls"] for each in spent), sum(each["cacheHits"] for each in spent)
    tokens = sum(each["promptTokens"] + each["completionTokens"] for each in spent)
    return [
        *lines,
        ("optimizer's LM calls", f"{calls} ({hits} answered from the cache), {tokens} tokens"),
        ("candidates tried", str(result["candidatesTried"])),
        ("score before → after", _scores(result)),
        (
            f"difference on {result['rows']} {result['evaluatedOn']} rows",
            f"{result['delta']:+.2f}, {result['confidence']:.0%} interval {low:+.2f} … {high:+.2f}",
        ),
        ("decision", result["explanation"]),
        ("seconds", f"{outcome.seconds:.0f}"),
    ]


def _scores(result: dict[str, Any]) -> str:
    if result["score"] is None:
        return "not tried on the test rows"
    return f"{result['baselineScore']:.2f} → {result['score']:.2f} ({result['metric']})"


def _paths(outcome: Outcome) -> list[tuple[str, str]]:
    result = outcome.job["result"]
    return [
        *([("artifact", result["artifactPath"])] if result else []),
        ("dataset files", str(Path(outcome.dataset["jsonlPath"]).parent)),
        ("job's files", outcome.job["outputDir"]),
        ("everything", str(outcome.folder)),
    ]


def _serve_command(outcome: Outcome) -> str:
    command = Path(sys.executable).parent / "whetstone"
    return f"{command} serve --port {outcome.url.rpartition(':')[2]} --state-dir {shlex.quote(str(outcome.folder))}"


def _by_hand(outcome: Outcome) -> str:
    url = outcome.url
    header = '-H "Authorization: Bearer $ELIZA_API_TOKEN" ' if outcome.token else ""
    post = f"curl -X POST {header}-H 'Content-Type: application/json'"
    task = outcome.job["result"]["task"] if outcome.job["result"] else "should_respond"
    return "\n".join(
        (
            f"  curl {header}'{url}/api/trajectories?limit=5&search={_SEARCH_WORD}'",
            f"""  {post} {url}/api/training/datasets/build -d '{{"limit": 1000}}'""",
            (
                f"  {post} {url}/api/training/jobs "
                f"""-d '{{"datasetId": "{outcome.dataset["id"]}", "backend": "native", "task": "{task}"}}'"""
            ),
            f"  curl {header}{url}/api/training/jobs/{outcome.job['id']}",
            f"  curl -N {header}{url}/api/training/events",
        )
    )
