"""Results of tau-bench: runs of an agent against simulated users, with the reward of each.

https://github.com/sierra-research/tau-bench: an array of `{task_id, trial, reward, traj, info}`.
"""

from __future__ import annotations

from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.trajectories.importers.conversation import checked_messages, conversation
from whetstone.trajectories.importers.identity import content_id

Json = dict[str, Any]

_READ = frozenset({"task_id", "trial", "reward", "traj"})
_DIGEST = 8


def matches(record: Json) -> bool:
    """Whether `record` is of this format."""
    return "task_id" in record and isinstance(record.get("traj"), list)


def trajectories(record: Json) -> list[Json]:
    """A run as a trajectory.

    Its id is `tau-<task>-<trial>-<digest>`: results of several models or domains have the same tasks and trials.
    """
    if "task_id" not in record:
        raise InvalidInputError("a run needs a task_id")
    task, trial = record["task_id"], record.get("trial", 0)
    digest = content_id("", record)[1 : 1 + _DIGEST]
    # The parts of the reward stay in `info`: as components, a failed run's zeros would say that nobody rewarded it.
    trajectory: Json = {
        "trajectoryId": f"tau-{task}-{trial}-{digest}",
        "source": "tau-bench",
        "status": "completed",
        "scenarioId": f"tau-bench-{task}",
        "groupIndex": trial,
        "totalReward": record.get("reward"),
        "metadata": {name: value for name, value in record.items() if name not in _READ},
        **conversation(checked_messages(record.get("traj")), failed=_failed),
    }
    return [trajectory]


def _failed(result: str) -> bool:
    # What all of its tools answer when they refuse.
    return result.startswith("Error")
