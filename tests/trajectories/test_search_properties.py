"""The index finds what a look at all texts finds: for any text, in any order of writes, deletions and indexing."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from whetstone.db import Database
from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.search.indexing import index_now
from whetstone.trajectories.search.letters import fold
from whetstone.trajectories.search.plan import plan_search
from whetstone.trajectories.search.scan import matches
from whetstone.trajectories.search.search_plan import SearchPlan
from whetstone.trajectories.store import TrajectoryStore
from whetstone.trajectories.tables import trajectories

_ALPHABET = "aAnbuU01 \n\t\\\"'.,-_(){}[]:/%*?^ßẞéÉe\u0301σςΣжЖİıǅ\u212a\u017f\u001f\u001e\u0001你好ไทยمرح😀"
_TEXTS = st.text(st.sampled_from(_ALPHABET), min_size=1, max_size=24) | st.text(min_size=1, max_size=12)
_WORDS = st.lists(
    st.sampled_from(
        ["error", "Errors", "note", "new", "a", "foo", " ", "  ", "\n", "\\n", '"', ". ", "(", "你", "9"]
    ),
    min_size=1,
    max_size=8,
).map("".join)


async def found(database: Database, needle: str) -> tuple[set[str], SearchPlan]:
    """Ids by every way of the plan, which must agree with the scan of all texts."""
    async with database.read() as connection:
        plan = await plan_search(connection, database, needle)
        assert plan is not None
        ids = []
        for condition in (plan.condition(), plan.probe(), trajectories.c.key.in_(plan.keys())):
            ids.append(set((await connection.execute(select(trajectories.c.id).where(condition))).scalars()))
        scan = select(trajectories.c.id).where(matches(database.dialect, needle))
        expected = set((await connection.execute(scan)).scalars())
        assert ids == [expected] * 3, (needle, plan)
        assert await plan.count(connection) == len(expected)
        if plan.scan is None:
            assert len(await plan.relevance(connection)) == len(expected)
        return expected, plan


def part_of(text: str, start: int, length: int) -> str:
    start %= len(text)
    return text[start : start + length]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    texts=st.lists(
        st.tuples(_TEXTS | _WORDS, st.sampled_from(["userPrompt", "messages", "metadata"])),
        min_size=1,
        max_size=4,
    ),
    late=st.lists(st.tuples(_TEXTS | _WORDS, st.sampled_from(["userPrompt", "messages"])), max_size=2),
    parts=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)), min_size=1, max_size=3),
    other=_TEXTS | _WORDS,
    in_json=st.booleans(),
)
async def test_index_and_tail_agree_with_the_texts(
    store: TrajectoryStore,
    database: Database,
    texts: list[tuple[str, str]],
    late: list[tuple[str, str]],
    parts: list[tuple[int, int]],
    other: str,
    in_json: bool,
) -> None:
    await store.delete_all()
    await store.add([_said(f"t{number}", *each) for number, each in enumerate(texts)])
    await index_now(database)
    await store.add([_said(f"t{number}", *each, call="late") for number, each in enumerate(late)])
    everything = [text for text, _ in texts + late]
    needles = [other]
    for number, (start, length) in enumerate(parts):
        text = everything[number % len(everything)]
        needles.append(part_of(orjson.dumps(text).decode() if in_json else text, start, length))
    for needle in needles:
        await found(database, needle)
    await index_now(database)
    for needle in needles:
        ids, plan = await found(database, needle)
        for text, _ in texts:
            # Whoever wrote a text finds it by any part of it.
            if fold(needle) in fold(text.replace("\x00", "\ufffd")):
                assert ids
        assert plan.tail is None
    await store.delete(["t0"])
    for needle in needles:
        await found(database, needle)
    await index_now(database)
    for needle in needles:
        assert "t0" not in (await found(database, needle))[0]


_TERMS = st.sampled_from(
    [
        "error",
        "errors",
        "ERR*",
        "note",
        "n*",
        "a",
        "foo",
        '"foo error"',
        '"error"*',
        '"foo."',
        "你",
        "(",
        "9",
        "\\\\n",
        "new",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    texts=st.lists(st.tuples(_WORDS, st.sampled_from(["userPrompt", "messages"])), min_size=1, max_size=5),
    wanted=st.lists(st.tuples(_TERMS, st.sampled_from([" ", " OR "])), min_size=1, max_size=3),
    excluded=st.lists(_TERMS, max_size=1),
)
async def test_a_query_means_the_same_with_and_without_the_index(
    store: TrajectoryStore,
    database: Database,
    texts: list[tuple[str, str]],
    wanted: list[tuple[str, str]],
    excluded: list[str],
) -> None:
    query = "".join(term + joint for term, joint in wanted).removesuffix("OR ")
    query += "".join(f" -{term}" for term in excluded)
    await store.delete_all()
    await index_now(database)
    await store.add([_said(f"t{number}", *each) for number, each in enumerate(texts)])
    answers = []
    for _ in range(2):
        async with database.read() as connection:
            plan = await plan_search(connection, database, query, "query")
            assert plan is not None
            condition = select(trajectories.c.id).where(plan.condition()).order_by(trajectories.c.id)
            answers.append((await connection.execute(condition)).scalars().all())
        await index_now(database)
    assert answers[0] == answers[1], query


def _said(identifier: str, text: str, place: str, call: str = "first") -> TrajectoryInput:
    if place == "metadata":
        return TrajectoryInput.model_validate({"id": identifier, "metadata": {"note": text}})
    value: Any = text if place == "userPrompt" else [{"role": "user", "content": text}]
    return TrajectoryInput.model_validate({"id": identifier, "llmCalls": [{"callId": call, place: value}]})
