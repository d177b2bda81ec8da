"""Which training backends this service can run, what options they take, and where the worker finds them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from whetstone.errors import InvalidInputError
from whetstone.finetune.backends import availability
from whetstone.jobs.finetune_backend import (
    check_finetuning,
    estimate_finetuning,
    finetune_options,
    finetuning_environment,
)
from whetstone.jobs.native_options import native_options, native_spec
from whetstone.settings import Settings

# What a job would cost: of its checked options, the dataset's id and folder, and the settings.
Estimator: TypeAlias = Callable[[Mapping[str, Any], str, Path, Settings], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Backend:
    """A backend that can run. `entry` is `module:function` of a `worker.BackendFunction`, imported by the worker only.

    `options` picks and checks the backend's own options from the keys of a request, raising
    `InvalidInputError`. `estimate` serves dry runs; None: the backend has none. `check` says, as an
    `InvalidInputError`, what of checked options cannot be done on this machine; it may block. `environment` is
    what its workers get beside the usual.

    A backend that `trains_weights` wants the whole machine: few of its jobs run at once, its workers are nice, and
    end when they take too much memory.
    """

    entry: str
    options: Callable[[Mapping[str, Any]], dict[str, Any]]
    estimate: Estimator | None = None
    check: Callable[[Mapping[str, Any], Settings], None] | None = None
    environment: Callable[[Settings], Mapping[str, str]] | None = None
    trains_weights: bool = False


async def _estimate_native(
    options: Mapping[str, Any], dataset_id: str, dataset_dir: Path, settings: Settings
) -> dict[str, Any]:
    from whetstone.optimize.estimate import estimate  # the server rarely needs it, and starts faster without

    return await estimate(native_spec(options, "", Path(), dataset_id, dataset_dir), settings)


_FINE_TUNING = Backend(
    "whetstone.jobs.finetune:run_job",
    finetune_options,
    estimate_finetuning,
    check=check_finetuning,
    environment=finetuning_environment,
    trains_weights=True,
)

BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {
        "native": Backend("whetstone.jobs.native:run_job", native_options, _estimate_native),
        "cpu": _FINE_TUNING,
        "cuda": _FINE_TUNING,
        "mlx": _FINE_TUNING,
    }
)


def find_backend(name: str, backends: Mapping[str, Backend], settings: Settings) -> Backend:
    """The backend of that name; `InvalidInputError`, for which it looks at the machine, when there is none."""
    if name in backends:
        return backends[name]
    known = availability(settings)
    available = [each for each in backends if each not in known or known[each].available]
    raise InvalidInputError(
        f"Backend '{name}' is not available on this system. Available backends: {', '.join(available)}"
    )
