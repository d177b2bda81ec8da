"""What does not go into a dataset, and why: one counted reason for each trajectory and row left out.

`isTrainingData` is no criterion: it is false by default, so that almost every trajectory of a user who builds a
dataset from everything says false. Who wants only the marked ones filters by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whetstone.datasets.expected import Expected, scenario_status
from whetstone.datasets.tasks import Task

# Of a whole trajectory
NOT_COMPLETED = "not_completed"  # it is active, failed or timed out
FAILED_SCENARIO = "failed_scenario"  # its scenario failed or was skipped
TOO_FEW_CALLS = "too_few_llm_calls"  # fewer than asked for
PRIVATE = "private"  # the privacy filter withholds it
NO_ROWS = "no_rows"  # none of its rows was kept

# Of a row
NO_TASK = "no_task"  # the call belongs to no task: it is unnamed and has no answer
EMPTY_REQUEST = "empty_request"  # the call has no prompt
EMPTY_ANSWER = "empty_answer"  # the call has neither an answer nor a correction
NOT_ACCEPTED = "not_accepted"  # the answer is not one that the task can learn from
LOW_REWARD = "low_reward"  # a reward says that the answer is wrong, and there is no correction
DUPLICATE = "duplicate"  # the same request with the same answer is in the dataset already


def trajectory_exclusion(document: Mapping[str, Any], min_llm_calls: int) -> str | None:
    """Why a whole trajectory stays out before its rows are looked at; None when it does not."""
    if document.get("status") != "completed":
        return NOT_COMPLETED
    if scenario_status(document) in ("failed", "skipped"):
        return FAILED_SCENARIO
    if count_calls(document) < min_llm_calls:
        return TOO_FEW_CALLS
    return None


def row_exclusion(task: Task, request: str, expected: Expected, call: Mapping[str, Any]) -> str | None:
    """Why a row stays out; None when it does not. `request` is the text that the model was given."""
    if not request.strip():
        return EMPTY_REQUEST
    if not expected.content:
        return EMPTY_ANSWER
    if expected.rejected:
        return LOW_REWARD
    if not task.accepts(expected.content, call):
        return NOT_ACCEPTED
    return None


def count_calls(document: Mapping[str, Any]) -> int:
    """LLM calls in all steps of a trajectory document."""
    return sum(len(step.get("llmCalls") or ()) for step in document.get("steps") or ())
