"""Metrics by name, so that a task (also a user's own) names the one that judges it."""

from __future__ import annotations

from whetstone.errors import InvalidInputError
from whetstone.optimize.metrics.action import action
from whetstone.optimize.metrics.decision import decision, routing
from whetstone.optimize.metrics.text import text
from whetstone.optimize.metrics.types import Metric

_METRICS: dict[str, Metric] = {"decision": decision, "routing": routing, "action": action, "text": text}


def register_metric(name: str, metric: Metric) -> None:
    """Make `metric` known as `name`; raises ValueError for a name that is taken."""
    if name in _METRICS:
        msg = f"a metric named {name!r} is registered already"
        raise ValueError(msg)
    _METRICS[name] = metric


def get_metric(name: str) -> Metric:
    """The metric of that name; raises `InvalidInputError` that lists the known names."""
    try:
        return _METRICS[name]
    except KeyError:
        msg = f"there is no metric named {name!r}; known are {', '.join(metric_names())}"
        raise InvalidInputError(msg) from None


def metric_names() -> list[str]:
    """The registered names, sorted."""
    return sorted(_METRICS)
