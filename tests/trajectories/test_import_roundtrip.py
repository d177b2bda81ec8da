"""Import, export, import again: what comes back is what was there."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from whetstone.datasets.downloads import Download, open_download
from whetstone.db import Database
from whetstone.settings import Settings
from whetstone.trajectories.importers import Source, read
from whetstone.trajectories.input.records import AnnotationInput, TrajectoryInput
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore

TAU_BENCH = Path(__file__).parents[3] / "shared/data/tau-bench/gpt-4o-airline.json"
Json = dict[str, Any]

_TEXT = st.text(max_size=12)
_NUMBER = st.none() | st.integers(-1000, 10**9) | st.floats(-1e6, 1e6)
_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)
_OBJECT = st.dictionaries(_TEXT, _VALUE, max_size=3)
_MOMENT = st.none() | st.integers(1, 2_000_000_000_000)
_ID = st.none() | st.text(min_size=1, max_size=6)
_TAGS = st.none() | st.lists(st.text("abc :", max_size=5), max_size=3)
_MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": _TEXT | _VALUE}
)
_EVENT = _OBJECT | st.fixed_dictionaries({"id": _TEXT, "type": st.just("tool_call"), "args": _VALUE})
_REWARD = st.none() | st.sampled_from([0, 1, 0.5]) | st.floats(-5, 5)
_SCORE = st.fixed_dictionaries(
    {"name": st.sampled_from(["reward", "tone"])},
    optional={"value": st.floats(-5, 5), "label": _TEXT, "comment": _TEXT, "source": st.just("judge")},
)
_CALL = st.fixed_dictionaries(
    {},
    optional={
        "callId": _ID,
        "timestamp": _MOMENT,
        "model": _TEXT,
        "modelVersion": _TEXT,
        "modelType": _TEXT,
        "provider": _TEXT,
        "systemPrompt": st.sampled_from(["", "Be kind.", "Be brief."]) | _TEXT,
        "userPrompt": _TEXT,
        "messages": st.lists(_MESSAGE | _VALUE, max_size=4),
        "tools": _VALUE,
        "toolChoice": _VALUE,
        "toolCalls": st.lists(_VALUE, max_size=2),
        "response": _TEXT,
        "reasoning": _TEXT,
        "temperature": _NUMBER,
        "maxTokens": _NUMBER,
        "topP": _NUMBER,
        "purpose": st.sampled_from(["response", "should_respond", "shouldRespond", ""]) | _TEXT,
        "actionType": _TEXT,
        "stepType": _TEXT,
        "tags": _TAGS,
        "latencyMs": _NUMBER,
        "promptTokens": _NUMBER,
        "completionTokens": _NUMBER,
        "cacheReadInputTokens": _NUMBER,
        "reasoningTokens": _NUMBER,
        "finishReason": _TEXT,
        "tokenUsageEstimated": st.booleans(),
        "runId": _TEXT,
        "metadata": _OBJECT,
        "correction": st.none() | _TEXT,
        "scores": st.lists(_SCORE, max_size=2),
        "weight": st.integers(0, 1),
    },
)
_ACCESS = st.fixed_dictionaries(
    {},
    optional={
        "accessId": _ID,
        "providerId": _TEXT,
        "providerName": _TEXT,
        "purpose": _TEXT,
        "timestamp": _MOMENT,
        "data": _VALUE,
        "query": _VALUE,
        "position": _VALUE,
    },
)
_STEP = st.fixed_dictionaries(
    {},
    optional={
        "stepId": _ID,
        "stepNumber": st.none() | st.integers(0, 9),
        "timestamp": _MOMENT,
        "kind": st.sampled_from(["llm", "action", "executeCode"]) | _TEXT,
        "llmCalls": st.lists(_CALL, max_size=3),
        "providerAccesses": st.lists(_ACCESS, max_size=2),
        "script": st.sampled_from(["x = 1", "y" * 5000]),
        "usedSkills": _VALUE,
        "action": st.fixed_dictionaries(
            {}, optional={"actionType": _TEXT, "parameters": _VALUE, "zzz": _VALUE}
        ),
        "reward": _REWARD,
        "done": st.booleans(),
        "environmentState": _VALUE,
        "zzz": _VALUE,
    },
)


def _step_name(step: Json) -> str:
    return str(step.get("stepId") or id(step))


_TRAJECTORY = st.fixed_dictionaries(
    {},
    optional={
        "agentId": _TEXT,
        "source": st.sampled_from(["chat", "telegram"]) | _TEXT,
        "status": st.sampled_from(["active", "completed", "error", "timeout", "terminated"]),
        "startTime": _MOMENT,
        "endTime": _MOMENT,
        "createdAt": _MOMENT,
        "scenarioId": _TEXT,
        "batchId": _TEXT,
        "runId": _TEXT,
        "traceId": _TEXT,
        "episodeId": _TEXT,
        "groupIndex": st.integers(0, 9),
        "archetype": _TEXT,
        "totalReward": _REWARD,
        "rewardComponents": st.dictionaries(_TEXT, _REWARD, max_size=2),
        "aiJudgeReward": _REWARD,
        "aiJudgeReasoning": _TEXT,
        "isTrainingData": st.booleans(),
        "metrics": st.dictionaries(st.sampled_from(["episodeLength", "finalStatus", "turns"]), _VALUE),
        "metadata": _OBJECT
        | st.fixed_dictionaries({"scenarioId": _TEXT, "roomId": _TEXT, "judge_score": _NUMBER}),
        "tags": _TAGS,
        "scores": st.lists(_SCORE, max_size=2),
        "comment": _TEXT,
        "steps": st.lists(_STEP, max_size=3, unique_by=_step_name),
        "llmCalls": st.lists(_CALL, max_size=2),
        "providerAccesses": st.lists(_ACCESS, max_size=1),
        "toolEvents": st.lists(_EVENT, max_size=3),
        "events": st.lists(_EVENT, max_size=2),
        "cacheObservations": st.lists(_EVENT, max_size=2),
    },
)
_SAID = st.sampled_from(["", "Where is it?", "Here.", "Thanks!"]) | st.text("ab c", max_size=6)
_TOOL_CALL = st.fixed_dictionaries(
    {"id": _SAID, "type": st.just("function"), "function": st.just({"name": "look", "arguments": "{}"})}
)
_CHAT_MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool"]), "content": _SAID},
    optional={"tool_calls": st.lists(_TOOL_CALL, min_size=1, max_size=2)},
)
_CHAT_CALL = st.fixed_dictionaries(
    {"response": _SAID, "purpose": st.sampled_from(["response", "should_respond", "action_planner"])},
    optional={
        "systemPrompt": _SAID,
        "userPrompt": _SAID,
        "messages": st.lists(_CHAT_MESSAGE, max_size=4),
        "tools": st.just([{"type": "function", "function": {"name": "look"}}]),
        "toolCalls": st.lists(_TOOL_CALL, max_size=2),
        "model": _SAID,
        "modelType": _SAID,
        "provider": _SAID,
        "temperature": st.sampled_from([0, 0.5]),
        "maxTokens": st.sampled_from([0, 100]),
        "promptTokens": st.integers(0, 9),
        "completionTokens": st.integers(0, 9),
        "finishReason": _SAID,
        "tags": _TAGS,
        "timestamp": _MOMENT,
        "runId": _SAID,
        "correction": st.none() | _SAID,
        "scores": st.lists(_SCORE, max_size=1),
    },
)
_CHAT_TRAJECTORY = st.fixed_dictionaries(
    {
        "steps": st.lists(
            st.fixed_dictionaries(
                {"llmCalls": st.lists(_CHAT_CALL, min_size=1, max_size=3)}, optional={"reward": _REWARD}
            ),
            max_size=3,
        ),
        "startTime": st.just(1_760_000_000_000),
    },
    optional={
        "agentId": _SAID,
        "source": _SAID,
        "status": st.sampled_from(["active", "completed", "error"]),
        "scenarioId": _SAID,
        "batchId": _SAID,
        "archetype": _SAID,
        "totalReward": _REWARD,
        "aiJudgeReward": _REWARD,
        "metrics": st.fixed_dictionaries({"turns": st.integers(0, 9)}),
        "metadata": st.fixed_dictionaries({"roomId": _SAID}),
    },
)
_OUTSIDE_OF_STEPS = {"llmCalls", "providerAccesses"}
_ANNOTATION = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "reward": st.floats(-2, 2),
        "comment": _TEXT,
        "judgeScore": st.floats(0, 1),
        "tags": st.lists(st.sampled_from(["good", "bad"]), max_size=2),
    },
)


@contextlib.asynccontextmanager
async def _store(settings: Settings, path: Path) -> AsyncIterator[TrajectoryStore]:
    database = Database(Settings(_env_file=None, database_url=f"sqlite:///{path}").sqlalchemy_url())
    await database.open()
    try:
        yield TrajectoryStore(database, settings)
    finally:
        await database.close()


@pytest.fixture
async def two_stores(
    settings: Settings, tmp_path: Path
) -> AsyncIterator[tuple[TrajectoryStore, TrajectoryStore]]:
    async with (
        _store(settings, tmp_path / "a.db") as before,
        _store(settings, tmp_path / "b.db") as after,
    ):
        yield before, after


async def _documents(store: TrajectoryStore) -> list[Json]:
    """All that is stored, apart from when it was stored."""
    found = [_timeless(document) async for document in store.stream(TrajectoryFilter())]
    return sorted(found, key=lambda document: str(document["trajectoryId"]))


def _timeless(document: Json) -> Json:
    document.pop("updatedAt")
    for step in document["steps"]:
        for item in (*step["llmCalls"], *step["providerAccesses"]):
            item.pop("createdAt")
    return document


async def _exported(store: TrajectoryStore, settings: Settings, wanted: Download, path: Path) -> Path:
    download = open_download(store, settings, wanted)
    with path.open("wb") as file:
        async for chunk in download.chunks:
            file.write(chunk)
    return path


async def _imported(store: TrajectoryStore, path: Path, form: str = "auto") -> int:
    """Import a file whole; how many trajectories it held."""
    found = list(read(Source(path), form))
    assert [each for each in found if each.trajectory is None] == []
    await store.add([TrajectoryInput.model_validate(each.trajectory) for each in found])
    return len(found)


async def _fill(store: TrajectoryStore, trajectories: list[Json], annotation: Json | None) -> None:
    records = []
    for number, trajectory in enumerate(trajectories):
        if trajectory.get("steps"):
            # Calls outside of steps make steps without a number. Among numbered ones of the same millisecond their
            # order is open, and an export numbers them.
            trajectory = {name: trajectory[name] for name in trajectory.keys() - _OUTSIDE_OF_STEPS}
        with contextlib.suppress(ValidationError):
            records.append(TrajectoryInput.model_validate(trajectory | {"id": f"t-{number}"}))
    for record in records:
        with contextlib.suppress(Exception):  # two steps that claim one call
            await store.add([record])
    if annotation is not None:
        await store.annotate("t-0", AnnotationInput.model_validate(annotation))


@pytest.mark.parametrize("form", ["json", "zip"])
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(trajectories=st.lists(_TRAJECTORY, min_size=1, max_size=2), annotation=_ANNOTATION)
async def test_whole_trajectories_come_back_equal(
    form: str,
    settings: Settings,
    tmp_path: Path,
    two_stores: tuple[TrajectoryStore, TrajectoryStore],
    trajectories: list[Json],
    annotation: Json | None,
) -> None:
    before, after = two_stores
    await before.delete_all()
    await after.delete_all()
    await _fill(before, trajectories, annotation)
    expected = await _documents(before)
    wanted = Download(format=form, chosen=TrajectoryFilter())  # type: ignore[arg-type]
    file = await _exported(before, settings, wanted, tmp_path / "export")
    if expected:
        await _imported(after, file)
    assert await _documents(after) == expected
    if expected:
        again = await after.add(
            [TrajectoryInput.model_validate(each.trajectory) for each in read(Source(file))]
        )
        assert (again.created, again.updated, again.llm_calls) == (0, 0, 0)


@pytest.mark.parametrize("form", ["jsonl", "art"])
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(trajectories=st.lists(_CHAT_TRAJECTORY, min_size=1, max_size=2), annotation=_ANNOTATION)
async def test_training_rows_come_back_equal(
    form: str,
    settings: Settings,
    tmp_path: Path,
    two_stores: tuple[TrajectoryStore, TrajectoryStore],
    trajectories: list[Json],
    annotation: Json | None,
) -> None:
    """A row carries less than a trajectory; what it carries survives: the rows of the imported rows are the same."""
    before, after = two_stores
    await before.delete_all()
    await after.delete_all()
    await _fill(before, trajectories, annotation)
    wanted = Download(format=form, chosen=TrajectoryFilter())  # type: ignore[arg-type]
    first = await _exported(before, settings, wanted, tmp_path / "first.jsonl")
    expected = _rows(first)
    if expected:
        await _imported(after, first, {"jsonl": "eliza-native", "art": "art"}[form])
    second = await _exported(after, settings, wanted, tmp_path / "second.jsonl")
    assert _rows(second) == expected


def _rows(path: Path) -> list[Json]:
    rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    return sorted((_carried(row) for row in rows), key=orjson.dumps)


def _carried(row: Json) -> Json:
    """What a row says itself: not the figures of the whole trajectory, of which it is only a part."""
    row.pop("trajectoryTotals", None)
    row.pop("cacheStats", None)
    if "messages" in row:
        row["metadata"].pop("trajectoryTotals")
        row["metadata"].pop("cacheStats")
        row["metrics"].pop("episodeLength", None)
        # What was said after the last answer is no call: it is kept as events.
        while row["messages"] and row["messages"][-1]["role"] != "assistant":
            row["messages"].pop()
        if not row["messages"]:
            row.pop("tools", None)  # tools belong to calls, and without an answer there is none
    return row


@pytest.mark.skipif(not TAU_BENCH.exists(), reason="the data set is not here")
async def test_tau_bench_comes_back_equal(store: TrajectoryStore, settings: Settings, tmp_path: Path) -> None:
    assert await _imported(store, TAU_BENCH) == 200
    expected = await _documents(store)
    async with _store(settings, tmp_path / "other.db") as other:
        for form in ("json", "zip"):
            await other.delete_all()
            wanted = Download(format=form, chosen=TrajectoryFilter())
            assert await _imported(other, await _exported(store, settings, wanted, tmp_path / "tau")) == 200
            assert await _documents(other) == expected


@pytest.mark.slow
@pytest.mark.skipif(not TAU_BENCH.exists(), reason="the data set is not here")
@pytest.mark.parametrize("form", ["jsonl", "art"])
async def test_rows_of_tau_bench_come_back_equal(
    form: str,
    settings: Settings,
    tmp_path: Path,
    two_stores: tuple[TrajectoryStore, TrajectoryStore],
) -> None:
    before, after = two_stores
    wanted = Download(format=form, chosen=TrajectoryFilter())  # type: ignore[arg-type]
    await _imported(before, TAU_BENCH)
    first = await _exported(before, settings, wanted, tmp_path / "first")
    assert await _imported(after, first) == 200
    second = await _exported(after, settings, wanted, tmp_path / "second")
    assert _rows(second) == _rows(first)
