"""Which answers of a call are better and which worse, as rows of `preferences.jsonl`.

`{"format": "whetstone_preference_v1", "trajectoryId", "callId", "task", "split", "group", "request", "chosen",
"rejected", "source"}`: `request` is that of an `eliza_native_v1` row, an answer is `{"text", "toolCalls"?}` or null. A
correction is chosen before the recorded answer; without one, a reward says on which side the recorded answer stands.
One row a call of which something is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from whetstone.datasets.expected import REWARD_THRESHOLD, answer_text, recorded_answer
from whetstone.datasets.rows import LlmCall, Row, native_request, request_text, task_of_row
from whetstone.datasets.tasks import get_task

PREFERENCES_FILE = "preferences.jsonl"
PREFERENCE_FORMAT = "whetstone_preference_v1"

_Answer = tuple[str, Sequence[Any]]


def preference_row(call: LlmCall, tasks: list[str]) -> Row | None:
    """The preference that a call of these tasks shows, without `split` and `group`; None where it shows none."""
    expected = call.expected()
    recorded = recorded_answer(call.body)
    task = task_of_row(call, tasks)
    chosen: _Answer | None = None
    rejected: _Answer | None = None
    if expected.source == "correction":
        chosen = (expected.text, expected.tool_calls)
        rejected = None if _same(chosen, recorded) else recorded
    elif expected.reward is not None:
        good = expected.reward >= REWARD_THRESHOLD
        chosen, rejected = (recorded, None) if good else (None, recorded)
    if chosen is not None and not get_task(task).accepts(answer_text(*chosen), call.body):
        chosen = None
    row = {
        "format": PREFERENCE_FORMAT,
        "trajectoryId": call.document["trajectoryId"],
        "stepId": call.step.get("stepId"),
        "callId": call.body.get("callId"),
        "task": task,
        "request": native_request(call.body),
        "chosen": _answer(chosen),
        "rejected": _answer(rejected),
        "source": "correction" if expected.source == "correction" else "reward",
    }
    known = row["chosen"] or row["rejected"]
    return row if known and request_text(row).strip() else None


class PreferenceCount:
    """Counts rows of preferences for a dataset's report."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, row: Row) -> None:
        """Take in one row."""
        chosen, rejected = row["chosen"] is not None, row["rejected"] is not None
        self._counts.update(rows=1, pairs=chosen and rejected, chosen=chosen, rejected=rejected)

    def to_dict(self) -> dict[str, int]:
        """`rows`, of these `pairs` of two answers, and how many answers are `chosen` and `rejected`."""
        return {name: self._counts[name] for name in ("rows", "pairs", "chosen", "rejected")}


def _answer(answer: _Answer | None) -> dict[str, Any] | None:
    if answer is None or not any(answer):
        return None
    text, calls = answer
    return {"text": text, **({"toolCalls": list(calls)} if calls else {})}


def _same(left: _Answer, right: _Answer) -> bool:
    return left[0] == right[0] and list(left[1]) == list(right[1])
