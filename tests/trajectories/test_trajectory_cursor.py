"""Cursors: a list goes on exactly behind the row where it was left, whatever is stored meanwhile."""

from __future__ import annotations

import base64
from typing import Any, get_args

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trajectory_world import record
from whetstone.errors import InvalidInputError
from whetstone.trajectories.reading import cursor
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.reading.keyset import Place
from whetstone.trajectories.reading.pages import PageRequest
from whetstone.trajectories.reading.sorting import Sort, SortKey
from whetstone.trajectories.store import TrajectoryStore

COLUMN_SORTS = [by for by in get_args(SortKey) if by != "relevance"]
# Small ranges: ties are what a cursor can stumble over.
ROWS = st.fixed_dictionaries(
    {
        "createdAt": st.integers(1_000, 1_003),
        "startTime": st.integers(1_000, 1_002),
        "source": st.sampled_from(["chat", "api"]),
    },
    optional={
        "endTime": st.integers(1_002, 1_005),
        "totalReward": st.sampled_from([-1.5, 0.0, 0.1, 1.0]),
        "llmCalls": st.lists(st.fixed_dictionaries({"promptTokens": st.integers(0, 2)}), max_size=1),
    },
)


async def add(store: TrajectoryStore, rows: list[dict[str, Any]], prefix: str) -> list[str]:
    ids = [f"{prefix}{number}" for number in range(len(rows))]
    await store.add([record({"id": name, **row}) for name, row in zip(ids, rows, strict=True)])
    return ids


async def walk(store: TrajectoryStore, wanted: TrajectoryFilter, size: int, sort: Sort) -> list[str]:
    found: list[str] = []
    following = None
    while True:
        page = await store.page(wanted, PageRequest(size, sort=sort, cursor=following))
        found += [row["id"] for row in page.records]
        following = page.next_cursor
        if following is None:
            return found
        assert len(page.records) == size


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    first=st.lists(ROWS, max_size=12),
    later=st.lists(st.lists(ROWS, max_size=3), max_size=12),
    size=st.integers(1, 5),
    by=st.sampled_from(COLUMN_SORTS),
    descending=st.booleans(),
    source=st.sampled_from([None, "chat"]),
)
async def test_a_walk_meets_each_row_once_while_others_arrive(
    store: TrajectoryStore,
    first: list[dict[str, Any]],
    later: list[list[dict[str, Any]]],
    size: int,
    by: SortKey,
    descending: bool,
    source: str | None,
) -> None:
    await store.delete_all()
    await add(store, first, "first-")
    sort, wanted = Sort(by, descending), TrajectoryFilter(source=source)
    expected = [row["id"] for row in (await store.page(wanted, PageRequest(500, sort=sort))).records]
    met: list[str] = []
    arriving = iter(enumerate(later))
    following = None
    while True:
        page = await store.page(wanted, PageRequest(size, sort=sort, cursor=following))
        met += [row["id"] for row in page.records]
        following = page.next_cursor
        if following is None:
            break
        number, rows = next(arriving, (0, []))
        await add(store, rows, f"later-{number}-")
    assert [name for name in met if name.startswith("first-")] == expected
    assert len(met) == len(set(met))


async def test_a_cursor_of_an_offset_page_goes_on_behind_it(store: TrajectoryStore) -> None:
    await add(store, [{"createdAt": 1_000 + number} for number in range(7)], "t")
    page = await store.page(TrajectoryFilter(), PageRequest(2, offset=3))
    assert [row["id"] for row in page.records] == ["t3", "t2"]
    rest = await store.page(TrajectoryFilter(), PageRequest(5, cursor=page.next_cursor))
    assert [row["id"] for row in rest.records] == ["t1", "t0"]
    assert (rest.next_cursor, rest.total) == (None, 7)


async def test_a_deleted_row_does_not_disturb_its_cursor(store: TrajectoryStore) -> None:
    await add(store, [{"createdAt": 1_000}] * 5, "t")
    page = await store.page(TrajectoryFilter(), PageRequest(2))
    await store.delete(["t3"])
    assert await walk_on(store, page.next_cursor) == ["t2", "t1", "t0"]


async def walk_on(store: TrajectoryStore, following: str | None) -> list[str]:
    page = await store.page(TrajectoryFilter(), PageRequest(50, cursor=following))
    return [row["id"] for row in page.records]


@pytest.mark.parametrize("mode", ["text", "query"])
async def test_a_search_is_walked_too(store: TrajectoryStore, mode: Any) -> None:
    rows = [
        {"createdAt": 1_000 + number % 3, "llmCalls": [{"response": ["needle", "hay"][number % 2]}]}
        for number in range(11)
    ]
    await add(store, rows, "t")
    wanted = TrajectoryFilter(search="needle", search_mode=mode)
    by_time = await walk(store, wanted, 2, Sort())
    assert sorted(by_time) == sorted(f"t{number}" for number in range(0, 11, 2))
    assert sorted(await walk(store, wanted, 2, Sort("relevance"))) == sorted(by_time)


@given(
    value=st.none() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    key=st.integers(1, 2**62),
)
def test_what_is_encoded_is_decoded(value: float | None, key: int) -> None:
    place, wanted, sort = Place(value, key), TrajectoryFilter(source="ü", min_reward=0.5), Sort("reward")
    text = cursor.encode(place, wanted, sort)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert cursor.decode(text, wanted, sort) == place


def test_cursors_of_other_lists_are_refused() -> None:
    wanted, sort = TrajectoryFilter(source="chat", ids=["b", "a"], search="x"), Sort("tokens")
    text = cursor.encode(Place(5, 7), wanted, sort)
    same = TrajectoryFilter(source="chat", ids=["a", "b", "a"], search="x")
    assert cursor.decode(text, same, sort) == Place(5, 7)
    others = [
        (TrajectoryFilter(source="api", ids=["b", "a"], search="x"), sort),
        (TrajectoryFilter(source="chat", ids=["b"], search="x"), sort),
        (TrajectoryFilter(source="chat", ids=["b", "a"], search="x", search_mode="query"), sort),
        (TrajectoryFilter(), sort),
        (wanted, Sort("tokens", descending=False)),
        (wanted, Sort("startTime")),
    ]
    for other, order in others:
        with pytest.raises(InvalidInputError, match="another filter or order"):
            cursor.decode(text, other, order)


NO_CONTENT: list[Any] = [
    *([], {}, None, "x", [1, "", 1], [1, "", 1, True], [2, "", 1, 1], [1, "", "1", 1], [1, "", 1, 2**63]),
]
GARBAGE = [
    *("", "x", "null", "é", "a" * 5000),
    *(base64.urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("=") for content in NO_CONTENT),
]


@given(st.text() | st.sampled_from(GARBAGE))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        cursor.decode(text, TrajectoryFilter(), Sort())


def test_a_cursor_without_a_value_is_refused_where_every_row_has_one() -> None:
    for sort in (Sort(), Sort("tokens")):
        text = cursor.encode(Place(None, 1), TrajectoryFilter(), sort)
        with pytest.raises(InvalidInputError):
            cursor.decode(text, TrajectoryFilter(), sort)
    text = cursor.encode(Place(0.5, 1), TrajectoryFilter(), Sort("duration"))
    with pytest.raises(InvalidInputError):
        cursor.decode(text, TrajectoryFilter(), Sort("duration"))
