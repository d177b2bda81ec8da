"""Metrics: how good an answer is, 0..1, with words that say why.

`get_metric(name)(expected, given)` → `Score`. Known names: `decision` (the action of a routing answer),
`routing` (the action and the contexts), `action` (tool or action call with its arguments), `json` (the fields of a
JSON answer), `exact` (the label of a classification), `text` (similarity of free text in any script). A judging
model (`judge`) is no function but a `Scorer`, which is what the evaluator asks; `MetricScorer` makes one of a metric.
"""

from __future__ import annotations

from whetstone.optimize.metrics.registry import get_metric, metric_names, register_metric
from whetstone.optimize.metrics.types import Answer, Metric, MetricError, Score

__all__ = ["Answer", "Metric", "MetricError", "Score", "get_metric", "metric_names", "register_metric"]
