"""Making a `Score` of what a user's metric gives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from whetstone.optimize.metrics.types import MetricError, Score

_KEYS = frozenset({"score", "feedback", "objectives", "parsed"})


def as_score(metric: str, result: Any) -> Score:
    """A `Score`, a number, or a mapping with `score` and perhaps `feedback`, `objectives` and `parsed`, as a score.

    Raises `MetricError` for anything else, and for a value or objective that is not a number from 0 to 1.
    """
    if isinstance(result, Score):
        score = result
    elif isinstance(result, Mapping):
        score = _from_mapping(metric, result)
    else:
        score = Score(_share(metric, "score", result), "")
    if (
        type(score.value) is float
        and 0.0 <= score.value <= 1.0
        and not score.objectives
        and type(score.feedback) is str
    ):
        return score
    if not isinstance(score.objectives, Mapping):
        raise MetricError(metric, "its objectives are not a mapping of names to numbers")
    objectives = {
        str(name): _share(metric, f"objective {name}", each) for name, each in score.objectives.items()
    }
    feedback: Any = score.feedback  # of a user's own making, whatever its declared type
    text = "" if feedback is None else str(feedback)
    return Score(_share(metric, "score", score.value), text, bool(score.parsed), objectives)


def _from_mapping(metric: str, result: Mapping[Any, Any]) -> Score:
    unknown = [str(key) for key in result if key not in _KEYS]
    if unknown or "score" not in result:
        what = f"the unknown key {unknown[0][:40]!r}" if unknown else "no key 'score'"
        raise MetricError(
            metric, f"its result has {what}; allowed are score, feedback, objectives and parsed"
        )
    objectives = result.get("objectives") or {}
    return Score(result["score"], result.get("feedback") or "", result.get("parsed") is not False, objectives)


def _share(metric: str, what: str, value: Any) -> float:
    """`value` as a number from 0 to 1."""
    if isinstance(value, str | bytes) or not hasattr(value, "__float__"):
        raise MetricError(metric, f"its {what} is no number but {type(value).__name__}")
    try:
        number = float(value)
    except Exception as error:
        raise MetricError(metric, f"its {what} is no number: {error}") from error
    if not math.isfinite(number) or not 0 <= number <= 1:
        raise MetricError(metric, f"its {what} is {number}, not a number from 0 to 1")
    return number
