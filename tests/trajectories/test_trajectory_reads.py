"""Reading: list, filters, search over everything, streams, statistics, training views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whetstone.errors import InvalidInputError
from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.reading.documents import training_detail, training_row
from whetstone.trajectories.store import TrajectoryStore

AIRLINE = Path(__file__).parents[2] / ".." / "shared" / "data" / "tau-bench" / "gpt-4o-airline.json"


def record(identifier: str, **members: Any) -> TrajectoryInput:
    return TrajectoryInput.model_validate({"id": identifier, **members})


def said(identifier: str, **call: Any) -> TrajectoryInput:
    return record(identifier, llmCalls=[call])


async def ids(store: TrajectoryStore, **members: Any) -> list[str]:
    rows, total = await store.list(TrajectoryFilter(**members), 500, 0)
    assert total == len(rows)
    return [row["id"] for row in rows]


async def test_list_is_newest_first_with_true_total_and_the_contract_keys(store: TrajectoryStore) -> None:
    await store.add([record(f"t{n}", createdAt=1_000_000 + n, metadata={"roomId": "r"}) for n in range(7)])

    rows, total = await store.list(TrajectoryFilter(), 3, 2)

    assert ([row["id"] for row in rows], total) == (["t4", "t3", "t2"], 7)
    row = rows[0]
    assert row["roomId"] == "r"
    assert row["createdAt"] == "1970-01-01T00:16:40.004Z"
    assert (row["endTime"], row["durationMs"], row["totalReward"]) == (None, None, None)
    assert "scenarioId" not in row
    assert await store.list(TrajectoryFilter(), 3, 99) == ([], 7)


async def test_every_filter_restricts_exactly(store: TrajectoryStore) -> None:
    await store.add(
        [
            record("a", source="discord", startTime=1000, scenarioId="s", runId="r", isTrainingData=True),
            record("b", status="timeout", startTime=2000, batchId="b", traceId="x"),
            record("c", status="terminated", startTime=3000, metadata={"scenarioId": "s", "batch_id": "b"}),
        ]
    )
    assert await ids(store, source="discord") == ["a"]
    assert await ids(store, status="timeout") == ["b"]
    assert await ids(store, status="error") == ["c"]
    assert await ids(store, scenario_id="s") == ["c", "a"]
    assert await ids(store, batch_id="b") == ["c", "b"]
    assert await ids(store, run_id="r") == ["a"]
    assert await ids(store, trace_id="x") == ["b"]
    assert await ids(store, is_training_data=True) == ["a"]
    assert await ids(store, is_training_data=False) == ["c", "b"]
    assert await ids(store, start_date=2000, end_date=3000) == ["c", "b"]
    assert await ids(store, start_date=2001, end_date=2999) == []
    assert await ids(store, ids=["c", "gone", "a"]) == ["c", "a"]
    assert await ids(store, ids=[]) == []
    assert await ids(store, scenario_id="s", batch_id="b", search="C") == ["c"]


async def test_search_reaches_every_field(store: TrajectoryStore) -> None:
    call = {
        "model": "needle-model",
        "systemPrompt": "needle-system",
        "userPrompt": "needle-user",
        "response": "needle-response",
        "purpose": "needle-purpose",
        "actionType": "needle-action",
        "messages": [{"role": "user", "content": "needle-message"}],
    }
    access = {
        "providerName": "needle-provider",
        "purpose": "needle-why",
        "data": {"deep": [{"text": "needle-data"}]},
        "query": {"q": "needle-query"},
    }
    await store.add(
        [
            record("needle-id", source="needle-source", agentId="needle-agent"),
            record("m", scenarioId="needle-scenario", batchId="needle-batch", metadata={"k": "needle-meta"}),
            record("call", steps=[{"llmCalls": [call], "providerAccesses": [access]}], status="completed"),
            record("other"),
        ]
    )
    for word in ("id", "source", "agent"):
        assert await ids(store, search=f"NEEDLE-{word}") == ["needle-id"], word
    for word in ("scenario", "batch", "meta"):
        assert await ids(store, search=f"NEEDLE-{word}") == ["m"], word
    for text in orjson.dumps([call, access]).decode().split('"'):
        if text.startswith("needle"):
            assert await ids(store, search=text.upper()) == ["call"], text
    assert await ids(store, search="Completed") == ["call"]


@pytest.mark.parametrize("place", ["userPrompt", "messages"])
async def test_search_is_literal_and_case_insensitive_in_every_script(
    store: TrajectoryStore, place: str
) -> None:
    cases = [
        ("100% sure", "0% S", "0%s"),
        ("snake_case", "E_C", "ecc_"),
        (r"back\slash", r"K\S", r"k\n"),
        ("a*b[c]?", "*B[C]?", "a*[c]"),
        ("Grüße aus KÖLN", "köln", "koln"),
        ("ΟΔΟΣ", "οδος", "οδόσ"),
        ("Привет, Мир", "ПРИВЕТ, м", "приват"),
        ("你好，世界", "好，世", "世好"),
        ("9% Ünï*[x]", "9% üNÏ*[X]", "ünïx"),
        ("smile 😀 ok", "😀 OK", "😁"),
        ("Ångström (x|y) ^$.+{2}", "ÅNGSTRÖM (X|Y) ^$.+{2}", "ångström .x"),
    ]
    for number, (text, _, _) in enumerate(cases):
        value = text if place == "userPrompt" else [{"role": "user", "content": f"line one\n{text}"}]
        await store.add([said(str(number), **{place: value})])
    for number, (_, found, missed) in enumerate(cases):
        assert await ids(store, search=found) == [str(number)], found
        assert await ids(store, search=missed) == [], missed


async def test_search_finds_plain_text_inside_json(store: TrajectoryStore) -> None:
    await store.add(
        [
            said("t", messages=[{"content": 'she said "hi"\nand\\left\u0001 Ünï "ü"'}]),
            record("n", providerAccesses=[{"data": {"note": 'tab\there "yes"'}}]),
        ]
    )
    assert await ids(store, search='said "HI"\nand\\LEFT\u0001') == ["t"]
    assert await ids(store, search='ÜNÏ "Ü"') == ["t"]
    assert await ids(store, search='\tHERE "yes"') == ["n"]
    assert await ids(store, search='"note"') == ["n"]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    text=st.text(st.sampled_from("aAbB%_\\*?[]^{}()|.$\"'\n ßẞéÉσςΣжЖİıǅ你😀"), min_size=1, max_size=12),
    part=st.tuples(st.integers(0, 11), st.integers(1, 12)),
    swap=st.booleans(),
)
async def test_search_finds_each_part_of_what_was_said(
    store: TrajectoryStore, text: str, part: tuple[int, int], swap: bool
) -> None:
    start = part[0] % len(text)
    needle = text[start : start + part[1]]
    if swap and len(needle.swapcase()) == len(needle) and needle.swapcase().casefold() == needle.casefold():
        needle = needle.swapcase()
    await store.delete_all()
    await store.add([said("prompt", userPrompt=text), said("json", messages=[text])])
    assert await ids(store, search=needle) == ["json", "prompt"]


async def test_overlong_search_is_refused_and_a_long_one_works(store: TrajectoryStore) -> None:
    await store.add([said("t", userPrompt="ж" * 3000)])
    assert await ids(store, search="Ж" * 1000) == ["t"]
    with pytest.raises(InvalidInputError, match="1000 characters"):
        await store.list(TrajectoryFilter(search="x" * 1001), 5, 0)


async def test_search_and_streams_see_every_row_of_a_large_store(store: TrajectoryStore) -> None:
    await store.add(
        [
            record(f"t{n}", steps=[{"llmCalls": [{"userPrompt": f"word{n}."}] * 2, "providerAccesses": [{}]}])
            for n in range(620)
        ]
    )
    assert await ids(store, search="word7.") == ["t7"]
    _, total = await store.list(TrajectoryFilter(search="word"), 10, 600)
    assert total == 620
    newest = [document["trajectoryId"] async for document in store.stream(TrajectoryFilter())]
    assert newest == [f"t{n}" for n in reversed(range(620))]
    oldest = store.stream(TrajectoryFilter(search="word6"), newest_first=False, limit=60)
    expected = [f"t{n}" for n in range(620) if str(n).startswith("6")]
    assert [document["trajectoryId"] async for document in oldest] == expected[:60]
    assert [row["id"] async for row in store.records(TrajectoryFilter())] == newest
    assert (await store.delete(newest[:600]), await store.count()) == (600, 20)


async def test_stream_reads_big_trajectories_too(store: TrajectoryStore) -> None:
    calls = [{"userPrompt": str(n), "timestamp": 1000 + n} for n in range(400)]
    await store.add([record(f"big{n}", startTime=1, llmCalls=calls) for n in range(4)])
    streamed = [document async for document in store.stream(TrajectoryFilter())]
    assert [document["trajectoryId"] for document in streamed] == ["big3", "big2", "big1", "big0"]
    assert [call["userPrompt"] for call in streamed[0]["steps"][0]["llmCalls"]] == [
        str(n) for n in range(400)
    ]
    assert streamed[0] == await store.get("big3")


async def test_stats_are_the_union_and_exact(store: TrajectoryStore) -> None:
    empty = await store.stats()
    assert (empty["totalTrajectories"], empty["averageDurationMs"], empty["byModel"]) == (0, 0, {})
    calls = [
        {"model": "m1", "promptTokens": 5, "completionTokens": 1, "cacheReadInputTokens": 2},
        {"model": "m2"},
    ]
    await store.add(
        [
            record("a", startTime=1000, endTime=2000, totalReward=1, llmCalls=calls, scenarioId="s"),
            record("b", startTime=1000, endTime=4000, totalReward=0, source="api", providerAccesses=[{}]),
            record("c", cacheObservations=[None, {"hit": True}]),
        ]
    )
    assert await store.stats() == {
        "totalTrajectories": 3,
        "totalSteps": 2,
        "totalLlmCalls": 2,
        "totalProviderAccesses": 1,
        "totalPromptTokens": 5,
        "totalCompletionTokens": 1,
        "totalCacheReadInputTokens": 2,
        "totalCacheCreationInputTokens": 0,
        "averageDurationMs": 2000.0,
        "averageReward": 0.5,
        "bySource": {"api": 1, "chat": 2},
        "byModel": {"m1": 1, "m2": 1},
        "byStatus": {"active": 1, "completed": 2},
        "byScenario": {"s": 1},
    }


async def test_training_views(store: TrajectoryStore) -> None:
    await store.add([record("t", llmCalls=[{}], aiJudgeReasoning="fine", archetype="helper"), record("bare")])
    rows, _ = await store.list(TrajectoryFilter(), 10, 0)
    bare, row = (training_row(each) for each in rows)
    assert (bare["hasLlmCalls"], row["hasLlmCalls"], row["episodeLength"]) == (False, True, 1)
    assert (row["id"], row["trajectoryId"], row["archetype"], row["totalReward"]) == (
        "t",
        "t",
        "helper",
        None,
    )
    whole = await store.get("t")
    assert whole is not None
    detail = training_detail(whole)
    kept = {name: row[name] for name in row.keys() & detail.keys()}
    assert row.keys() - kept.keys() == {"totalTokens", "errorCount", "models", "tasks", "tags"}
    assert detail == kept | {"stepsJson": detail["stepsJson"], "aiJudgeReasoning": "fine"}
    assert orjson.loads(detail["stepsJson"]) == whole["steps"]


async def test_real_agent_runs_are_stored_and_found(store: TrajectoryStore) -> None:
    if not AIRLINE.exists():
        pytest.skip("the tau-bench runs are not on this machine")
    runs = orjson.loads(AIRLINE.read_bytes())[:40]
    batch = []
    for number, run in enumerate(runs):
        messages = run["traj"]
        calls = [
            {
                "messages": messages[:turn],
                "response": message["content"],
                "toolCalls": message.get("tool_calls"),
                "model": "gpt-4o",
            }
            for turn, message in enumerate(messages)
            if message["role"] == "assistant"
        ]
        batch.append(
            record(
                f"airline-{number}",
                status="completed",
                scenarioId=str(run["task_id"]),
                totalReward=run["reward"],
                steps=[{"llmCalls": [call]} for call in calls],
            )
        )
    result = await store.add(batch)
    assert result.llm_calls == (await store.stats())["totalLlmCalls"] > 200
    assert (await store.add(batch)).llm_calls == 0
    user = next(message["content"] for message in runs[0]["traj"] if message["role"] == "user")
    assert "airline-0" in await ids(store, search=user.upper()[:200])
    whole = await store.get("airline-0")
    assert whole is not None
    assert [step["llmCalls"][0]["messages"] for step in whole["steps"]] == [
        step.llm_calls[0].messages for step in batch[0].steps
    ]
