"""Which metric scores a job's answers, and what it rewards in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from whetstone.datasets.tasks import get_task
from whetstone.errors import InvalidInputError
from whetstone.lm.types import Completer
from whetstone.optimize.metrics import get_metric
from whetstone.optimize.metrics.judge import JudgeScorer
from whetstone.optimize.metrics.references import is_metric_reference, load_metric_reference
from whetstone.optimize.metrics.registry import JUDGE
from whetstone.optimize.metrics.rubric import FREE_TEXT, Rubric
from whetstone.optimize.metrics.scorer import MetricScorer, Scorer
from whetstone.optimize.spec import NativeSpec

_GOALS = {
    "decision": "The answer must name the right action, in the format that the agent reads.",
    "routing": "The answer must name the right action and the right contexts, in the format that the agent reads.",
    "action": "The answer must call the right actions or tools with exactly the right arguments, and call none where "
    "none is needed.",
    "json": "The answer must be a JSON object with the right value in every field, and nothing else.",
    "exact": "The answer must be exactly the right label.",
    "text": "The answer must say the same as the reference answer, in about its words and length.",
}


def metric_of(spec: NativeSpec, task: str) -> str:
    """Name of the metric: the one that is asked for, else the task's own."""
    return spec.metric or get_task(task).metric


def goal_of(metric: str, spec: NativeSpec) -> str:
    """What the metric rewards, for the model that writes proposals."""
    if metric == JUDGE:
        items = [item.statement for item in _rubric(spec).items]
        return "The answer must satisfy: " + " ".join(items)
    return _GOALS.get(
        metric, "The answer must be as the reference answer; the feedback says what is missing."
    )


def make_scorer(metric: str, spec: NativeSpec, judge: Callable[[], Completer], task_model: str) -> Scorer:
    """The scorer of `metric`, a name or `package.module:function`; the latter must have come from the command line.

    Raises `InvalidInputError` for an unknown one, and for a rubric that nobody would read.
    """
    if metric == JUDGE:
        return JudgeScorer(judge(), _rubric(spec), seed=spec.seed, task_model=task_model)
    if spec.rubric is not None:
        raise InvalidInputError(f"rubric is for the metric '{JUDGE}'; this job is scored by '{metric}'")
    found = load_metric_reference(metric, Path.cwd()) if is_metric_reference(metric) else get_metric(metric)
    return MetricScorer(metric, found)


def _rubric(spec: NativeSpec) -> Rubric:
    return FREE_TEXT if spec.rubric is None else Rubric.of(spec.rubric)
