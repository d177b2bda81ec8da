"""The gate's verdict as one plain sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whetstone.optimize.gate.decision import GateDecision

_ALMOST_NOTHING = 1e-9


def explain(verdict: GateDecision) -> str:
    """What was decided, on what evidence, and what would settle it if it is open."""
    digits = 2 if abs(verdict.delta) >= 0.01 or abs(verdict.delta) <= _ALMOST_NOTHING else 4
    low, high = (f"{bound + 0.0:+.{digits}f}" for bound in verdict.interval)
    sentence = (
        f"{_outcome(verdict)}: {verdict.delta + 0.0:+.{digits}f} on {counted(verdict.n, verdict.groups)}, "
        f"{100 * verdict.confidence:.3g} % interval {low}..{high}"
    )
    if verdict.decision != "inconclusive":
        return sentence
    if verdict.rows_needed is None or verdict.groups_needed is None:
        return f"{sentence}; no difference to be seen"
    groups = f" in {verdict.groups_needed} groups" if verdict.groups != verdict.n else ""
    more = verdict.rows_needed - verdict.n
    return f"{sentence}; about {verdict.rows_needed} rows{groups} would settle it ({more} more)"


def counted(rows: int, groups: int, kind: str = "test") -> str:
    """`35 test rows in 20 groups`; without the groups where each row is its own."""
    text = f"{rows} {kind} row{'s' if rows != 1 else ''}"
    return text if groups == rows else f"{text} in {groups} group{'s' if groups != 1 else ''}"


def _outcome(verdict: GateDecision) -> str:
    if verdict.decision != "equivalent_shorter" or verdict.tokens is None:
        return "kept" if verdict.decision == "inconclusive" else verdict.decision
    before, after = verdict.tokens
    return (
        f"promoted as shorter ({after} instead of {before} tokens) and not worse by more than "
        f"{verdict.equivalence_margin:g}"
    )
