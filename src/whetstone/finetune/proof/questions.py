"""Held-out rows as questions: what the right answer is, which metric scores, and how long an answer may be."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from whetstone.datasets.tasks import TASKS, get_task
from whetstone.errors import InvalidInputError
from whetstone.finetune.data.material import DEFAULT_TASK
from whetstone.finetune.data.types import Example, Rendered
from whetstone.optimize.gate.wording import counted
from whetstone.optimize.metrics.registry import JUDGE, get_metric
from whetstone.optimize.metrics.scorer import MetricScorer
from whetstone.optimize.rows.examples import MAX_OUTPUT_TOKENS, parse_row
from whetstone.optimize.rows.examples import Example as JudgedRow

SHORT_WORDS, SHORT_CHARACTERS = 5, 60
"""An answer up to this size on one line is a label."""

_ROOM, _EXTRA_TOKENS = 2, 16


@dataclass(frozen=True, slots=True)
class Question:
    """A row that both models answer: at most `max_tokens` tokens, scored by `scorer` against what `row` expects."""

    example: Example
    row: JudgedRow
    scorer: MetricScorer
    max_tokens: int


def questions(examples: Sequence[Example]) -> tuple[list[Question], list[str]]:
    """The rows that can be asked and scored, and sentences about the others."""
    rows: list[tuple[Example, JudgedRow]] = []
    left: Counter[str] = Counter()
    for example in examples:
        reason = _unfit(example)
        if reason is None:
            try:
                rows.append((example, parse_row(example.row)))
            except InvalidInputError as error:
                reason = error.message
        if reason is not None:
            left[reason] += 1
    limits = _limits(example for example, _ in rows)
    own = _own_metric([row.expected_text for example, row in rows if _names_no_task(example)])
    scorers: dict[str, MetricScorer | str] = {}
    found = []
    for example, row in rows:
        metric = _metric(example, row, own)
        if metric not in scorers:
            scorers[metric] = _scorer(metric)
        scorer = scorers[metric]
        if isinstance(scorer, str):
            left[scorer] += 1
        else:
            found.append(Question(example, row, scorer, limits[example.task]))
    return found, [f"{counted(count, count)} not answered: {reason}" for reason, count in left.items()]


def _unfit(example: Example) -> str | None:
    if example.desirable is False:
        return "their answer was marked as a bad one, and no better one is known"
    if example.unverified:
        return "their answer is not verified"
    return None if len(example.prompt) else "the request is empty"


def _metric(example: Example, row: JudgedRow, own: str) -> str:
    metric = own if _names_no_task(example) else get_task(example.task).metric
    # Only words can resemble each other; of an answer that only calls tools the calls are compared.
    return "action" if metric == "text" and row.expected.tool_calls and not row.expected.text else metric


def _names_no_task(example: Example) -> bool:
    """Whether a row from a user's own file is of the default task only because it names none."""
    named = (example.row.get("metadata") or {}).get("task_type")
    return example.task == DEFAULT_TASK and named not in TASKS


def _own_metric(answers: Sequence[str]) -> str:
    """The metric of rows that name no task: labels are right or wrong, text is more or less alike."""
    return "exact" if all(map(_is_short, answers)) else "text"


def _is_short(answer: str) -> bool:
    text = answer.strip()
    return len(text) <= SHORT_CHARACTERS and len(text.split()) <= SHORT_WORDS and "\n" not in text


def _scorer(metric: str) -> MetricScorer | str:
    """The scorer, or why there is none."""
    if metric == JUDGE:
        return "their metric is a judging model, which fine-tuning does not ask"
    try:
        return MetricScorer(metric, get_metric(metric))
    except InvalidInputError as error:
        return error.message


def _limits(examples: Iterable[Example]) -> dict[str, int]:
    """Most tokens of an answer, by task: twice those of the longest right one and some more.

    One limit for all rows of a task: a row's own would tell the models how long the right answer is.
    """
    longest: dict[str, int] = defaultdict(int)
    for example in examples:
        longest[example.task] = max(longest[example.task], _answer_tokens(example.sequences[0]))
    return {task: min(_ROOM * count + _EXTRA_TOKENS, MAX_OUTPUT_TOKENS) for task, count in longest.items()}


def _answer_tokens(rendered: Rendered) -> int:
    """Tokens of the last assistant turn: the last run of learnt ones."""
    learnt = np.flatnonzero(rendered.learnt)
    if not len(learnt):
        return 0
    breaks = np.flatnonzero(np.diff(learnt) > 1)
    return len(learnt) - (int(breaks[-1]) + 1 if len(breaks) else 0)
