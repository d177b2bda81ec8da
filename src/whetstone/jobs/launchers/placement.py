"""Where a job shall run, and what it wants of that place: the request's keys `launcher` and `resources`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from whetstone.errors import InvalidInputError
from whetstone.settings import Settings

LOCAL, RAY = "local", "ray"

_LARGEST = {"cpus": 1024.0, "gpus": 64.0, "memoryGb": 16_384.0}
_GIB = 2**30


def check_launcher(body: Mapping[str, Any]) -> str | None:
    """The request's `launcher`; `InvalidInputError` when there is no such one."""
    value = body.get("launcher")
    if value in (None, LOCAL, RAY):
        return value
    raise InvalidInputError(f"launcher must be '{LOCAL}' or '{RAY}'")


def check_resources(body: Mapping[str, Any]) -> dict[str, float] | None:
    """The request's `resources`, `{"cpus", "gpus", "memoryGb"}`, each optional; `InvalidInputError` names what is wrong."""
    value = body.get("resources")
    if value is None:
        return None
    if not isinstance(value, Mapping) or not set(value) <= set(_LARGEST):
        raise InvalidInputError(f"resources must be an object with the keys {', '.join(_LARGEST)}")
    return {name: _amount(name, amount) for name, amount in value.items() if amount is not None}


def _amount(name: str, value: Any) -> float:
    largest = _LARGEST[name]
    whole = name == "gpus"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # The comparison also refuses NaN.
    if not number or not (0 if whole else 0.01) <= value <= largest or (whole and value != int(value)):
        kind = "a whole number from 0" if whole else "a number from 0.01"
        raise InvalidInputError(f"resources.{name} must be {kind} to {largest:g}")
    return int(value) if value == int(value) else float(value)


def place(launcher: str | None, resources: Mapping[str, float] | None, settings: Settings) -> dict[str, Any]:
    """The launcher of a new job, for its stored options; nothing where that is this machine.

    Raises `InvalidInputError` when the job cannot run there.
    """
    chosen = launcher or settings.launcher
    if chosen == RAY:
        if settings.ray_address is None:
            raise InvalidInputError(
                "This server knows no Ray cluster: set WHETSTONE_RAY_ADDRESS to its job server, such as "
                "http://head:8265, or leave out launcher"
            )
        return {"launcher": RAY}
    if resources:
        raise InvalidInputError(
            "resources are for jobs on a Ray cluster: set launcher to 'ray', or leave them out"
        )
    return {}


def launcher_of(options: Mapping[str, Any]) -> str:
    """The launcher of a job that was made with these options."""
    return str(options.get("launcher", LOCAL))


@dataclass(frozen=True, slots=True)
class Share:
    """What one job takes of a cluster; `memory_gb` None: any."""

    cpus: float
    gpus: int
    memory_gb: float | None

    @classmethod
    def of(cls, backend: str, options: Mapping[str, Any]) -> Self:
        """What a job asks for: unless it says, one CPU for each of its processes, and with `cuda` one GPU."""
        asked = options.get("resources") or {}
        processes = options.get("processes") or 1
        gpus = processes if backend == "cuda" else 0
        return cls(float(asked.get("cpus", processes)), int(asked.get("gpus", gpus)), asked.get("memoryGb"))

    def requirements(self) -> dict[str, float]:
        """As the keys of a Ray submission."""
        memory = {} if self.memory_gb is None else {"entrypoint_memory": int(self.memory_gb * _GIB)}
        return {"entrypoint_num_cpus": self.cpus, "entrypoint_num_gpus": self.gpus, **memory}

    def limits(self, settings: Settings) -> dict[str, str]:
        """Variables that keep the worker within it, where the operator has set none: Ray itself enforces little."""
        limits = {}
        if settings.train_threads is None:
            limits["WHETSTONE_TRAIN_THREADS"] = str(max(1, int(self.cpus)))
        if settings.train_memory_gb is None and self.memory_gb is not None:
            limits["WHETSTONE_TRAIN_MEMORY_GB"] = str(self.memory_gb)
        return limits
