"""Metrics: how good an answer is, 0..1, with words that say why.

`get_metric(name)(expected, given)` → `Score`. Known names: `decision` (the action of a routing answer),
`routing` (the action and the contexts), `action` (tool or action call with its arguments), `text`
(similarity of free text in any script).
"""

from __future__ import annotations

from whetstone.optimize.metrics.registry import get_metric, metric_names, register_metric
from whetstone.optimize.metrics.types import Answer, Metric, Score

__all__ = ["Answer", "Metric", "Score", "get_metric", "metric_names", "register_metric"]
