"""Any export of trajectories by what its caller asks for: raw records, or training rows behind the privacy filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

from whetstone.datasets.exports import TrainingFormat, export_training
from whetstone.errors import InvalidInputError
from whetstone.settings import Settings
from whetstone.trajectories.exports.compression import Compression, compressed
from whetstone.trajectories.exports.export import Export, RawFormat, export
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore

Format = Literal["json", "jsonl", "csv", "art", "zip", "parquet"]
JsonShape = Literal["legacy", "eliza_native_v1"]

_ALWAYS_TRAINING = ("jsonl", "art")


@dataclass(frozen=True, slots=True)
class Download:
    """What to download, and how."""

    format: Format
    chosen: TrajectoryFilter
    include_prompts: bool = True
    json_shape: JsonShape | None = None
    for_training: bool = False
    compression: Compression | None = None


def open_download(store: TrajectoryStore, settings: Settings, wanted: Download) -> Export:
    """The file; nothing is read before its first chunk. Raises InvalidInputError where the options do not fit."""
    made: Export
    if _is_training(wanted):
        kind = cast("TrainingFormat", wanted.format)
        made = export_training(store, settings, kind, wanted.chosen, wanted.include_prompts)
    else:
        made = export(store, cast("RawFormat", wanted.format), wanted.chosen, wanted.include_prompts)
    return made if wanted.compression is None else compressed(made, wanted.compression)


def _is_training(wanted: Download) -> bool:
    """Whether the file is meant for training, and so must pass the privacy filter."""
    if wanted.for_training and wanted.format not in get_args(TrainingFormat):
        raise InvalidInputError("forTraining needs the format 'json', 'jsonl', 'art' or 'parquet'")
    native = wanted.format == "json" and wanted.json_shape == "eliza_native_v1"
    if wanted.for_training and wanted.format == "json" and wanted.json_shape == "legacy":
        raise InvalidInputError("forTraining gives rows in 'eliza_native_v1'; the legacy shape is raw")
    return wanted.for_training or native or wanted.format in _ALWAYS_TRAINING
