"""What a client asks for when it builds a dataset (contract §6.5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from whetstone.datasets.tasks import get_task
from whetstone.errors import InvalidInputError

DEFAULT_LIMIT = 250
MAX_LIMIT = 5000
_LARGEST_INTEGER = 2**53


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """Options of a build.

    `limit` (1..5000) is the most trajectories in the dataset, newest first; those that give no row do not count.
    `min_llm_calls` leaves out shorter trajectories. `seed` decides the split. `tasks` None means all tasks.
    Raises `InvalidInputError` for a value out of range or an unknown task.
    """

    limit: int = DEFAULT_LIMIT
    min_llm_calls: int = 1
    seed: int = 0
    tasks: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise InvalidInputError(f"limit must be between 1 and {MAX_LIMIT}")
        if self.min_llm_calls < 1:
            raise InvalidInputError("minLlmCallsPerTrajectory must be at least 1")
        for name in self.tasks or ():
            get_task(name)

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Options from a request body; numbers are clamped and values that are no numbers ignored (§6.5)."""
        limit = _integer(body.get("limit"), DEFAULT_LIMIT)
        min_llm_calls = _integer(body.get("minLlmCallsPerTrajectory"), 1)
        tasks = body.get("tasks")
        if tasks is not None and not (
            isinstance(tasks, list) and all(isinstance(name, str) for name in tasks)
        ):
            raise InvalidInputError("tasks must be a list of task names")
        return cls(
            limit=min(max(limit, 1), MAX_LIMIT),
            min_llm_calls=max(min_llm_calls, 1),
            seed=_integer(body.get("seed"), 0),
            tasks=tuple(dict.fromkeys(tasks)) if tasks is not None else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """The options with the contract's keys, as the dataset's record shows them."""
        return {
            "limit": self.limit,
            "minLlmCallsPerTrajectory": self.min_llm_calls,
            "seed": self.seed,
            "tasks": list(self.tasks) if self.tasks is not None else None,
        }


def _integer(value: Any, default: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return default
    # Within what JSON in the database can hold.
    return int(min(max(value, -_LARGEST_INTEGER), _LARGEST_INTEGER))
