"""Which trajectories to delete. Stricter than the list's query: a misspelt filter must never mean all of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from whetstone.api.coercion import moment
from whetstone.api.edge.errors import SENTENCE
from whetstone.api.models.base import Flag, Lenient, WireModel, wire_config
from whetstone.trajectories.reading.conditions import TrajectoryFilter


def _moment(value: Any) -> int | None:
    if value is None:
        return None
    found = moment(value) if isinstance(value, str) else None
    if found is None:
        msg = "a date or time in ISO 8601 is expected"
        raise ValueError(msg)
    return found


_Text = Annotated[str, Field(strict=True, min_length=1)]
_Moment = Annotated[
    int, BeforeValidator(_moment), Field(json_schema_extra={"type": "string", "format": "date-time"})
]


class DeletionFilter(BaseModel):
    """The filters of the list by the same names, combined with AND. At least one, and no unknown ones."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    source: _Text | None = None
    status: _Text | None = None
    start_date: _Moment | None = Field(default=None, description="Started at this time or later.")
    end_date: _Moment | None = Field(default=None, description="Started at this time or earlier.")
    search: _Text | None = None
    search_mode: Literal["text", "query"] | None = None
    scenario_id: _Text | None = None
    batch_id: _Text | None = None
    run_id: _Text | None = None
    trace_id: _Text | None = None
    task: _Text | None = None
    model: _Text | None = None
    tag: _Text | None = None
    is_training_data: Flag | None = None
    min_reward: Annotated[float, Field(allow_inf_nan=False)] | None = None
    has_error: Flag | None = None

    @model_validator(mode="after")
    def _restricts(self) -> DeletionFilter:
        if not self._given().keys() - {"search_mode"}:
            sentence = "'filter' must restrict something; to delete everything, send 'clearAll': true"
            raise PydanticCustomError(SENTENCE, sentence)
        return self

    def to_filter(self) -> TrajectoryFilter:
        """The filter as the store knows it."""
        return TrajectoryFilter(**self._given())

    def _given(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True)


class DeleteTrajectories(WireModel):
    """Which trajectories to delete: some by id, all, or those that a filter means."""

    model_config = wire_config(
        {"trajectoryIds": ["t-1", "t-2"]},
        {"clearAll": True},
        {"all": True},
        {"filter": {"status": "error", "endDate": "2026-02-01T00:00:00Z"}},
    )

    trajectory_ids: list[str] | None = None
    clear_all: Lenient[StrictBool] = None
    all: Lenient[StrictBool] = None
    filter: DeletionFilter | None = None

    @property
    def everything(self) -> bool:
        """Whether all are meant."""
        return bool(self.clear_all or self.all)

    @model_validator(mode="after")
    def _one_way(self) -> DeleteTrajectories:
        # Dashboards may send an empty list of ids along with `clearAll`.
        ids = bool(self.trajectory_ids) if self.everything else self.trajectory_ids is not None
        ways = sum((ids, self.everything, self.filter is not None))
        if ways > 1:
            sentence = "Send either 'trajectoryIds', 'filter' or 'clearAll', not several of them"
            raise PydanticCustomError(SENTENCE, sentence)
        if not ways:
            sentence = (
                "Request must include 'trajectoryIds' (an array of ids), 'filter' (an object), "
                "'clearAll': true or 'all': true"
            )
            raise PydanticCustomError(SENTENCE, sentence)
        return self


class Deleted(WireModel):
    """How many trajectories were really deleted, and how many are left."""

    model_config = wire_config({"deleted": 2, "remaining": 148})

    deleted: int
    remaining: int | None = Field(default=None, description="Trajectories that are stored after that.")
    not_found: int | None = Field(default=None, description="Ids that named none; with `trajectoryIds`.")
