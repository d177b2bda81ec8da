"""Lists: every filter with every other, every order, exact totals, and what records carry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import event

from trajectory_world import record
from whetstone.db import Database
from whetstone.errors import InvalidInputError
from whetstone.settings import Settings
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.reading.pages import PageRequest
from whetstone.trajectories.reading.sorting import Sort, SortKey, parse_sort
from whetstone.trajectories.store import TrajectoryStore

COLUMN_SORTS = [by for by in get_args(SortKey) if by != "relevance"]
SPECS = st.fixed_dictionaries(
    {
        "createdAt": st.integers(1_000, 1_004),
        "startTime": st.integers(1_000, 1_003),
        "source": st.sampled_from(["chat", "api"]),
        "status": st.sampled_from(["active", "completed", "error", "timeout"]),
        "isTrainingData": st.booleans(),
        "models": st.lists(st.sampled_from(["m1", "m2"]), max_size=2),
        "purpose": st.sampled_from(["plan", "answer"]),
        "tags": st.lists(st.sampled_from(["red", "blue"]), max_size=2, unique=True),
        "failed": st.booleans(),
        "word": st.sampled_from(["Needle", "hay"]),
    },
    optional={
        "totalReward": st.sampled_from([-1.0, 0.0, 0.5]),
        "endTime": st.integers(1_003, 1_005),
        "scenarioId": st.sampled_from(["s1", "s2"]),
        "batchId": st.sampled_from(["b1", "b2"]),
        "runId": st.sampled_from(["r1", "r2"]),
        "traceId": st.sampled_from(["x1", "x2"]),
    },
)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "source": st.sampled_from(["chat", "api", "nowhere"]),
        "status": st.sampled_from(["active", "completed", "error", "timeout"]),
        "start_date": st.integers(1_000, 1_003),
        "end_date": st.integers(1_000, 1_003),
        "search": st.sampled_from(["needle", "NEEDLE", "eedl", "m2"]),
        "scenario_id": st.sampled_from(["s1", "s2"]),
        "batch_id": st.sampled_from(["b1", "b2"]),
        "run_id": st.sampled_from(["r1", "r2"]),
        "trace_id": st.sampled_from(["x1", "x2"]),
        "is_training_data": st.booleans(),
        "ids": st.lists(st.sampled_from([f"t{number}" for number in range(14)]), max_size=10),
        "model": st.sampled_from(["m1", "m2", "unknown"]),
        "task": st.sampled_from(["plan", "answer", "other"]),
        "tag": st.sampled_from(["red", "blue"]),
        "min_reward": st.sampled_from([-1.0, 0.0, 0.25, 9.0]),
        "has_error": st.booleans(),
    },
)


def purposes(call: Mapping[str, Any]) -> Sequence[str]:
    return [call["purpose"]]


@pytest.fixture
def store(database: Database, settings: Settings) -> TrajectoryStore:
    return TrajectoryStore(database, settings, purposes)


def as_input(name: str, spec: dict[str, Any]) -> Any:
    members = {
        key: value for key, value in spec.items() if key not in {"models", "purpose", "failed", "word"}
    }
    calls = [
        {"model": model, "purpose": spec["purpose"], "response": spec["word"]} for model in spec["models"]
    ]
    if calls and spec["failed"]:
        calls[0]["finishReason"] = "error"
    return record({"id": name, "llmCalls": calls, **members})


def meets(name: str, spec: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """The filter in plain Python."""
    has_calls = bool(spec["models"])
    texts = [name, spec["source"], spec["status"], *(spec.get(key, "") for key in ("scenarioId", "batchId"))]
    texts += [*spec["models"], *([spec["word"], spec["purpose"]] if has_calls else [])]
    failed = spec["status"] in {"error", "timeout"} or (has_calls and spec["failed"])
    reward = spec.get("totalReward")
    checks: dict[str, Callable[[Any], bool]] = {
        "source": lambda value: spec["source"] == value,
        "status": lambda value: spec["status"] == value,
        "start_date": lambda value: spec["startTime"] >= value,
        "end_date": lambda value: spec["startTime"] <= value,
        "search": lambda value: any(value.lower() in text.lower() for text in texts),
        "scenario_id": lambda value: spec.get("scenarioId") == value,
        "batch_id": lambda value: spec.get("batchId") == value,
        "run_id": lambda value: spec.get("runId") == value,
        "trace_id": lambda value: spec.get("traceId") == value,
        "is_training_data": lambda value: spec["isTrainingData"] is value,
        "ids": lambda value: name in value,
        "model": lambda value: value in spec["models"],
        "task": lambda value: has_calls and spec["purpose"] == value,
        "tag": lambda value: value in spec["tags"],
        "min_reward": lambda value: reward is not None and reward >= value,
        "has_error": lambda value: failed is value,
    }
    return all(checks[key](value) for key, value in wanted.items())


def in_order(specs: dict[str, dict[str, Any]], sort: Sort) -> list[str]:
    """Ids as a plain sort has them; those without the value last, equal ones by arrival."""

    def value(spec: dict[str, Any]) -> Any:
        if sort.by == "duration":
            return None if "endTime" not in spec else max(0, spec["endTime"] - spec["startTime"])
        member = {"createdAt": "createdAt", "startTime": "startTime", "reward": "totalReward"}.get(sort.by)
        return spec.get(member) if member else 0

    keyed = [(value(spec), number, name) for number, (name, spec) in enumerate(specs.items())]
    known = sorted((each for each in keyed if each[0] is not None), reverse=sort.descending)
    unknown = sorted((each[1:] for each in keyed if each[0] is None), reverse=sort.descending)
    return [name for _, _, name in known] + [name for _, name in unknown]


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    specs=st.lists(SPECS, max_size=14),
    filters=st.lists(FILTERS, min_size=1, max_size=6),
    by=st.sampled_from(COLUMN_SORTS),
    descending=st.booleans(),
    offset=st.integers(0, 8),
)
async def test_filters_and_orders_are_those_of_plain_python(
    store: TrajectoryStore,
    specs: list[dict[str, Any]],
    filters: list[dict[str, Any]],
    by: SortKey,
    descending: bool,
    offset: int,
) -> None:
    named = {f"t{number}": spec for number, spec in enumerate(specs)}
    # An end says how long it took only where the trajectory has ended.
    for spec in specs:
        if spec["status"] == "active":
            spec.pop("endTime", None)
        elif "endTime" not in spec:
            spec["endTime"] = 1_005
    await store.delete_all()
    await store.add([as_input(name, spec) for name, spec in named.items()])
    sort = Sort(by, descending)
    for wanted in filters:
        expected = in_order({n: spec for n, spec in named.items() if meets(n, spec, wanted)}, sort)
        page = await store.page(TrajectoryFilter(**wanted), PageRequest(500, offset, sort))
        assert page.total == len(expected), wanted
        assert [row["id"] for row in page.records] == expected[offset:], wanted
        part = await store.page(TrajectoryFilter(**wanted), PageRequest(3, offset, sort))
        assert [row["id"] for row in part.records] == expected[offset : offset + 3], wanted
        streamed = {each["trajectoryId"] async for each in store.stream(TrajectoryFilter(**wanted))}
        assert streamed == set(expected), wanted


async def test_tokens_order_and_rows_without_a_value_come_last_both_ways(store: TrajectoryStore) -> None:
    calls = [{"promptTokens": 5}]
    await store.add(
        [
            record({"id": "none"}),
            record({"id": "low", "totalReward": -1, "llmCalls": calls}),
            record({"id": "high", "totalReward": 2, "llmCalls": calls * 2}),
        ]
    )

    async def ids(by: SortKey, *, descending: bool) -> list[str]:
        page = await store.page(TrajectoryFilter(), PageRequest(9, sort=Sort(by, descending)))
        return [row["id"] for row in page.records]

    assert await ids("reward", descending=True) == ["high", "low", "none"]
    assert await ids("reward", descending=False) == ["low", "high", "none"]
    assert await ids("tokens", descending=True) == ["high", "low", "none"]
    assert await ids("tokens", descending=False) == ["none", "low", "high"]


async def test_totals_stay_exact_while_rows_change_and_go(store: TrajectoryStore) -> None:
    await store.add(
        [record({"id": f"t{n}", "source": f"s{n % 3}", "status": "completed"}) for n in range(30)]
    )
    await store.add([record({"id": "t0", "toolEvents": [{"type": "tool_error"}]})])
    await store.delete([f"t{n}" for n in range(20, 30)])

    async def total(**wanted: Any) -> int:
        page = await store.page(TrajectoryFilter(**wanted), PageRequest(1))
        rows = [row async for row in store.records(TrajectoryFilter(**wanted))]
        assert page.total == len(rows)
        return page.total

    assert await total() == 20
    assert await total(source="s0") == 7
    assert await total(status="completed") == 20
    assert await total(status="completed", source="s1") == 7
    assert await total(source="s0", has_error=True) == 1
    assert await total(has_error=False) == 19
    assert await total(model="unknown") == 0
    await store.delete_all()
    assert await total() == await total(has_error=True) == await total(source="s0") == 0


async def test_records_carry_sums_and_labels(store: TrajectoryStore) -> None:
    calls = [
        {"model": "m2", "purpose": "plan", "promptTokens": 3, "completionTokens": 4},
        {"model": "m1", "purpose": "plan", "finishReason": "error"},
    ]
    await store.add([record({"id": "t", "llmCalls": calls, "tags": ["b", "a"]}), record({"id": "bare"})])
    page = await store.page(TrajectoryFilter(), PageRequest(5))
    bare, full = page.records
    names = ("totalTokens", "errorCount", "models", "tasks", "tags")
    assert [full[name] for name in names] == [7, 1, ["m1", "m2"], ["plan"], ["a", "b"]]
    assert [bare[name] for name in names] == [0, 0, [], [], []]
    assert page.search is None
    assert "snippet" not in full


async def test_only_a_search_has_relevance_and_lag(store: TrajectoryStore) -> None:
    await store.add([record({"id": "t", "llmCalls": [{"response": "a needle"}]}), record({"id": "other"})])
    with pytest.raises(InvalidInputError, match="search"):
        await store.page(TrajectoryFilter(), PageRequest(5, sort=Sort("relevance")))
    wanted = TrajectoryFilter(search="needle", model="unknown", has_error=False)
    page = await store.page(wanted, PageRequest(5, sort=Sort("relevance")))
    assert [row["id"] for row in page.records] == ["t"]
    assert page.search is not None
    assert page.search.pending >= 0


def test_orders_have_names() -> None:
    assert parse_sort(None, None) == parse_sort("", "") == Sort("createdAt", True)
    assert parse_sort("reward", "asc") == Sort("reward", False)
    for by, order in (("rewards", None), ("createdat", None), (None, "up")):
        with pytest.raises(InvalidInputError, match="must be"):
            parse_sort(by, order)


@asynccontextmanager
async def statements(database: Database) -> AsyncIterator[list[tuple[str, Any]]]:
    """The statements that the database executes within the block, with their parameters."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        seen.append((statement, parameters))

    async with database.read() as connection:
        engine = connection.engine
    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine.sync_engine, "before_cursor_execute", note)


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("by", COLUMN_SORTS)
async def test_pages_are_read_along_an_index(
    store: TrajectoryStore, database: Database, by: SortKey, descending: bool
) -> None:
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL scans small tables")
    await store.add([record({"id": f"t{n}", "totalReward": n, "startTime": n}) for n in range(20)])
    sort = Sort(by, descending)
    async with statements(database) as seen:
        first = await store.page(TrajectoryFilter(), PageRequest(5, sort=sort))
        await store.page(TrajectoryFilter(), PageRequest(15, sort=sort, cursor=first.next_cursor))
        await store.page(TrajectoryFilter(), PageRequest(5, 12, sort=sort))
    sorted_queries = [each for each in seen if "ORDER BY trajectories." in each[0]]
    assert len(sorted_queries) >= 3
    async with database.read() as connection:
        for statement, parameters in sorted_queries:
            plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all()
            assert "USING COVERING INDEX ix_trajectories_" in str(plan), (statement, plan)
            assert "TEMP B-TREE" not in str(plan), (statement, plan)
