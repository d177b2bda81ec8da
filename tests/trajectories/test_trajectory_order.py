"""The parts of a trajectory in any order, with retries, make one and the same trajectory."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trajectory_world import Operation, record, straight_and_shuffled
from whetstone.trajectories.input.records import (
    AnnotationInput,
    EndInput,
    LlmCallInput,
    ProviderAccessInput,
)
from whetstone.trajectories.store import TrajectoryStore


def _operations(identifier: str) -> list[Operation]:
    start = record(
        {
            "id": identifier,
            "agentId": "a",
            "source": "api",
            "startTime": 1000,
            "totalReward": 0,
            "metadata": {"scenarioId": "s", "k": 1},
            "steps": [{"stepId": "one", "stepNumber": 0, "timestamp": 1001, "script": "go"}],
        }
    )
    calls = [
        LlmCallInput.model_validate(
            {"callId": f"c{n}", "stepId": step, "timestamp": 1100 + n, "promptTokens": n}
        )
        for n, step in enumerate(["one", "two", "two", "three"])
    ]
    access = ProviderAccessInput(access_id="p", step_id="two", timestamp=1090, data={"n": 1})
    first = AnnotationInput.model_validate({"reward": 0.25, "callId": "c1", "correction": "right"})
    second = AnnotationInput.model_validate({"judgeScore": 0.5, "rewardComponents": {"tone": 1}})
    return [
        ("add", [start]),
        ("calls", calls[:2]),
        ("calls", calls[2:3]),
        ("calls", calls[3:]),
        ("accesses", [access]),
        ("annotate", first),
        ("annotate", second),
        ("end", EndInput.model_validate({"endTime": 2000, "metrics": {"turns": 3}})),
    ]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(8)),
    retries=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=4),
)
async def test_every_order_with_retries_yields_the_same_trajectory(
    store: TrajectoryStore, order: list[int], retries: list[tuple[int, int]]
) -> None:
    expected, found = await straight_and_shuffled(store, _operations, order, retries)
    assert found == expected
    assert [call["callId"] for step in found["steps"] for call in step["llmCalls"]] == [
        "c0",
        "c1",
        "c2",
        "c3",
    ]
    assert (found["totalPromptTokens"], found["llmCallCount"], found["stepCount"]) == (6, 4, 3)
    assert (found["totalReward"], found["aiJudgeReward"], found["status"]) == (0.25, 0.5, "completed")
