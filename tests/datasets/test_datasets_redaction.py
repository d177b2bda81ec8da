"""Downloads without prompts: whatever text a client puts anywhere, it is in none of them."""

from __future__ import annotations

import itertools
from typing import Any, get_args

from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import BaseModel

from export_files import Json, readable, whole
from whetstone.datasets.downloads import Download, Format, open_download
from whetstone.ids import new_id
from whetstone.settings import Settings
from whetstone.trajectories.input.feedback_input import ScoreInput
from whetstone.trajectories.input.records import (
    EVENT_LISTS,
    ActionInput,
    LlmCallInput,
    ProviderAccessInput,
    StepInput,
    TrajectoryInput,
)
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore

MARKER = "SECRETxTEXT"
_SHAPES: tuple[Any, ...] = (
    MARKER,
    f"a line\n{MARKER} another",
    {"inner": MARKER},
    [MARKER, {"content": [MARKER]}],
    {"room": MARKER.lower(), "value": {"deep": [[MARKER]]}, f"{MARKER}: a sentence\nas a key": 1},
)

# Ids and names, which stay: everything else in a record is text or may hold text.
_STAYS = {
    TrajectoryInput: "trajectoryId agentId source status scenarioId batchId runId traceId episodeId archetype tags",
    StepInput: "stepId kind",
    ActionInput: "attemptId actionType",
    LlmCallInput: "callId stepId model modelVersion modelType provider purpose actionType stepType tags "
    "finishReason runId roomId messageId executionTraceId",
    ProviderAccessInput: "accessId stepId providerId providerName purpose",
    ScoreInput: "id name label source callId",
}
_NESTED = {"steps", "llmCalls", "providerAccesses", "action", "scores", *EVENT_LISTS}
_FOREIGN = ("note", "raw_prompt", "Extra Thing", "output", "providerOptions", "responseSchema")


def _texts(model: type[BaseModel]) -> st.SearchStrategy[Json]:
    """Members of a record, each holding the marker; also members that no record knows."""
    known = {field.alias or name for name, field in model.model_fields.items()}
    names = sorted((known | {*_FOREIGN}) - _NESTED - set(_STAYS[model].split()))
    return st.dictionaries(st.sampled_from(names), st.sampled_from(_SHAPES), max_size=len(names))


@st.composite
def _trajectories(draw: st.DrawFn) -> Json:
    scores = st.lists(_texts(ScoreInput), max_size=2)

    def judged(prefix: str) -> list[Json]:
        return [
            {"name": f"{prefix}-{index}", "value": 1, "comment": MARKER, **_valid_score(text)}
            for index, text in enumerate(draw(scores))
        ]

    step = draw(_texts(StepInput)) | {
        "stepId": "step",
        "llmCalls": [draw(_texts(LlmCallInput)) | {"callId": "call", "scores": judged("call")}],
        "providerAccesses": [draw(_texts(ProviderAccessInput)) | {"accessId": "access"}],
        "action": draw(_texts(ActionInput)),
    }
    if "correction" in step["llmCalls"][0]:
        step["llmCalls"][0]["correction"] = {"text": MARKER, "comment": MARKER, "source": MARKER}
    event = {
        "id": "event",
        "type": "t",
        "args": {"x": MARKER},
        "text": MARKER,
        "createdAt": MARKER,
        "score": MARKER,
    }
    events = {name: [event] for name in draw(st.sets(st.sampled_from(EVENT_LISTS)))}
    return draw(_texts(TrajectoryInput)) | {"steps": [step], "scores": judged("whole"), **events}


def _valid_score(text: Json) -> Json:
    return {name: value for name, value in text.items() if name in _FOREIGN}


def _downloads() -> list[tuple[Format, bool]]:
    trainable = ("json", "jsonl", "art", "parquet")
    pairs = itertools.product(get_args(Format), (False, True))
    return [(kind, training) for kind, training in pairs if not training or kind in trainable]


@examples(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=_trajectories())
async def test_no_text_is_in_any_download_without_prompts(
    trajectories: TrajectoryStore, settings: Settings, value: Json
) -> None:
    identifier = new_id("t")
    await trajectories.add([TrajectoryInput.model_validate(value | {"trajectoryId": identifier})])
    chosen = TrajectoryFilter(ids=[identifier])
    for kind, training in _downloads():
        wanted = Download(kind, chosen, include_prompts=False, for_training=training)
        made = open_download(trajectories, settings, wanted)
        content = readable(made, await whole(made))
        assert identifier.encode() in content
        assert MARKER.lower().encode() not in content.lower(), (kind, training)


async def test_with_prompts_the_texts_are_there(trajectories: TrajectoryStore, settings: Settings) -> None:
    call = {"callId": "c", "userPrompt": MARKER, "response": MARKER}
    await trajectories.add([TrajectoryInput.model_validate({"trajectoryId": "t", "llmCalls": [call]})])
    for kind, training in _downloads():
        made = open_download(
            trajectories, settings, Download(kind, TrajectoryFilter(), for_training=training)
        )
        assert (MARKER.encode() in readable(made, await whole(made))) == (kind != "csv")
