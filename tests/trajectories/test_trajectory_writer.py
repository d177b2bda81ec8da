"""Group commit: many requests in one transaction, each with its own fate and its own exact answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from trajectory_world import document, record, without_arrival
from whetstone.db import Database
from whetstone.errors import ConflictError, OverloadedError
from whetstone.settings import Settings
from whetstone.trajectories.ingest.writes import IngestResult
from whetstone.trajectories.input.records import AnnotationInput, EndInput, LlmCallInput, ProviderAccessInput
from whetstone.trajectories.store import TrajectoryStore
from whetstone.trajectories.tables import shared_texts, trajectory_counters


def call(identifier: str, **members: Any) -> LlmCallInput:
    return LlmCallInput.model_validate({"callId": identifier, **members})


async def test_a_conflict_fails_its_own_request_and_leaves_no_trace(store: TrajectoryStore) -> None:
    await store.add_llm_calls("known", [call("c", stepId="one")])
    clash = {"id": "known", "agentId": "wrong", "steps": [{"id": "two", "llmCalls": [{"callId": "c"}]}]}
    outcomes = await asyncio.gather(
        *(store.add_llm_calls(f"t-{n}", [call("c")]) for n in range(5)),
        store.add([record({"id": "fine"}), record(clash)]),
        *(store.add_llm_calls(f"t-{n}", [call("d")]) for n in range(5)),
        return_exceptions=True,
    )

    assert isinstance(outcomes[5], ConflictError)
    assert [type(each) for each in outcomes].count(IngestResult) == 10
    assert await store.count() == 6  # without "fine"
    assert (await document(store, "known"))["agentId"] == "unknown"


async def test_each_request_of_a_group_learns_what_it_did(store: TrajectoryStore) -> None:
    note = AnnotationInput.model_validate({"callId": "b", "correction": "no"})
    done = await asyncio.gather(
        store.add_llm_calls("t", [call("a")]),
        store.add_llm_calls("t", [call("a")]),
        store.add_llm_calls("t", [call("a"), call("b")]),
        store.add([record({"id": "t"}), record({"id": "u"}), record({"id": "t"})]),
        store.annotate("t", note),
        store.annotate("t", note),
        store.add_provider_accesses("t", [ProviderAccessInput(access_id="p")]),
        store.end("t", EndInput()),
        store.end("t", EndInput()),
    )
    figures = [(each.created, each.updated, each.llm_calls, each.provider_accesses) for each in done]
    assert figures == [
        (1, 0, 1, 0),
        (0, 0, 0, 0),
        (0, 1, 1, 0),
        (1, 0, 0, 0),
        (0, 1, 0, 0),
        (0, 0, 0, 0),
        (0, 1, 0, 1),
        (0, 1, 0, 0),
        (0, 0, 0, 0),
    ]
    assert done[3].ids == ("t", "u")


_IDS = st.sampled_from(["one", "two"])
_OPERATIONS = st.one_of(
    st.tuples(st.just("call"), _IDS, st.sampled_from("abc"), st.sampled_from(["s", "z", None])),
    st.tuples(st.just("note"), _IDS, st.sampled_from("abc"), st.sampled_from(["x", "y", None])),
    st.tuples(st.just("end"), _IDS, st.sampled_from(["error", "completed"]), st.just(None)),
    st.tuples(st.just("whole"), _IDS, st.booleans(), st.just(None)),
)


def _operate(store: TrajectoryStore, prefix: str, operation: Any) -> Coroutine[Any, Any, IngestResult]:
    kind, name, what, how = operation
    identifier = prefix + name
    if kind == "call":
        return store.add_llm_calls(identifier, [call(what, stepId=how, timestamp=5, promptTokens=3)])
    if kind == "note":
        note = {"callId": what, "correction": how, "reward": 1 if how else None}
        return store.annotate(identifier, AnnotationInput.model_validate(note))
    if kind == "end":
        return store.end(identifier, EndInput.model_validate({"status": what, "endTime": 9}))
    step = {"stepId": "s", "timestamp": 4, "action": {"actionType": "A", "success": what}}
    return store.add([record({"id": identifier, "startTime": 1, "steps": [step]})])


def _figures(outcome: IngestResult | BaseException) -> Any:
    if isinstance(outcome, ConflictError):
        return "conflict"
    assert isinstance(outcome, IngestResult)
    return (outcome.created, outcome.updated, outcome.llm_calls)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=st.lists(_OPERATIONS, min_size=2, max_size=14))
async def test_a_group_does_what_its_requests_do_one_by_one(
    store: TrajectoryStore, operations: list[Any]
) -> None:
    await store.delete_all()
    alone: list[Any] = []
    for operation in operations:
        outcomes = await asyncio.gather(_operate(store, "alone-", operation), return_exceptions=True)
        alone += map(_figures, outcomes)
    together = await asyncio.gather(
        *(_operate(store, "group-", operation) for operation in operations), return_exceptions=True
    )

    assert [_figures(each) for each in together] == alone
    for name in ("one", "two"):
        first, second = await store.get(f"alone-{name}"), await store.get(f"group-{name}")
        for whole in (first, second):
            if whole is not None:
                # Where nothing says when a trajectory started, it is the time of arrival.
                whole |= {"trajectoryId": name, "startTime": None, "durationMs": None}
        assert without_arrival(first) == without_arrival(second)


async def test_data_that_the_database_refuses_fails_alone(store: TrajectoryStore, database: Database) -> None:
    async with database.write() as connection:
        if database.dialect == "sqlite":
            rule = (
                "CREATE TRIGGER refuse BEFORE INSERT ON llm_calls WHEN NEW.model = 'poison' "
                "BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )
        else:
            rule = "ALTER TABLE llm_calls ADD CHECK (model <> 'poison')"
        await connection.execute(text(rule))
    deep: Any = "x"
    for _ in range(150):
        deep = [deep]
    outcomes = await asyncio.gather(
        *(
            store.add_llm_calls(f"t-{n}", [call("c", model="poison" if n == 7 else "m", systemPrompt="S")])
            for n in range(20)
        ),
        store.add_llm_calls("deep", [call("c", nested=deep)]),
        return_exceptions=True,
    )
    assert isinstance(outcomes[7], IntegrityError)
    assert isinstance(outcomes[20], ValueError)
    assert sum(isinstance(each, IngestResult) for each in outcomes) == await store.count() == 19
    assert (await store.stats())["totalLlmCalls"] == 19


async def test_too_much_waiting_work_is_refused_and_the_rest_is_stored(
    database: Database, settings: Settings
) -> None:
    store = TrajectoryStore(database, settings.model_copy(update={"ingest_queue_calls": 4}))
    first = asyncio.create_task(store.add_llm_calls("large", [call(f"c{n}") for n in range(50)]))
    outcomes = await asyncio.gather(
        *(store.add_llm_calls(f"t-{n}", [call("c")]) for n in range(30)), return_exceptions=True
    )
    assert (await first).llm_calls == 50  # an empty queue takes a request of any size
    stored = sum(isinstance(each, IngestResult) for each in outcomes)
    refused = [each for each in outcomes if isinstance(each, BaseException)]
    assert refused
    assert all(isinstance(each, OverloadedError) for each in refused)
    assert await store.count() == stored + 1
    assert (await store.add_llm_calls("later", [call("c")])).created == 1


async def test_a_requester_that_goes_away_disturbs_nobody(store: TrajectoryStore) -> None:
    tasks = [asyncio.create_task(store.add_llm_calls("t", [call(f"c{n}")])) for n in range(10)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[4].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    answered = {n for n, each in enumerate(outcomes) if isinstance(each, IngestResult)}
    assert answered == set(range(10)) - {0, 4}
    await store.writes_settled()
    stored = {each["callId"] for each in (await store.detail("t"))["llmCalls"]}
    assert stored >= {f"c{n}" for n in answered}
    assert (await document(store, "t"))["llmCallCount"] == len(stored)


async def test_a_large_group_is_split_and_every_part_is_stored(store: TrajectoryStore) -> None:
    done = await asyncio.gather(
        *(
            store.add([record({"id": f"t-{n}-{m}", "llmCalls": [{"callId": "c"}] * 10}) for m in range(20)])
            for n in range(12)
        )
    )
    assert sum(each.created for each in done) == await store.count() == 240


async def test_writers_of_two_processes_share_texts_and_count_exactly(
    database: Database, settings: Settings
) -> None:
    stores = [TrajectoryStore(database, settings) for _ in range(2)]
    tools = [{"name": "look"}]
    await asyncio.gather(
        *(
            store.add_llm_calls(
                f"t-{n % 3}",
                [call(f"{index}-{n}", systemPrompt=f"You are {n % 2}.", tools=tools, model="m")],
            )
            for n in range(30)
            for index, store in enumerate(stores)
        )
    )
    async with database.read() as connection:
        texts = (await connection.execute(select(func.count()).select_from(shared_texts))).scalar_one()
        query = select(trajectory_counters.c.llm_calls).where(trajectory_counters.c.dimension == "model")
        assert (await connection.execute(query)).scalars().all() == [60]
    assert texts == 3
    assert sum([(await document(stores[0], f"t-{n}"))["llmCallCount"] for n in range(3)]) == 60
    calls = (await stores[0].detail("t-1"))["llmCalls"]
    assert {each["systemPrompt"] for each in calls} == {"You are 0.", "You are 1."}
    assert all(each["tools"] == tools for each in calls)
