"""Request of the trajectory download (contract §5.1)."""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

from pydantic import Field, StrictBool, field_validator
from pydantic_core import PydanticCustomError

from whetstone.api.edge.errors import SENTENCE
from whetstone.api.models.base import Lenient, WireModel, wire_config

Format = Literal["json", "jsonl", "csv", "art", "zip"]
JsonShape = Literal["legacy", "eliza_native_v1"]

FORMAT_SENTENCE = "Format must be 'json', 'jsonl', 'csv', 'art', or 'zip'"
JSON_SHAPE_SENTENCE = "jsonShape must be 'legacy' or 'eliza_native_v1'"


class ExportRequest(WireModel):
    """Which trajectories to download, and how. The filters are combined with AND."""

    model_config = wire_config(
        {"format": "json", "includePrompts": True},
        {"format": "csv", "includePrompts": False, "startDate": "2026-02-01", "scenarioId": "s-1"},
        {"format": "json", "jsonShape": "eliza_native_v1", "trajectoryIds": ["t-1"]},
        required=("format",),
    )

    format: Format = Field(validate_default=True, default=cast("Format", None))
    include_prompts: Lenient[StrictBool] = Field(
        default=None, description="Only `false` leaves the prompts out."
    )
    trajectory_ids: list[str] | None = None
    start_date: Lenient[str] = Field(default=None, description="ISO 8601; of the start.")
    end_date: Lenient[str] = Field(default=None, description="ISO 8601; of the start.")
    scenario_id: Lenient[str] = None
    batch_id: Lenient[str] = None
    json_shape: JsonShape | None = Field(default=None, description="Shape of `json`; `legacy` if absent.")

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
