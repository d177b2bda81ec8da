"""Metrics by name, so that a task (also a user's own) and a job's request name the one that scores.

A metric of a user's own is registered (`register_metric`), or comes from an installed package as an entry point in
the group `whetstone.metrics`. A function in a module that happens to be importable is another matter: naming it
runs code, so only `references.load_metric_reference`, which the command line calls, resolves such a name.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import entry_points

import structlog

from whetstone.errors import InvalidInputError
from whetstone.optimize.metrics.action import action
from whetstone.optimize.metrics.decision import decision, routing
from whetstone.optimize.metrics.exact import exact
from whetstone.optimize.metrics.json_fields import json_fields
from whetstone.optimize.metrics.references import unfit
from whetstone.optimize.metrics.text import text
from whetstone.optimize.metrics.types import Metric, UserMetric

ENTRY_POINT_GROUP = "whetstone.metrics"
JUDGE = "judge"
"""The name under which a job asks for a judging model (see `judge.JudgeScorer`), which is no function."""

_log = structlog.get_logger(__name__)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_METRICS: dict[str, Metric] = {
    "decision": decision,
    "routing": routing,
    "action": action,
    "json": json_fields,
    "text": text,
    "exact": exact,
}


def register_metric(name: str, metric: UserMetric) -> None:
    """Make `metric` known as `name`.

    Raises ValueError for a name that is taken, or is more than letters, digits, `_`, `-` and `.`; TypeError for a
    metric that is no plain function of two answers.
    """
    if not _NAME.fullmatch(name):
        msg = f"a metric's name is letters, digits, '_', '-' and '.', not {name!r}"
        raise ValueError(msg)
    if name in _METRICS or name == JUDGE:
        msg = f"a metric named {name!r} is registered already"
        raise ValueError(msg)
    problem = unfit(metric)
    if problem:
        msg = f"the metric {name!r} {problem}"
        raise TypeError(msg)
    _METRICS[name] = metric


def get_metric(name: str) -> Metric:
    """The metric of that name, as it was registered; `MetricScorer` makes a `Score` of what it gives.

    Raises `InvalidInputError` that lists the known names, or says what to do about a name with a colon.
    """
    _load_entry_points()
    if ":" in name:
        raise InvalidInputError(
            f"The metric {name[:100]!r} names a function of a module, which only the command line may load. Start "
            f"the job there, or register the function as an entry point in the group '{ENTRY_POINT_GROUP}'"
        )
    try:
        return _METRICS[name]
    except KeyError:
        raise InvalidInputError(_unknown(name, metric_names())) from None


def metric_names() -> list[str]:
    """The names of the metrics that are functions, sorted."""
    _load_entry_points()
    return sorted(_METRICS)


def check_metric_name(name: str) -> None:
    """Raise `InvalidInputError` unless a job may be scored by `name`: a metric's name, or the judge's."""
    if name == JUDGE:
        return
    try:
        get_metric(name)
    except InvalidInputError:
        if ":" in name:
            raise
        raise InvalidInputError(_unknown(name, sorted([*metric_names(), JUDGE]))) from None


def _unknown(name: str, known: list[str]) -> str:
    return f"there is no metric named {name[:100]!r}; known are {', '.join(known)}"


@cache
def _load_entry_points() -> None:
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            register_metric(point.name, point.load())
        except Exception:
            # A broken extension must not stop the service; its metric is missing and the log says why.
            _log.exception("metric not loaded", entry_point=point.name)
