"""A request as a flat change of one trajectory: every item has its id, its step, its time and its place.

Ids that the client left out are derived, so that a retried request names the same items: `<stepId>-call-<j>` and
`<stepId>-provider-<k>` by the place in a whole trajectory, and by content in a request that only appends (there
the place says nothing: two appends would collide).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import orjson

from whetstone.errors import InvalidInputError
from whetstone.storable import clean_json
from whetstone.trajectories.ingest.scores import ScoreChange, score_changes
from whetstone.trajectories.input.coercion import to_identifier, to_label
from whetstone.trajectories.input.fragments import TrajectoryFragment
from whetstone.trajectories.input.inference import is_empty_embedding
from whetstone.trajectories.input.records import (
    EVENT_LISTS,
    AnnotationInput,
    EndInput,
    LlmCallInput,
    ProviderAccessInput,
    StepInput,
    TrajectoryInput,
)

DEFAULT_STEP = "step-0"
"""Step of an item that names none."""

Item = TypeVar("Item", LlmCallInput, ProviderAccessInput)


@dataclass(frozen=True, slots=True)
class ItemChange(Generic[Item]):
    """A call or access to add."""

    id: str
    step_id: str
    step_given: bool
    position: int
    timestamp: int
    input: Item


@dataclass(frozen=True, slots=True)
class StepChange:
    """A step to add or to fill in."""

    step_id: str
    position: int | None
    fallback_timestamp: int
    input: StepInput


@dataclass(frozen=True, slots=True)
class EventChange:
    """An event to add to one of the event lists."""

    category: str
    event_id: str
    position: int
    body: dict[str, Any]


@dataclass(slots=True)
class Change:
    """All that one request says about one trajectory."""

    trajectory_id: str
    header: TrajectoryInput | None = None
    steps: list[StepChange] = field(default_factory=list)
    calls: list[ItemChange[LlmCallInput]] = field(default_factory=list)
    accesses: list[ItemChange[ProviderAccessInput]] = field(default_factory=list)
    events: list[EventChange] = field(default_factory=list)
    scores: list[ScoreChange] = field(default_factory=list)
    annotation: AnnotationInput | None = None
    end: EndInput | None = None

    def step_ids(self) -> set[str]:
        """The steps that are named."""
        named = {step.step_id for step in self.steps}
        return named | {call.step_id for call in self.calls} | {access.step_id for access in self.accesses}

    def moments(self) -> list[int]:
        """The times of all steps and items."""
        moments = [step.input.timestamp or step.fallback_timestamp for step in self.steps]
        moments += [call.timestamp for call in self.calls]
        return moments + [access.timestamp for access in self.accesses]

    def last_moment(self) -> int | None:
        """The time at which the last step, call or access was over."""
        ends = [call.timestamp + int(call.input.latency_ms or 0) for call in self.calls]
        return max(self.moments() + ends, default=None)


def trajectory_id(value: str) -> str:
    """The identifier as stored. Raises InvalidInputError when it is blank or too long."""
    try:
        identifier = to_identifier(value)
    except ValueError as error:
        raise InvalidInputError(f"trajectoryId: {error}") from error
    if identifier is None:
        raise InvalidInputError("trajectoryId must not be blank")
    return identifier


def from_trajectory(record: TrajectoryInput, identifier: str, now: int) -> Change:
    """The change that a whole trajectory, or the start of one, asks for."""
    change = Change(identifier, header=record)
    calls, accesses = _Placer[LlmCallInput]("call"), _Placer[ProviderAccessInput]("provider")
    moment = record.start_time or now
    for index, step in enumerate(record.steps):
        position = index if step.step_number is None else step.step_number
        step_id = step.step_id or f"step-{position}"
        moment = max(moment, step.timestamp or 0)
        change.steps.append(StepChange(step_id, position, _earliest(step) or moment, step))
        change.accesses += [
            accesses.place(access, access.access_id, step_id, moment) for access in step.provider_accesses
        ]
        placed = []
        for call in step.llm_calls:
            moment = max(moment, call.timestamp or 0)
            placed.append(calls.place(call, call.call_id, step_id, moment))
        change.calls += _worth_storing(placed)
    change.accesses += [
        accesses.place(access, access.access_id, access.step_id, moment)
        for access in record.provider_accesses
    ]
    change.calls += _worth_storing(
        calls.place(call, call.call_id, call.step_id, moment) for call in record.llm_calls
    )
    change.events = [event for name in EVENT_LISTS for event in _events(record, name)]
    change.scores = score_changes(record.scores) + _scores_of(change.calls)
    return change


def from_fragment(record: TrajectoryFragment, identifier: str, now: int) -> Change:
    """The change that a piece asks for: nothing is placed by its position, but everything by its time."""
    change = Change(identifier, header=record)
    for step in record.steps:
        if step.step_id is not None:
            change.steps.append(StepChange(step.step_id, None, step.timestamp or now, step))
    change.calls = [_item(call, call.call_id or "", call.step_id, 0, now) for call in record.llm_calls]
    change.accesses = [
        _item(access, access.access_id or "", access.step_id, 0, now) for access in record.provider_accesses
    ]
    for name in ("toolEvents", "evaluationEvents"):
        for body in getattr(record, _FIELDS[name]) or ():
            if isinstance(body, dict) and (event_id := to_label(body.get("id"))):
                change.events.append(EventChange(name, event_id, 0, body))
    return change


def from_calls(identifier: str, calls: Sequence[LlmCallInput], now: int) -> Change:
    """The change that appended calls ask for."""
    ids = _content_ids("call", [call.call_id for call in calls], calls)
    placed = [
        _item(call, id_, call.step_id, position, now)
        for position, (call, id_) in enumerate(zip(calls, ids, strict=True))
    ]
    stored = _worth_storing(placed)
    return Change(identifier, calls=stored, scores=_scores_of(stored))


def from_accesses(identifier: str, accesses: Sequence[ProviderAccessInput], now: int) -> Change:
    """The change that appended provider accesses ask for."""
    ids = _content_ids("provider", [access.access_id for access in accesses], accesses)
    placed = [
        _item(access, id_, access.step_id, position, now)
        for position, (access, id_) in enumerate(zip(accesses, ids, strict=True))
    ]
    return Change(identifier, accesses=placed)


def from_annotation(identifier: str, annotation: AnnotationInput) -> Change:
    """The change that an annotation asks for."""
    scores = score_changes(annotation.scores, replaces=True)
    return Change(identifier, scores=scores, annotation=annotation)


class _Placer(Generic[Item]):
    """Gives the items of a whole trajectory their place within their step."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._placed: Counter[str] = Counter()

    def place(self, item: Item, given_id: str | None, step_id: str | None, moment: int) -> ItemChange[Item]:
        step = step_id or DEFAULT_STEP
        position = self._placed[step]
        self._placed[step] += 1
        return _item(item, given_id or f"{step}-{self._kind}-{position}", step_id, position, moment)


