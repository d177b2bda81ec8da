"""The results as one table on the terminal and as Markdown, and the bars that Whetstone must clear."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.privacy.detectors import DETECTORS
from benchmarks.privacy.sets import CLEAN, UNLABELLED
from rich.console import Console
from rich.table import Table

_COLUMNS = (
    "set",
    "detector",
    "recall",
    "with neutral",
    "≥ half",
    "precision",
    "F2",
    "over-redaction",
    "kB/s",
)
_RECALL = {"secrets": 0.97, "identifiers": 0.97, "agent": 0.95}
_OVER = {"agent": 0.04, "code": 0.005, "banking77": 0.005}
_RULES_SPEED = 200.0
Bar = tuple[str, float, str, bool]
"""What is asked, what was measured, how it is written, and whether it is met."""


def show(results: dict[str, Any]) -> None:
    """Print everything."""
    console = Console(width=150)
    table = Table(*_COLUMNS, title=f"Private data found; {results['machine']}")
    for name, rows in _sections(results):
        for row in rows:
            table.add_row(name, *row)
        table.add_section()
    console.print(table)
    console.print(_kinds(results))
    for text, _value, written, met in bars(results):
        console.print(f"[{'green' if met else 'red'}]{'PASS' if met else 'FAIL'}[/] {text}: {written}")


def markdown(results: dict[str, Any]) -> str:
    """The tables and the bars for the documentation."""
    lines = [
        results["machine"],
        "",
        "| " + " | ".join(_COLUMNS) + " |",
        "|---|---|" + "---:|" * (len(_COLUMNS) - 2),
    ]
    lines += ["| " + " | ".join((name, *row)) + " |" for name, rows in _sections(results) for row in rows]
    lines += ["", "| asked | measured | |", "|---|---|---|"]
    lines += [
        f"| {text} | {written} | {'met' if met else 'not met'} |"
        for text, _value, written, met in bars(results)
    ]
    return "\n".join(lines) + "\n"


def bars(results: dict[str, Any]) -> Iterator[Bar]:
    """What is asked of the filter with names, set by set, as far as it was measured."""
    for name, found in results["sets"].items():
        ours = _ours(found["detectors"])
        if ours is None:
            continue
        if name in _RECALL:
            bar = _RECALL[name]
            yield (
                f"{name}: recall at least {bar}",
                ours["recall"],
                f"{ours['recall']:.3f}",
                ours["recall"] >= bar,
            )
        if name in _OVER:
            value, bar = ours["over-redaction"], _OVER[name]
            yield f"{name}: over-redaction under {bar:.1%}", value, f"{value:.2%}", value < bar
        peers = {key: figures["f2"] for key, figures in found["detectors"].items() if not DETECTORS[key].ours}
        if peers and name not in CLEAN | UNLABELLED:
            best = max(peers, key=lambda key: peers[key])
            text = f"{name}: F2 above every peer"
            yield (
                text,
                ours["f2"],
                f"{ours['f2']:.3f} to {peers[best]:.3f} ({best})",
                ours["f2"] > peers[best],
            )
        if name == "agent" and "rules" in found["detectors"]:
            speed = found["detectors"]["rules"]["kB/s"]
            yield (
                f"rules: at least {_RULES_SPEED:.0f} kB/s a core",
                speed,
                f"{speed:.0f}",
                speed >= _RULES_SPEED,
            )


def _ours(detectors: dict[str, Any]) -> dict[str, Any] | None:
    for key in ("full", "structure", "rules"):
        if key in detectors:
            best: dict[str, Any] = detectors[key]
            return best
    return None


def _sections(results: dict[str, Any]) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    for name, found in results["sets"].items():
        yield name, [_row(name, key, figures) for key, figures in found["detectors"].items()]


def _row(name: str, key: str, figures: dict[str, Any]) -> tuple[str, ...]:
    over, speed = f"{figures['over-redaction']:.2%}", f"{figures['kB/s']:,.0f}"
    if name in CLEAN | UNLABELLED:
        return (DETECTORS[key].name, "", "", "", "", "", over if name in CLEAN else "", speed)
    scores = (
        f"{figures[score]:.3f}"
        for score in ("recall", "recall with neutral kinds", "partial recall", "precision", "f2")
    )
    return (DETECTORS[key].name, *scores, over, speed)


def _kinds(results: dict[str, Any]) -> Table:
    """Recall of the best tier of ours by kind, over all sets."""
    table = Table("kind", *results["sets"], title="Recall of Whetstone's highest tier by kind (spans)")
    ours = {name: _ours(found["detectors"]) for name, found in results["sets"].items()}
    kinds = sorted({kind for figures in ours.values() if figures for kind in figures["kinds"]})
    for kind in kinds:
        cells = []
        for figures in ours.values():
            of_kind = figures["kinds"].get(kind) if figures else None
            cells.append(f"{of_kind['recall']:.2f} ({of_kind['spans']})" if of_kind else "")
        table.add_row(kind, *cells)
    return table
