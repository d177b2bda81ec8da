"""What a client asks for when it starts a job (wire contract §6.8), checked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self, get_args

from whetstone.datasets.tasks import task_names
from whetstone.errors import InvalidInputError
from whetstone.finetune.spec import Backend, range_of
from whetstone.jobs.launchers.placement import check_launcher, check_resources

AUTO_DATASET = "__auto__"
DEFAULT_MAX_TRAJECTORIES = 250
_LARGEST_INTEGER = 2**31 - 1
_LONGEST_TEXT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """Options of a job; None means that the client left it open.

    `dataset_id` None means that a dataset is built first, from at most `max_trajectories` trajectories.
    `model`, `iterations`, `batch_size` and `learning_rate` are for the fine-tuning backends. `launcher` and
    `resources` say where it shall run (see `launchers.placement`). `dry_run` asks what the job would cost, and starts
    none. `more` are the request's other keys, as sent: the backend takes those that it knows.
    """

    dataset_id: str | None = None
    max_trajectories: int | None = None
    backend: str = "native"
    model: str | None = None
    iterations: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    launcher: str | None = None
    resources: Mapping[str, float] | None = None
    dry_run: bool = False
    more: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Options from a request body with the contract's camelCase keys.

        Null, and text that is blank, count as absent, and so does `datasetId: "__auto__"`. A value of the
        wrong type or range is refused with `InvalidInputError`.
        """
        dataset_id = _text(body, "datasetId")
        return cls(
            dataset_id=None if dataset_id == AUTO_DATASET else dataset_id,
            max_trajectories=_positive_integer(body, "maxTrajectories"),
            backend=_text(body, "backend") or "native",
            model=_text(body, "model"),
            iterations=_positive_integer(body, "iterations"),
            batch_size=_positive_integer(body, "batchSize"),
            learning_rate=_positive_number(body, "learningRate"),
            launcher=check_launcher(body),
            resources=check_resources(body),
            dry_run=_flag(body, "dryRun"),
            more={key: value for key, value in body.items() if key not in _KEYS},
        )

    def to_dict(self) -> dict[str, Any]:
        """The contract's options that are set, with its camelCase keys, as the job record shows them."""
        given = {key: getattr(self, name) for key, name in _KEYS.items()}
        return {key: value for key, value in given.items() if value is not None}


_KEYS = {
    "datasetId": "dataset_id",
    "maxTrajectories": "max_trajectories",
    "backend": "backend",
    "model": "model",
    "iterations": "iterations",
    "batchSize": "batch_size",
    "learningRate": "learning_rate",
    "launcher": "launcher",
    "resources": "resources",
}


def picked(body: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The keys of `body` that a backend knows; null and blank text count as absent."""
    return {key: value for key, value in body.items() if key in known and not _is_blank(value)}


def check_task(task: str) -> None:
    """Raise `InvalidInputError`, with the known names, for a task that there is not."""
    if task not in task_names():
        raise InvalidInputError(f"Task '{task}' is not known. Known tasks: {', '.join(task_names())}")


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _text(body: Mapping[str, Any], key: str) -> str | None:
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInputError(f"{key} must be a string")
    if len(value) > _LONGEST_TEXT or not all(map(_is_plain, value)):
        raise InvalidInputError(f"{key} must be well-formed text of at most {_LONGEST_TEXT} characters")
    return value.strip() or None


def _is_plain(character: str) -> bool:
    return character != "\x00" and not "\ud800" <= character <= "\udfff"


def _flag(body: Mapping[str, Any], key: str) -> bool:
    value = body.get(key)
    if value is not None and not isinstance(value, bool):
        raise InvalidInputError(f"{key} must be true or false")
    return bool(value)


def _positive_integer(body: Mapping[str, Any], key: str) -> int | None:
    value = body.get(key)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LARGEST_INTEGER:
        raise InvalidInputError(_wanted(body, key, "a positive whole number"))
    return value


def _positive_number(body: Mapping[str, Any], key: str) -> float | None:
    value = body.get(key)
    if value is None:
        return None
    # The upper bound also refuses infinity, and integers that no float can hold.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e18:
        raise InvalidInputError(_wanted(body, key, "a positive number"))
    return float(value)


def _wanted(body: Mapping[str, Any], key: str, usual: str) -> str:
    """What `key` takes, in a sentence: of a backend that trains weights its own range."""
    trains = _text(body, "backend") in get_args(Backend)
    return (range_of(key) if trains else None) or f"{key} must be {usual}"
