"""The configuration of auto-training, in one file that outlives the process (contract §7.2, §13.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from whetstone.datasets.tasks import task_names
from whetstone.errors import InvalidInputError
from whetstone.files import write_json

# What auto-training can start by itself.
KNOWN_BACKENDS = ("native",)
_MAX_THRESHOLD = 2**53
_MAX_HOURS = 24 * 365 * 100


@dataclass(frozen=True, slots=True)
class TaskOverride:
    """What differs for one task; None: as for all."""

    threshold: int | None = None
    cooldown_hours: float | None = None
    backend: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The keys that are set, as on the wire."""
        values = {"threshold": self.threshold, "cooldownHours": self.cooldown_hours, "backend": self.backend}
        return {key: value for key, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class AutoTrainConfig:
    """When auto-training starts a run.

    `trigger_threshold` trajectories of a task must have come in, and `trigger_cooldown_hours` passed since its
    last run. No `backends` means: count, but never train.
    """

    auto_train: bool = True
    trigger_threshold: int = 100
    trigger_cooldown_hours: float = 12.0
    backends: tuple[str, ...] = KNOWN_BACKENDS
    per_task_overrides: Mapping[str, TaskOverride] = field(default_factory=dict)

    def threshold(self, task: str) -> int:
        """Trajectories of `task` that start a run."""
        return self._override(task).threshold or self.trigger_threshold

    def cooldown_ms(self, task: str) -> int:
        """Milliseconds between two runs of `task`."""
        own = self._override(task).cooldown_hours
        return round((self.trigger_cooldown_hours if own is None else own) * 3_600_000)

    def status(self) -> dict[str, Any]:
        """The snapshot of contract §7.1: no trajectories are counted and no service starts runs yet."""
        tasks = task_names()
        return {
            "autoTrainEnabled": self.auto_train,
            "triggerThreshold": self.trigger_threshold,
            "cooldownHours": self.trigger_cooldown_hours,
            "counters": {},
            "lastTrain": {},
            "perTaskThresholds": {task: self.threshold(task) for task in tasks},
            "perTaskCooldownMs": {task: self.cooldown_ms(task) for task in tasks},
            "serviceRegistered": False,
        }

    def to_dict(self) -> dict[str, Any]:
        """The document of contract §13.1."""
        return {
            "autoTrain": self.auto_train,
            "triggerThreshold": self.trigger_threshold,
            "triggerCooldownHours": self.trigger_cooldown_hours,
            "backends": list(self.backends),
            "perTaskOverrides": {task: own.to_dict() for task, own in self.per_task_overrides.items()},
        }

    def changed(self, changes: Mapping[str, Any]) -> AutoTrainConfig:
        """This configuration with the keys of `changes` (either dialect) taken over.

        Unknown keys, backends and tasks are left out, a number out of range leaves the old value; a wrong type of
        a known key raises `InvalidInputError`. `null` counts as absent.
        """
        auto_train = _of_type(changes, "autoTrain", bool, "true or false")
        threshold = _threshold(changes, "triggerThreshold", "threshold")
        cooldown = _cooldown(changes, "triggerCooldownHours", "cooldownHours")
        backends = _of_type(changes, "backends", list, "a list of backend names")
        overrides = _of_type(changes, "perTaskOverrides", dict, "an object")
        return AutoTrainConfig(
            auto_train=self.auto_train if auto_train is None else auto_train,
            trigger_threshold=self.trigger_threshold if threshold is None else threshold,
            trigger_cooldown_hours=self.trigger_cooldown_hours if cooldown is None else cooldown,
            backends=self.backends if backends is None else _known_backends(backends),
            per_task_overrides=self.per_task_overrides if overrides is None else _overrides(overrides),
        )

    def _override(self, task: str) -> TaskOverride:
        return self.per_task_overrides.get(task) or TaskOverride()


class AutoConfigStore:
    """The configuration in the file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> AutoTrainConfig:
        """What the file says; the defaults for a file that is missing or corrupt."""
        default = AutoTrainConfig()
        try:
            document = orjson.loads(self._path.read_bytes())
            return default.changed(document) if isinstance(document, dict) else default
        except (OSError, orjson.JSONDecodeError, InvalidInputError):
            return default

    def update(self, changes: Mapping[str, Any]) -> AutoTrainConfig:
        """Merge `changes` into the file and return the result; `InvalidInputError` as in `changed`."""
        config = self.load().changed(changes)
        write_json(self._path, config.to_dict())
        return config


def _of_type(values: Mapping[str, Any], key: str, kind: type, words: str) -> Any:
    value = values.get(key)
    if value is not None and not isinstance(value, kind):
        msg = f"{key} must be {words}"
        raise InvalidInputError(msg)
    return value


def _number(values: Mapping[str, Any], *keys: str) -> float | None:
    """The first of `keys` that is present, checked; None when none is, or when it is infinite."""
    numbers = []
    for key in keys:
        value = values.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            msg = f"{key} must be a number"
            raise InvalidInputError(msg)
        numbers.append(float(value))
    return next((number for number in numbers if math.isfinite(number)), None)


def _threshold(values: Mapping[str, Any], *keys: str) -> int | None:
    number = _number(values, *keys)
    return max(1, math.floor(number)) if number is not None and 0 < number <= _MAX_THRESHOLD else None


def _cooldown(values: Mapping[str, Any], *keys: str) -> float | None:
    number = _number(values, *keys)
    return number if number is not None and 0 <= number <= _MAX_HOURS else None


def _known_backends(names: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(name, str) for name in names):
        msg = "backends must be a list of backend names"
        raise InvalidInputError(msg)
    return tuple(name for name in KNOWN_BACKENDS if name in names)


def _overrides(values: Mapping[str, Any]) -> dict[str, TaskOverride]:
    known = task_names()
    overrides = {}
    for task, value in values.items():
        if task not in known or value is None:
            continue
        if not isinstance(value, dict):
            msg = f"perTaskOverrides.{task} must be an object"
            raise InvalidInputError(msg)
        backend = _of_type(value, "backend", str, "a backend name")
        overrides[task] = TaskOverride(
            threshold=_threshold(value, "threshold"),
            cooldown_hours=_cooldown(value, "cooldownHours"),
            backend=backend if backend in KNOWN_BACKENDS else None,
        )
    return overrides
