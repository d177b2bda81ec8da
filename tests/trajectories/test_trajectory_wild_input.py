"""Whatever a client sends is stored or refused in plain words; nothing of it breaks a database."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from whetstone.errors import WhetstoneError
from whetstone.ids import new_id
from whetstone.trajectories.input.records import (
    AnnotationInput,
    EndInput,
    LlmCallInput,
    ProviderAccessInput,
    TrajectoryInput,
)
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore

_NASTY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, -(2**64), 10**400, 2**31, 1e308, 5e-324, -0.0]),
    st.floats(),
    st.text(st.characters(codec=None), max_size=8),
    st.sampled_from(["\x00", "\ud800", "\ud83d\ude00", "12", "1e999", "-1", "nan", "2026-01-01", "x" * 3000]),
)
_JSON = st.recursive(
    _NASTY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def _members(model: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = sorted({field.alias or name for name, field in model.model_fields.items()} | {"id", "zzz"})
    nested = {"steps", "llmCalls", "providerAccesses", "corrections"}
    return st.dictionaries(st.sampled_from([name for name in names if name not in nested]), _JSON, max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    header=_members(TrajectoryInput),
    calls=st.lists(_members(LlmCallInput), max_size=2),
    accesses=st.lists(_members(ProviderAccessInput), max_size=2),
    note=_members(AnnotationInput),
    end=_members(EndInput),
    query=st.text(st.characters(codec=None), max_size=5),
)
async def test_wild_input_is_stored_or_refused_in_plain_words(
    store: TrajectoryStore,
    header: dict[str, Any],
    calls: list[dict[str, Any]],
    accesses: list[dict[str, Any]],
    note: dict[str, Any],
    end: dict[str, Any],
    query: str,
) -> None:
    identifier = new_id("t")

    async def attempt(model: type[Any], value: Any, send: Any) -> None:
        try:
            await send(model.model_validate(value))
        except (ValidationError, WhetstoneError):
            return

    await attempt(TrajectoryInput, header | {"id": identifier}, lambda each: store.add([each]))
    nested = {"id": identifier, "steps": [{"llmCalls": calls, "providerAccesses": accesses, **header}]}
    await attempt(TrajectoryInput, nested, lambda each: store.add([each]))
    for call in calls:
        await attempt(LlmCallInput, call, lambda each: store.add_llm_calls(identifier, [each]))
    for access in accesses:
        await attempt(
            ProviderAccessInput, access, lambda each: store.add_provider_accesses(identifier, [each])
        )
    await attempt(AnnotationInput, note, lambda each: store.annotate(identifier, each))
    await attempt(EndInput, end, lambda each: store.end(identifier, each))
    await store.get(query)
    await store.list(TrajectoryFilter(search=query, source=query, ids=[query], end_date=10**30), 5, 10**30)
    await store.stats()


async def test_unstorable_characters_and_numbers_are_replaced(store: TrajectoryStore) -> None:
    call = LlmCallInput.model_validate(
        {
            "userPrompt": "a\x00b\ud800",
            "metadata": {"k\x00": [float("nan"), 2**70, "\ud83d\ude00"]},
            "latencyMs": 1e999,
        }
    )
    await store.add_llm_calls("t", [call])
    stored = (await store.detail("t"))["llmCalls"][0]
    assert stored["userPrompt"] == "a\ufffdb\ufffd"
    assert stored["metadata"] == {"k\ufffd": [None, str(2**70), "😀"]}
    assert stored["latencyMs"] == 0
