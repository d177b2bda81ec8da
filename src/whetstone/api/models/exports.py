"""Request of the trajectory download (contract §5.1)."""

from __future__ import annotations

from typing import Annotated, Any, cast, get_args

from pydantic import Field, StrictBool, field_validator
from pydantic_core import PydanticCustomError

from whetstone.api.coercion import moment
from whetstone.api.edge.errors import SENTENCE
from whetstone.api.models.base import Flag, Lenient, WireModel, wire_config
from whetstone.datasets.downloads import Download, Format, JsonShape
from whetstone.trajectories.exports.compression import Compression
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.search.query import SearchMode

# The contract's sentence, and what this service has beyond the contract.
FORMAT_SENTENCE = "Format must be 'json', 'jsonl', 'csv', 'art', or 'zip'; 'parquet' is possible too"
JSON_SHAPE_SENTENCE = "jsonShape must be 'legacy' or 'eliza_native_v1'"


class ExportRequest(WireModel):
    """Which trajectories to download, and how. The filters are those of the list, combined with AND."""

    model_config = wire_config(
        {"format": "json", "includePrompts": True},
        {"format": "csv", "includePrompts": False, "startDate": "2026-02-01", "scenarioId": "s-1"},
        {"format": "json", "jsonShape": "eliza_native_v1", "trajectoryIds": ["t-1"]},
        {"format": "parquet", "forTraining": True, "task": "response", "minReward": 0.5},
        required=("format",),
    )

    format: Format = Field(validate_default=True, default=cast("Format", None))
    include_prompts: Lenient[StrictBool] = Field(
        default=None, description="Only `false` leaves the prompts out."
    )
    trajectory_ids: list[str] | None = None
    source: Lenient[str] = None
    status: Lenient[str] = Field(default=None, description="active, completed, error or timeout.")
    start_date: Lenient[str] = Field(default=None, description="ISO 8601; started then or later.")
    end_date: Lenient[str] = Field(default=None, description="ISO 8601; started then or earlier.")
    search: Lenient[str] = Field(default=None, description="Text anywhere in the trajectory.")
    search_mode: SearchMode | None = Field(
        default=None, description="How `search` is read; `text` if absent."
    )
    scenario_id: Lenient[str] = None
    batch_id: Lenient[str] = None
    run_id: Lenient[str] = None
    trace_id: Lenient[str] = None
    is_training_data: Lenient[Flag] = None
    task: Lenient[str] = Field(default=None, description="One of its calls is for this task.")
    model: Lenient[str] = Field(default=None, description="One of its calls used this model.")
    tag: Lenient[str] = None
    min_reward: Lenient[Annotated[float, Field(allow_inf_nan=False)]] = None
    has_error: Lenient[Flag] = Field(default=None, description="Whether it, or something in it, failed.")
    json_shape: JsonShape | None = Field(default=None, description="Shape of `json`; `legacy` if absent.")
    for_training: Lenient[Flag] = Field(
        default=None,
        description="Rows in `eliza_native_v1` behind the privacy filter, for `json` and `parquet`; "
        "`jsonl` and `art` always are.",
    )
    compression: Compression | None = Field(default=None, description="Not for `zip` and `parquet`.")

    def to_download(self) -> Download:
        """The request as the exports know it."""
        return Download(
            format=self.format,
            chosen=self._filter(),
            include_prompts=self.include_prompts is not False,
            json_shape=self.json_shape,
            for_training=self.for_training is True,
            compression=self.compression,
        )

    def _filter(self) -> TrajectoryFilter:
        return TrajectoryFilter(
            ids=self.trajectory_ids,
            source=self.source or None,
            status=self.status or None,
            start_date=moment(self.start_date),
            end_date=moment(self.end_date),
            search=self.search or None,
            search_mode=self.search_mode or "text",
            scenario_id=self.scenario_id or None,
            batch_id=self.batch_id or None,
            run_id=self.run_id or None,
            trace_id=self.trace_id or None,
            is_training_data=self.is_training_data,
            task=self.task or None,
            model=self.model or None,
            tag=self.tag or None,
            min_reward=self.min_reward,
            has_error=self.has_error,
        )

    @field_validator("format", mode="before")
    @classmethod
    def _known_format(cls, value: Any) -> Any:
        return _one_of(value, get_args(Format), FORMAT_SENTENCE)

    @field_validator("json_shape", mode="before")
    @classmethod
    def _known_shape(cls, value: Any) -> Any:
        return _one_of(value, (None, *get_args(JsonShape)), JSON_SHAPE_SENTENCE)


def _one_of(value: Any, known: tuple[str | None, ...], sentence: str) -> Any:
    if isinstance(value, dict | list) or value not in known:
        raise PydanticCustomError(SENTENCE, cast("Any", sentence))
    return value
