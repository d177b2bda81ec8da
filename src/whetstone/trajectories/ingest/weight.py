"""How much work a request is, known before it is looked at closely."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from whetstone.trajectories.input.records import TrajectoryInput

_SCALARS = frozenset({type(None), bool, int, float})
_SCALAR = 2  # characters that a value counts which is no text


@dataclass(frozen=True, slots=True)
class Weight:
    """LLM calls, provider accesses and records, and the characters of all that they hold."""

    items: int
    characters: int

    def __add__(self, other: Weight) -> Weight:
        return Weight(self.items + other.items, self.characters + other.characters)

    def __sub__(self, other: Weight) -> Weight:
        return Weight(self.items - other.items, self.characters - other.characters)

    def exceeds(self, limit: Weight) -> bool:
        """Whether it is more than `limit` in any respect."""
        return self.items > limit.items or self.characters > limit.characters


def weigh(records: Iterable[BaseModel]) -> Weight:
    """The weight of what one request brings."""
    items = characters = 0
    for record in records:
        items += items_of(record)
        characters += _characters((record,))
    return Weight(items, characters)


def items_of(record: BaseModel) -> int:
    """A record with its calls and accesses, counted."""
    if not isinstance(record, TrajectoryInput):
        return 1
    within = sum(len(step.llm_calls) + len(step.provider_accesses) for step in record.steps)
    return 1 + len(record.llm_calls) + len(record.provider_accesses) + within


def _characters(values: Iterable[Any]) -> int:
    total = 0
    for value in values:
        kind = value.__class__
        if kind is str:
            total += len(value)
        elif kind in _SCALARS:
            total += _SCALAR
        elif kind is list:
            total += _characters(value)
        elif kind is dict:
            total += _characters(value) + _characters(value.values())
        elif isinstance(value, BaseModel):
            total += _characters(value.__dict__.values()) + _characters((value.model_extra or {}).values())
    return total
