"""Which trajectories, and in which order: the query parameters of lists (contract §3.1)."""

from __future__ import annotations

from typing import Annotated, cast, get_args

from fastapi import Depends, Query

from whetstone.api.coercion import finite_number, flag, list_limit, list_offset, moment
from whetstone.errors import InvalidInputError
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.reading.pages import PageRequest
from whetstone.trajectories.reading.sorting import parse_sort
from whetstone.trajectories.search.query import SearchMode


def trajectory_filter(
    source: Annotated[
        str | None, Query(description="chat, autonomy, telegram, discord, api…", examples=["chat"])
    ] = None,
    status: Annotated[
        str | None, Query(description="active, completed, error or timeout.", examples=["completed"])
    ] = None,
    start_date: Annotated[
        str | None,
        Query(
            alias="startDate",
            description="Started at this time or later (ISO 8601).",
            examples=["2026-02-01T00:00:00Z"],
        ),
    ] = None,
    end_date: Annotated[
        str | None,
        Query(
            alias="endDate",
            description="Started at this time or earlier (ISO 8601).",
            examples=["2026-02-28T23:59:59Z"],
        ),
    ] = None,
    search: Annotated[
        str | None,
        Query(
            description="Text anywhere in the trajectory, prompts and answers included.", examples=["refund"]
        ),
    ] = None,
    search_mode: Annotated[
        str | None,
        Query(
            alias="searchMode",
            description=(
                "`text` (default): `search` is a piece of text, upper and lower case alike, every character "
                'literal. `query`: words that must all occur, in any order; `"a phrase"`, `prefix*`, `-not`, `OR`.'
            ),
            examples=["text", "query"],
        ),
    ] = None,
    scenario_id: Annotated[
        str | None,
        Query(alias="scenarioId", description="As recorded in the metadata.", examples=["scenario-1"]),
    ] = None,
    batch_id: Annotated[
        str | None, Query(alias="batchId", description="As recorded in the metadata.", examples=["batch-1"])
    ] = None,
    run_id: Annotated[
        str | None,
        Query(alias="runId", description="As recorded with the LLM calls or steps.", examples=["run-1"]),
    ] = None,
    trace_id: Annotated[
        str | None,
        Query(alias="traceId", description="As recorded with the LLM calls or steps.", examples=["trace-1"]),
    ] = None,
    is_training_data: Annotated[
        str | None,
        Query(alias="isTrainingData", description="`true`, or anything else for false.", examples=["true"]),
    ] = None,
    task: Annotated[
        str | None, Query(description="Some call is of this task.", examples=["should_respond"])
    ] = None,
    model: Annotated[str | None, Query(description="Some call used this model.", examples=["gpt-4o"])] = None,
    tag: Annotated[str | None, Query(description="Has this tag.", examples=["checked"])] = None,
    min_reward: Annotated[
        str | None,
        Query(
            alias="minReward",
            description="Rewarded with this or more; what is not a number does not restrict.",
            examples=["0.5"],
        ),
    ] = None,
    has_error: Annotated[
        str | None,
        Query(
            alias="hasError",
            description="`true`: status error or timeout, or something in it failed; anything else: the others.",
            examples=["true"],
        ),
    ] = None,
) -> TrajectoryFilter:
    """The filter that a query asks for. Raises InvalidInputError on an unknown `searchMode`."""
    return TrajectoryFilter(
        source=source or None,
        status=status or None,
        start_date=moment(start_date),
        end_date=moment(end_date),
        search=search or None,
        scenario_id=scenario_id or None,
        batch_id=batch_id or None,
        run_id=run_id or None,
        trace_id=trace_id or None,
        is_training_data=flag(is_training_data),
        task=task or None,
        model=model or None,
        tag=tag or None,
        min_reward=finite_number(min_reward),
        has_error=flag(has_error or None),
        search_mode=_search_mode(search_mode),
    )


def page_request(
    limit: Annotated[
        str | None, Query(description="1 to 500; 50 for anything that is not a number.", examples=["50"])
    ] = None,
    offset: Annotated[
        str | None, Query(description="Matches to skip; ignored with a cursor.", examples=["0"])
    ] = None,
    sort: Annotated[
        str | None,
        Query(
            description=(
                "`createdAt` (default), `startTime`, `duration`, `tokens`, `reward`; with `search` also "
                "`relevance`, which lists the 1,000 best matches. Trajectories without the value come last."
            ),
            examples=["createdAt", "reward"],
        ),
    ] = None,
    order: Annotated[
        str | None,
        Query(
            description="`desc` (default) or `asc`; by relevance the best is always first.", examples=["desc"]
        ),
    ] = None,
    cursor: Annotated[
        str | None,
        Query(
            description="`nextCursor` of the page before, with the same filters and order.",
            examples=[""],
        ),
    ] = None,
) -> PageRequest:
    """The page that a query asks for. Raises InvalidInputError on an unknown order."""
    return PageRequest(
        limit=list_limit(limit, default=50),
        offset=0 if cursor else list_offset(offset),
        sort=parse_sort(sort, order),
        cursor=cursor or None,
    )


FilterQuery = Annotated[TrajectoryFilter, Depends(trajectory_filter)]
PageQuery = Annotated[PageRequest, Depends(page_request)]


def _search_mode(text: str | None) -> SearchMode:
    if text and text not in get_args(SearchMode):
        msg = "'searchMode' must be text or query"
        raise InvalidInputError(msg)
    return cast("SearchMode", text or "text")
