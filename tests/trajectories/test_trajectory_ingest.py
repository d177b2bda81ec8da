"""Ingest: whole and in parts, repeated and out of order, one transaction each, counters exact."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest
from pydantic import ValidationError

from trajectory_world import document, record
from whetstone.clock import now_ms
from whetstone.errors import ConflictError, InvalidInputError, WhetstoneError
from whetstone.trajectories.input.records import (
    AnnotationInput,
    EndInput,
    LlmCallInput,
    ProviderAccessInput,
)
from whetstone.trajectories.store import TrajectoryStore

WHOLE: dict[str, Any] = {
    "trajectoryId": "t-1",
    "agentId": "a-1",
    "source": "discord",
    "status": "completed",
    "startTime": 1_760_000_000_000,
    "endTime": 1_760_000_001_500,
    "metadata": {"roomId": "r-1", "scenario_id": "s-1", "batchId": "b-1", "judge_score": 0.5},
    "toolEvents": [{"id": "e-1", "type": "tool_call"}],
    "cacheObservations": [{"hit": True, "tokenCount": 5}, {"hit": False, "tokenCount": 2}],
    "steps": [
        {
            "stepId": "step-1",
            "stepNumber": 0,
            "timestamp": 1_760_000_000_010,
            "kind": "action",
            "reward": 0.5,
            "action": {"actionType": "REPLY", "success": True},
            "llmCalls": [
                {
                    "timestamp": 1_760_000_000_100,
                    "model": "gpt-x",
                    "systemPrompt": "You decide.",
                    "input": "Hello?",
                    "response": "RESPOND",
                    "purpose": "shouldRespond",
                    "promptTokens": "400",
                    "completionTokens": 30,
                    "cacheReadInputTokens": 7,
                    "correction": "IGNORE",
                    "providerOptions": {"seed": 1},
                },
                {"model": "gpt-x", "userPrompt": "And now?", "response": "Hi", "promptTokens": 2},
            ],
            "providerAccesses": [{"providerName": "KNOWLEDGE", "data": {"text": "x" * 5000}}],
        }
    ],
    "providerAccesses": [{"stepId": "step-2", "providerName": "TIME", "data": "noon", "query": ["now"]}],
}


async def test_whole_trajectory_is_stored_with_inferred_and_promoted_values(store: TrajectoryStore) -> None:
    result = await store.add([record(WHOLE)])

    assert result.to_dict() == {
        "stored": True,
        "ids": ["t-1"],
        "created": 1,
        "updated": 0,
        "llmCalls": 2,
        "providerAccesses": 2,
    }
    whole = await document(store, "t-1")
    assert (whole["scenarioId"], whole["batchId"], whole["roomId"]) == ("s-1", "b-1", "r-1")
    assert (whole["durationMs"], whole["aiJudgeReward"], whole["totalReward"]) == (1500, 0.5, None)
    assert whole["metrics"] == {"episodeLength": 2, "finalStatus": "completed"}
    assert (whole["llmCallCount"], whole["providerAccessCount"], whole["stepCount"]) == (2, 2, 2)
    assert (whole["totalPromptTokens"], whole["totalCacheReadInputTokens"]) == (402, 7)
    first, second = next(step for step in whole["steps"] if step["stepId"] == "step-1")["llmCalls"]
    assert first["callId"] == "step-1-call-0"
    assert first["userPrompt"] == "Hello?"
    assert first["stepType"] == "should_respond"
    assert first["tags"] == ["llm", "step:should_respond", "purpose:should_respond", "routing"]
    assert first["correction"] == {"text": "IGNORE"}
    assert first["providerOptions"] == {"seed": 1}
    assert "input" not in first
    assert "promptTokens" in second
    assert "completionTokens" not in second
    accesses = [access for step in whole["steps"] for access in step["providerAccesses"]]
    assert {len(str(access["data"])) > 5000 for access in accesses} == {True, False}
    assert accesses[1]["data"] == {"value": "noon"}


async def test_detail_is_flat_and_by_step_and_omits_empty_event_lists(store: TrajectoryStore) -> None:
    await store.add([record(WHOLE), record({"id": "bare"})])

    detail = await store.detail("t-1")
    assert [call["id"] for call in detail["llmCalls"]] == ["step-1-call-0", "step-1-call-1"]
    assert {item["trajectoryId"] for item in detail["llmCalls"] + detail["providerAccesses"]} == {"t-1"}
    assert detail["trajectory"]["id"] == "t-1"
    assert "steps" not in detail["trajectory"]
    assert [step["stepId"] for step in detail["steps"]] == ["step-1", "step-2"]
    assert detail["toolEvents"] == [{"id": "e-1", "type": "tool_call"}]
    assert detail["cacheStats"] == {"hits": 1, "misses": 1, "total": 2, "hitRate": 0.5, "tokenCount": 7}
    assert set(await store.detail("bare")) == {"trajectory", "llmCalls", "providerAccesses", "steps"}
    with pytest.raises(WhetstoneError, match='Trajectory "gone" not found'):
        await store.detail("gone")


async def test_repeating_any_request_changes_nothing(store: TrajectoryStore) -> None:
    calls = [LlmCallInput(user_prompt="a"), LlmCallInput(user_prompt="a"), LlmCallInput(user_prompt="b")]
    accesses = [ProviderAccessInput(provider_name="P"), ProviderAccessInput(access_id="p", step_id="s")]
    note = AnnotationInput.model_validate(
        {"reward": 1, "comment": "good", "callId": "step-1-call-0", "correction": "no"}
    )
    end = EndInput(status="error")

    async def send() -> list[dict[str, Any]]:
        results = [
            await store.add([record(WHOLE), record(WHOLE)]),
            await store.add_llm_calls("t-2", calls),
            await store.add_provider_accesses("t-2", accesses),
            await store.annotate("t-1", note),
            await store.end("t-2", end),
        ]
        return [result.to_dict() for result in results]

    await send()
    before = [await document(store, "t-1"), await document(store, "t-2"), await store.stats()]
    await asyncio.sleep(0.005)
    for result in await send():
        assert (result["created"], result["updated"]) == (0, 0)
        assert (result["llmCalls"], result["providerAccesses"]) == (0, 0)
    assert [await document(store, "t-1"), await document(store, "t-2"), await store.stats()] == before
    assert before[1]["llmCallCount"] == 3
    assert before[0]["totalReward"] == 1


async def test_appends_without_ids_never_swallow_each_other(store: TrajectoryStore) -> None:
    for text in ("one", "two", "three"):
        await store.add_llm_calls("t", [LlmCallInput(user_prompt=text)])
    calls = (await store.detail("t"))["llmCalls"]
    assert sorted(call["userPrompt"] for call in calls) == ["one", "three", "two"]


async def test_late_start_fills_in_and_an_end_wins(store: TrajectoryStore) -> None:
    await store.annotate(
        "t", AnnotationInput.model_validate({"corrections": [{"callId": "c", "correction": "x"}]})
    )
    await store.end("t", EndInput.model_validate({"status": "terminated", "endTime": 5000, "totalReward": 2}))
    await store.add_llm_calls("t", [LlmCallInput(call_id="c", step_id="s", timestamp=2000)])
    await store.add([record({"id": "t", "agentId": "late", "startTime": 1000, "totalReward": 0})])

    whole = await document(store, "t")
    assert (whole["status"], whole["agentId"], whole["totalReward"]) == ("error", "late", 2)
    assert (whole["startTime"], whole["endTime"], whole["durationMs"]) == (1000, 5000, 4000)
    assert whole["steps"][0]["llmCalls"][0]["correction"] == {"text": "x"}
    await store.annotate("t", AnnotationInput.model_validate({"callId": "c", "correction": None}))
    assert "correction" not in (await document(store, "t"))["steps"][0]["llmCalls"][0]


async def test_concurrent_writers_of_one_trajectory_lose_nothing(store: TrajectoryStore) -> None:
    await asyncio.gather(
        *(
            store.add_llm_calls(
                "t", [LlmCallInput(call_id=f"c{n % 20}", step_id=f"s{n % 3}", prompt_tokens=1)]
            )
            for n in range(20)
        ),
        *(store.add_provider_accesses("t", [ProviderAccessInput(access_id=f"p{n}")]) for n in range(5)),
        *(store.add([record({"id": name}) for name in names]) for names in ("tab", "bat", "tub")),
    )
    whole = await document(store, "t")
    assert (whole["llmCallCount"], whole["totalPromptTokens"], whole["providerAccessCount"]) == (20, 20, 5)
    assert whole["stepCount"] == len(whole["steps"]) == 4
    assert await store.count() == 4  # t, a, b and u


async def test_failed_request_leaves_nothing_behind(store: TrajectoryStore) -> None:
    twice = {
        "id": "t",
        "steps": [{"stepId": step, "llmCalls": [{"callId": "same"}]} for step in ("one", "two")],
    }
    with pytest.raises(ConflictError, match="'same' is used in steps 'one' and 'two'"):
        await store.add([record({"id": "fine"}), record(twice)])
    assert await store.count() == 0


async def test_snake_case_and_synonyms_leave_no_traces(store: TrajectoryStore) -> None:
    call = {"id": "c", "user_prompt": "hi", "modelSlot": "TEXT_SMALL", "latency_ms": 3, "other": 1}
    await store.add_llm_calls("t", [LlmCallInput.model_validate(call)])
    stored = (await document(store, "t"))["steps"][0]["llmCalls"][0]
    assert (stored["userPrompt"], stored["modelType"], stored["callId"]) == ("hi", "TEXT_SMALL", "c")
    assert stored["other"] == 1
    assert not {"id", "user_prompt", "modelSlot", "latency_ms"} & set(stored)


async def test_embedding_calls_without_text_are_not_stored(store: TrajectoryStore) -> None:
    calls = [
        LlmCallInput(call_id="empty", model_type="TEXT_EMBEDDING", response="[0.1, 0.2]"),
        LlmCallInput(call_id="text", model_type="TEXT_EMBEDDING", user_prompt="embed me", response="[0.1]"),
        LlmCallInput(call_id="chat", model_type="TEXT_LARGE", response=""),
    ]
    assert (await store.add_llm_calls("t", calls)).llm_calls == 2


async def test_long_script_is_cut_and_hashed(store: TrajectoryStore) -> None:
    await store.add([record({"id": "t", "steps": [{"script": "é" * 5000}]})])
    step = (await document(store, "t"))["steps"][0]
    assert len(step["script"]) == 4096
    assert step["scriptHash"] == hashlib.sha256(("é" * 5000).encode()).hexdigest()


async def test_bad_ids_and_statuses_are_refused(store: TrajectoryStore) -> None:
    with pytest.raises(InvalidInputError, match="blank"):
        await store.end(" ", EndInput())
    with pytest.raises(InvalidInputError, match="at most 512"):
        await store.end("x" * 600, EndInput())
    trajectories: list[dict[str, Any]] = [{"id": ["x"]}, {"status": "paused"}, {"steps": "no"}]
    for bad in trajectories:
        with pytest.raises(ValidationError):
            record(bad)
    notes: list[dict[str, Any]] = [
        {"reward": "much"},
        {"correction": "x"},
        {"callId": "c"},
        {"callId": "c", "correction": {}},
    ]
    for bad in notes:
        with pytest.raises(ValidationError):
            AnnotationInput.model_validate(bad)
    with pytest.raises(ValidationError):
        EndInput.model_validate({"status": "active"})


async def test_trajectory_without_id_gets_one(store: TrajectoryStore) -> None:
    result = await store.add([record({"source": "api"}), record({"source": "api"})])
    assert len(set(result.ids)) == 2
    assert await store.count() == 2


async def test_unstarted_trajectory_starts_with_its_earliest_part(store: TrajectoryStore) -> None:
    before = now_ms()
    await store.add_llm_calls("past", [LlmCallInput(timestamp=n) for n in (3000, 2000, 4000)])
    await store.add([record({"id": "now"})])
    assert (await document(store, "past"))["startTime"] == 2000
    assert (await document(store, "now"))["startTime"] >= before
