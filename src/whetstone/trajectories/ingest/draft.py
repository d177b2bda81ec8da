"""One trajectory in memory while a request is applied to it: pure merging, no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from whetstone.errors import ConflictError
from whetstone.trajectories.ingest.changes import Change, EventChange, ItemChange, StepChange
from whetstone.trajectories.ingest.failures import action_failed, call_failed, event_failed
from whetstone.trajectories.ingest.feedback import settle_scores
from whetstone.trajectories.ingest.header import (
    Header,
    merge_annotation,
    merge_end,
    merge_record,
    new_header,
    settle_times,
)
from whetstone.trajectories.ingest.labels import Classify, Label, call_labels
from whetstone.trajectories.ingest.rows import Row, access_row, call_row, step_extra
from whetstone.trajectories.ingest.scores import ScoreBook, ScoreChange
from whetstone.trajectories.input.records import LlmCallInput, ProviderAccessInput

_TOKEN_COLUMNS = (
    "prompt_tokens",
    "completion_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)


@dataclass(slots=True)
class StepDraft:
    """A step; `key` is None until it is stored, `stored` is its row as last read."""

    row: Row
    key: int | None = None
    stored: Row | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one request did to one trajectory."""

    created: bool
    updated: bool
    llm_calls: int
    provider_accesses: int


@dataclass(slots=True)
class _Before:
    """A draft as a request found it; `steps` holds the steps that the request touches."""

    header: Header
    steps: dict[str, Row | None]
    llm_calls: int
    provider_accesses: int
    news: bool = False


Claims = dict[tuple[str, str, str], str]
"""(trajectory id, kind of item, item id) -> step, of the items that one request brings."""