def _item(item: Item, identifier: str, step_id: str | None, position: int, moment: int) -> ItemChange[Item]:
    return ItemChange(
        id=identifier,
        step_id=step_id or DEFAULT_STEP,
        step_given=step_id is not None,
        position=position,
        timestamp=item.timestamp or moment,
        input=item,
    )


def _earliest(step: StepInput) -> int | None:
    moments = [call.timestamp for call in step.llm_calls]
    moments += [access.timestamp for access in step.provider_accesses]
    return min((moment for moment in moments if moment is not None), default=None)


def _worth_storing(calls: Iterable[ItemChange[LlmCallInput]]) -> list[ItemChange[LlmCallInput]]:
    return [
        each
        for each in calls
        if not is_empty_embedding(
            (each.input.model, each.input.model_type, each.input.purpose, each.input.action_type),
            (each.input.system_prompt, each.input.user_prompt, "messages" if each.input.messages else None),
            each.input.response or "",
        )
    ]


def _scores_of(calls: Iterable[ItemChange[LlmCallInput]]) -> list[ScoreChange]:
    return [score for call in calls for score in score_changes(call.input.scores, call_id=call.id)]


def _content_ids(kind: str, given: Sequence[str | None], items: Sequence[Item]) -> list[str]:
    """The given ids, and digests of the content where none is given; equal items in one request are numbered."""
    seen: Counter[str] = Counter()
    ids = []
    for identifier, item in zip(given, items, strict=True):
        if identifier is None:
            content = clean_json(item.model_dump(exclude_unset=True, exclude={"scores"}))
            digest = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
            seen[digest] += 1
            identifier = f"{kind}-{digest}" + (f"-{seen[digest]}" if seen[digest] > 1 else "")
        ids.append(identifier)
    return ids


def _events(record: TrajectoryInput, name: str) -> list[EventChange]:
    """The events of one list; what is not an object is no event."""
    changes = []
    for position, body in enumerate(getattr(record, _FIELDS[name]) or []):
        if isinstance(body, dict):
            given = to_label(body.get("id"))
            changes.append(EventChange(name, given or f"{name}-{position}", position, body))
    return changes


_FIELDS = {
    model_field.alias: name for name, model_field in TrajectoryInput.model_fields.items() if model_field.alias
}
