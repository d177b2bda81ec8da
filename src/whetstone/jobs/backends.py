"""Which training backends this service can run, what options they take, and where the worker finds them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from whetstone.errors import InvalidInputError, NotAvailableError
from whetstone.jobs.native_options import native_options, native_spec
from whetstone.settings import Settings

# What a job would cost: of its checked options, the dataset's id and folder, and the settings.
Estimator: TypeAlias = Callable[[Mapping[str, Any], str, Path, Settings], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Backend:
    """A backend that can run. `entry` is `module:function` of a `worker.BackendFunction`, imported by the worker only.

    `options` picks and checks the backend's own options from the keys of a request, raising
    `InvalidInputError`. `estimate` serves dry runs, in the server's process; None: the backend has none.
    """

    entry: str
    options: Callable[[Mapping[str, Any]], dict[str, Any]]
    estimate: Estimator | None = None


async def _estimate_native(
    options: Mapping[str, Any], dataset_id: str, dataset_dir: Path, settings: Settings
) -> dict[str, Any]:
    from whetstone.optimize.estimate import estimate  # the server rarely needs it, and starts faster without

    return await estimate(native_spec(options, "", Path(), dataset_id, dataset_dir), settings)


BACKENDS: Mapping[str, Backend] = MappingProxyType(
    {"native": Backend("whetstone.jobs.native:run_job", native_options, _estimate_native)}
)

# Names of the contract (§6.8) that stand for fine-tuning, which this version does not do.
FINE_TUNING = ("mlx", "cuda", "cpu")


def find_backend(name: str, backends: Mapping[str, Backend]) -> Backend:
    """The backend of that name.

    Raises `NotAvailableError` for a fine-tuning backend and `InvalidInputError` for an unknown name.
    """
    if name in backends:
        return backends[name]
    if name in FINE_TUNING:
        raise NotAvailableError(
            f"Fine-tuning with the '{name}' backend is not part of this version of Whetstone. "
            "Use backend 'native', which optimizes prompts"
        )
    available = ", ".join(backends)
    raise InvalidInputError(
        f"Backend '{name}' is not available on this system. Available backends: {available}"
    )