@dataclass(slots=True)
class Draft:
    """A trajectory with those of its parts that some requests touch, and what is to be written.

    `calls` and `accesses` map the ids that exist to the id of their step; `corrected` holds the present corrections
    of those calls, `corrections` the ones to be written. Each request is applied whole: `begin`, its changes,
    `finish`. One that `refuse` refuses must not be applied.
    """

    header: Header
    classify: Classify
    key: int | None = None
    stored: Header | None = None
    changed: bool = False
    steps: dict[str, StepDraft] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)
    accesses: dict[str, str] = field(default_factory=dict)
    events: set[tuple[str, str]] = field(default_factory=set)
    new_calls: list[tuple[str, Row]] = field(default_factory=list)
    new_accesses: list[tuple[str, Row]] = field(default_factory=list)
    new_events: list[Row] = field(default_factory=list)
    corrected: dict[str, Any] = field(default_factory=dict)
    corrections: dict[str, Any] = field(default_factory=dict)
    scores: ScoreBook = field(default_factory=ScoreBook)
    labels: set[Label] = field(default_factory=set)
    _before: _Before | None = None

    @classmethod
    def new(cls, trajectory_id: str, now: int, classify: Classify) -> Draft:
        """A trajectory that the store does not know."""
        return cls(new_header(trajectory_id, now), classify)

    @classmethod
    def of(cls, key: int, header: Header, classify: Classify) -> Draft:
        """A stored trajectory."""
        return cls(dict(header), classify, key=key, stored=header)

    def refuse(self, change: Change, claims: Claims) -> None:
        """Raise ConflictError when `change` uses an id for items of two steps; `claims` are of its request."""
        for call in change.calls:
            self._claim(call, self.calls, "callId", claims)
        for access in change.accesses:
            self._claim(access, self.accesses, "accessId", claims)

    def begin(self) -> None:
        """A request starts."""
        self._before = _Before(dict(self.header), {}, len(self.new_calls), len(self.new_accesses))

    def finish(self, now: int) -> Outcome:
        """A request is over: what it did."""
        before = self._before
        assert before is not None  # noqa: S101 - `begin` came first
        self._before = None
        created = self.stored is None and not self.changed
        updated = not created and (
            before.news
            or self.header != before.header
            or any(self.steps[step_id].row != row for step_id, row in before.steps.items())
        )
        if created or updated:
            self.changed = True
            self.header["updated_at"] = max(now, self.header["updated_at"])
        return Outcome(
            created,
            updated,
            len(self.new_calls) - before.llm_calls,
            len(self.new_accesses) - before.provider_accesses,
        )

    def apply(self, change: Change, now: int) -> None:
        """Merge `change`. What repeats earlier news changes nothing."""
        if change.header is not None:
            merge_record(self.header, change.header, change.last_moment(), now)
        for step in change.steps:
            self._describe_step(step)
        for access in change.accesses:
            self._add_access(access, now)
        self._add_calls(change.calls, now)
        for event in change.events:
            self._add_event(event)
        if change.annotation is not None:
            merge_annotation(self.header, change.annotation)
            self._correct(change.annotation.by_call())
        if change.scores:
            self._score(change.scores, now)
        if change.end is not None:
            merge_end(self.header, change.end, now)
        settle_times(self.header, change.moments())

    def _claim(self, item: ItemChange[Any], known: dict[str, str], name: str, claims: Claims) -> None:
        place = (self.header["id"], name, item.id)
        step_id = known.get(item.id) or claims.setdefault(place, item.step_id)
        if item.step_given and step_id != item.step_id:
            raise ConflictError(
                f"{name} {item.id!r} is used in steps {step_id!r} and {item.step_id!r} "
                f"of trajectory {self.header['id']!r}; it must be unique in a trajectory"
            )

    def _noted(self) -> None:
        """Remember that the request brought something beyond the header and the steps."""
        if self._before is not None:
            self._before.news = True

    def _step(self, step_id: str, timestamp: int) -> StepDraft:
        step = self.steps.get(step_id)
        if step is None:
            row: Row = {
                "step_id": step_id,
                "position": None,
                "kind": "llm",
                "timestamp": timestamp,
                "timestamp_given": False,
                "reward": None,
                "done": None,
                "extra": {},
            }
            step = self.steps[step_id] = StepDraft(row)
            self._touch(step_id, None)
            self.header["step_count"] += 1
        else:
            self._touch(step_id, step.row)
            if not step.row["timestamp_given"]:
                step.row["timestamp"] = min(step.row["timestamp"], timestamp)
        return step

    def _touch(self, step_id: str, row: Row | None) -> None:
        if self._before is not None and step_id not in self._before.steps:
            self._before.steps[step_id] = None if row is None else dict(row)

    def _describe_step(self, change: StepChange) -> None:
        said = change.input
        row = self._step(change.step_id, change.fallback_timestamp).row
        row["position"] = change.position
        if said.timestamp is not None:
            row["timestamp"], row["timestamp_given"] = said.timestamp, True
        for name in ("kind", "reward", "done"):
            if (value := getattr(said, name)) is not None:
                row[name] = value
        failed_before = action_failed(row["extra"])
        row["extra"] = row["extra"] | step_extra(said)
        self.header["error_count"] += action_failed(row["extra"]) - failed_before

    def _add_calls(self, changes: Iterable[ItemChange[LlmCallInput]], now: int) -> None:
        waiting = self._waiting_corrections()
        arrived = set()
        for change in changes:
            if change.id in self.calls:
                continue
            self.calls[change.id] = change.step_id
            row = call_row(change, now)
            if change.id in waiting:
                row["correction"] = waiting[change.id]
                arrived.add(change.id)
            self._step(change.step_id, change.timestamp)
            self.new_calls.append((change.step_id, row))
            self._count_call(row)
        if arrived:
            self._keep_corrections({id_: each for id_, each in waiting.items() if id_ not in arrived})

    def _count_call(self, row: Row) -> None:
        self._noted()
        header = self.header
        header["llm_call_count"] += 1
        for column in _TOKEN_COLUMNS:
            if row[column]:
                header[column] += row[column]
        header["total_tokens"] = header["prompt_tokens"] + header["completion_tokens"]
        header["error_count"] += call_failed(row["finish_reason"], row["extra"])
        self.labels.update(call_labels(row, self.classify))

    def _add_access(self, change: ItemChange[ProviderAccessInput], now: int) -> None:
        if change.id not in self.accesses:
            self.accesses[change.id] = change.step_id
            self._step(change.step_id, change.timestamp)
            self.new_accesses.append((change.step_id, access_row(change, now)))
            self.header["provider_access_count"] += 1

    def _add_event(self, event: EventChange) -> None:
        name = (event.category, event.event_id)
        if name not in self.events:
            self._noted()
            self.events.add(name)
            self.header["error_count"] += event_failed(event.category, event.body)
            self.new_events.append(
                {
                    "category": event.category,
                    "event_id": event.event_id,
                    "position": event.position,
                    "body": event.body,
                }
            )

    def _score(self, changes: Iterable[ScoreChange], now: int) -> None:
        known = dict(self.scores.rows)
        if self.scores.apply(changes, now):
            settle_scores(self.header, self.scores.of_trajectory())
        if self.scores.rows != known:
            self._noted()

    def _correct(self, corrections: Mapping[str, dict[str, Any] | None]) -> None:
        if not corrections:
            return
        new = {row["call_id"]: row for _, row in self.new_calls}
        early = {}
        for call_id, correction in corrections.items():
            if call_id not in self.calls:
                early[call_id] = correction
            elif call_id in new:
                row = new[call_id]
                if row["correction"] != correction:
                    row["correction"] = correction
                    self._noted()
                    self.labels.update(call_labels(row, self.classify))
            elif self.corrected.get(call_id) != correction:
                self.corrected[call_id] = self.corrections[call_id] = correction
                self._noted()
        if early:
            self._keep_corrections(self._waiting_corrections() | early)

    def _waiting_corrections(self) -> dict[str, Any]:
        """Corrections of calls that have not arrived yet."""
        waiting: dict[str, Any] = self.header["annotation"].get("corrections", {})
        return waiting

    def _keep_corrections(self, corrections: dict[str, Any]) -> None:
        others = {name: said for name, said in self.header["annotation"].items() if name != "corrections"}
        self.header["annotation"] = others | ({"corrections": corrections} if corrections else {})
