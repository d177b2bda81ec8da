"""What is remembered of a row between the passes of a build, and the choice among duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import orjson

from whetstone.datasets.near_duplicates import text_hash
from whetstone.datasets.preferences import preference_row
from whetstone.datasets.quality import NO_TASK, NOT_ACCEPTED, row_exclusion
from whetstone.datasets.rows import Document, Row, llm_calls, native_row, request_text, system_text
from whetstone.datasets.split import SplitRow
from whetstone.datasets.spool import Place
from whetstone.datasets.tasks import get_task, tasks_of


@dataclass(slots=True)
class Drawn:
    """The rows and preferences that a trajectory document gives; how many rows were left out, by reason, and not
    accepted, by task.
    """

    rows: list[Row] = field(default_factory=list)
    preferences: list[Row] = field(default_factory=list)
    excluded: Counter[str] = field(default_factory=Counter)
    not_accepted: Counter[str] = field(default_factory=Counter)


def draw_rows(document: Document, tasks: Sequence[str] | None) -> Drawn:
    """One row for each LLM call and each of its tasks (those in `tasks`, where given)."""
    drawn = Drawn()
    for call in llm_calls(document):
        named = tasks_of(call.body)
        if not named and tasks is None:
            drawn.excluded[NO_TASK] += 1
        names = [name for name in named if tasks is None or name in tasks]
        if names and (preference := preference_row(call, names)) is not None:
            drawn.preferences.append(preference)
        for name in names:
            row = native_row(call, name)
            reason = row_exclusion(get_task(name), request_text(row), call.expected(), call.body)
            if reason is None:
                drawn.rows.append(row)
                continue
            drawn.excluded[reason] += 1
            drawn.not_accepted[name] += reason == NOT_ACCEPTED
    return drawn


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row or a preference in the spool: where it lies, whose it is, and the hashes by which it is compared.

    `request` is equal for rows with the same question, `content` for rows that say the same thing: question,
    system prompt and answer.
    """

    place: Place
    trajectory: int
    call: tuple[int, int]
    task: str
    label: str | None
    verified: bool
    request: bytes
    content: bytes
    rank: tuple[bool, int, bytes]

    @classmethod
    def of(cls, row: Row, place: Place, trajectory: int) -> Candidate:
        """The candidate for a row of the trajectory with that number."""
        metadata, response = row["metadata"], row["response"]
        text = request_text(row)
        answer = orjson.dumps([response["text"], response.get("toolCalls")], option=orjson.OPT_SORT_KEYS)
        identity = text_hash(str(row["trajectoryId"]), str(row["stepId"]), str(row["callId"]))
        timestamp = row["timestamp"] if isinstance(row["timestamp"], int) else 0
        return cls(
            place=place,
            trajectory=trajectory,
            call=(row["stepIndex"], row["callIndex"]),
            task=row["metadata"]["task_type"],
            label=metadata["label"],
            verified=metadata["verified"],
            request=text_hash(text),
            content=sha256(text_hash(system_text(row), text) + answer).digest()[:16],
            rank=(metadata["verified"], timestamp, identity),
        )

    @classmethod
    def of_preference(cls, row: Row, place: Place, trajectory: int) -> Candidate:
        """The candidate for a preference; rows and preferences are not compared by `content` with each other."""
        text = request_text(row)
        answers = orjson.dumps([row["chosen"], row["rejected"]], option=orjson.OPT_SORT_KEYS)
        return cls(
            place=place,
            trajectory=trajectory,
            call=(0, 0),
            task=row["task"],
            label=None,
            verified=row["chosen"] is not None,
            request=text_hash(text),
            content=sha256(text_hash(system_text(row), text) + answers).digest()[:16],
            rank=(False, 0, text_hash(str(row["trajectoryId"]), str(row["stepId"]), str(row["callId"]))),
        )

    def split_row(self) -> SplitRow:
        """What splitting needs to know of the row."""
        return SplitRow(self.task, self.label, self.verified, self.content)


def without_duplicates(candidates: Iterable[Candidate]) -> list[Candidate]:
    """One row of each task, question, system prompt and answer: a verified one, then the newest; order is kept."""
    best: dict[tuple[str, bytes], Candidate] = {}
    for candidate in candidates:
        key = (candidate.task, candidate.content)
        known = best.setdefault(key, candidate)
        if candidate.rank > known.rank:
            best[key] = candidate
    return sorted(best.values(), key=lambda candidate: candidate.place)
