"""One trajectory in memory while a request is applied to it: pure merging, no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from whetstone.errors import ConflictError
from whetstone.trajectories.changes import Change, EventChange, ItemChange, StepChange
from whetstone.trajectories.header import (
    Header,
    merge_annotation,
    merge_end,
    merge_record,
    new_header,
    settle_times,
)
from whetstone.trajectories.records import LlmCallInput, ProviderAccessInput
from whetstone.trajectories.rows import Row, access_row, call_row, step_extra

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


@dataclass(slots=True)
class Draft:
    """A trajectory with those of its parts that the request touches, and what is to be written.

    `calls` and `accesses` map the ids that exist to the id of their step; `corrected` holds the stored corrections
    of those calls, `corrections` the ones to be written.
    """

    header: Header
    key: int | None = None
    stored: Header | None = None
    steps: dict[str, StepDraft] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)
    accesses: dict[str, str] = field(default_factory=dict)
    events: set[tuple[str, str]] = field(default_factory=set)
    new_calls: list[tuple[str, Row]] = field(default_factory=list)
    new_accesses: list[tuple[str, Row]] = field(default_factory=list)
    new_events: list[Row] = field(default_factory=list)
    corrected: dict[str, Any] = field(default_factory=dict)
    corrections: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def new(cls, trajectory_id: str, now: int) -> Draft:
        """A trajectory that the store does not know."""
        return cls(new_header(trajectory_id, now))

    @classmethod
    def of(cls, key: int, header: Header) -> Draft:
        """A stored trajectory."""
        return cls(dict(header), key=key, stored=header)

    @property
    def changed(self) -> bool:
        """Whether anything is to be written."""
        written = self.new_calls or self.new_accesses or self.new_events or self.corrections
        return bool(
            written
            or self.header != self.stored
            or any(step.row != step.stored for step in self.steps.values())
        )

    def apply(self, change: Change, now: int) -> None:
        """Merge `change`. What repeats earlier news changes nothing.

        Raises ConflictError when an id is used for items of two steps.
        """
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
        if change.end is not None:
            merge_end(self.header, change.end, now)
        settle_times(self.header, change.moments())
        if self.changed:
            self.header["updated_at"] = max(now, self.header["updated_at"])

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
            self.header["step_count"] += 1
        elif not step.row["timestamp_given"]:
            step.row["timestamp"] = min(step.row["timestamp"], timestamp)
        return step

    def _describe_step(self, change: StepChange) -> None:
        said = change.input
        row = self._step(change.step_id, change.fallback_timestamp).row
        row["position"] = change.position
        if said.timestamp is not None:
            row["timestamp"], row["timestamp_given"] = said.timestamp, True
        for name in ("kind", "reward", "done"):
            if (value := getattr(said, name)) is not None:
                row[name] = value
        row["extra"] = row["extra"] | step_extra(said)

    def _add_calls(self, changes: Iterable[ItemChange[LlmCallInput]], now: int) -> None:
        waiting = self._waiting_corrections()
        arrived = set()
        for change in changes:
            if not self._is_new(change, self.calls, "callId"):
                continue
            row = call_row(change, now)
            if change.id in waiting:
                row["correction"] = waiting[change.id]
                arrived.add(change.id)
            self._step(change.step_id, change.timestamp)
            self.new_calls.append((change.step_id, row))
            self.header["llm_call_count"] += 1
            for column in _TOKEN_COLUMNS:
                self.header[column] += row[column] or 0
            self.header["total_tokens"] = self.header["prompt_tokens"] + self.header["completion_tokens"]
        if arrived:
            self._keep_corrections({id_: each for id_, each in waiting.items() if id_ not in arrived})

    def _add_access(self, change: ItemChange[ProviderAccessInput], now: int) -> None:
        if self._is_new(change, self.accesses, "accessId"):
            self._step(change.step_id, change.timestamp)
            self.new_accesses.append((change.step_id, access_row(change, now)))
            self.header["provider_access_count"] += 1

    def _add_event(self, event: EventChange) -> None:
        name = (event.category, event.event_id)
        if name not in self.events:
            self.events.add(name)
            self.new_events.append(
                {
                    "category": event.category,
                    "event_id": event.event_id,
                    "position": event.position,
                    "body": event.body,
                }
            )

    def _is_new(self, change: ItemChange[Any], known: dict[str, str], name: str) -> bool:
        step_id = known.get(change.id)
        if step_id is None:
            known[change.id] = change.step_id
            return True
        if change.step_given and step_id != change.step_id:
            raise ConflictError(
                f"{name} {change.id!r} is used in steps {step_id!r} and {change.step_id!r} "
                f"of trajectory {self.header['id']!r}; it must be unique in a trajectory"
            )
        return False

    def _correct(self, corrections: Mapping[str, dict[str, Any] | None]) -> None:
        new = {row["call_id"]: row for _, row in self.new_calls}
        early = {}
        for call_id, correction in corrections.items():
            if call_id in new:
                new[call_id]["correction"] = correction
            elif call_id not in self.calls:
                early[call_id] = correction
            elif self.corrected.get(call_id) != correction:
                self.corrections[call_id] = correction
        if early:
            self._keep_corrections(self._waiting_corrections() | early)

    def _waiting_corrections(self) -> dict[str, Any]:
        """Corrections of calls that have not arrived yet."""
        waiting: dict[str, Any] = self.header["annotation"].get("corrections", {})
        return waiting

    def _keep_corrections(self, corrections: dict[str, Any]) -> None:
        others = {name: said for name, said in self.header["annotation"].items() if name != "corrections"}
        self.header["annotation"] = others | ({"corrections": corrections} if corrections else {})
