from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from openai_peer import OpenAIPeer
from optimize_world import Recorder, learns_from_turns, peer_settings, rows, spec_for, write_dataset
from whetstone.errors import InvalidInputError
from whetstone.optimize.native import run
from whetstone.optimize.spec import BudgetLimits, FewShotOptions, NativeSpec
from whetstone.settings import Settings

MADE = rows(50)  # 20 train, 10 validation, 20 test
SMALL = FewShotOptions(demonstrations=3, random_sets=1)
GATE_CALLS = 40
SMALLEST_SEARCH = 16


@pytest.fixture
def lm_settings(settings: Settings, openai_peer: OpenAIPeer) -> Settings:
    openai_peer.answer = learns_from_turns
    return peer_settings(settings, openai_peer)


def limited(folder: Path, budget: BudgetLimits) -> NativeSpec:
    return spec_for(folder, write_dataset(folder / "dataset", MADE), few_shot=SMALL, budget=budget)


@given(calls=st.integers(1, 200))
@hypothesis_settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_the_calls_are_never_overshot_and_always_reach_the_gate(
    calls: int, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        openai_peer.calls.clear()
        spec = limited(folder, BudgetLimits(max_calls=calls))
        settings = lm_settings.model_copy(update={"state_dir": folder / "state"})
        if calls < GATE_CALLS + SMALLEST_SEARCH:
            with pytest.raises(InvalidInputError, match="at least 56 calls"):
                await run(spec, Recorder(), settings)
            assert openai_peer.calls == []
            return
        result = await run(spec, Recorder(), settings)
    assert len(openai_peer.calls) <= calls
    assert result["evaluatedOn"] == "test"
    assert result["budget"]["spent"]["gate"]["calls"] == GATE_CALLS


@given(tokens=st.integers(1, 40_000))
@hypothesis_settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_the_tokens_are_never_overshot(
    tokens: int, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        openai_peer.calls.clear()
        spec = limited(folder, BudgetLimits(max_tokens=tokens))
        settings = lm_settings.model_copy(update={"state_dir": folder / "state"})
        try:
            result = await run(spec, Recorder(), settings)
        except InvalidInputError:
            assert openai_peer.calls == []
            return
    spent = result["budget"]["spent"]
    assert sum(spent[part][kind] for part in spent for kind in ("promptTokens", "completionTokens")) <= tokens
    assert result["evaluatedOn"] == "test"


@pytest.mark.parametrize("money", [0.002, 0.004, 0.006, 0.008, 0.012, 0.02, 0.04])
async def test_the_money_is_never_overshot_and_always_reaches_the_gate(
    money: float, tmp_path: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    settings = lm_settings.model_copy(update={"lm_prices": {"peer": {"input": 1.0, "output": 4.0}}})
    try:
        result = await run(limited(tmp_path, BudgetLimits(max_cost=money)), Recorder(), settings)
    except InvalidInputError:
        assert money < 0.02
        assert openai_peer.calls == []
        return
    assert result["budget"]["total"]["usd"] <= money
    assert result["evaluatedOn"] == "test"


async def test_a_short_time_ends_the_search_and_leaves_room_for_the_gate(
    tmp_path: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    openai_peer.latency = 0.15
    spec = spec_for(
        tmp_path,
        write_dataset(tmp_path / "dataset", MADE),
        few_shot=FewShotOptions(demonstrations=3, random_sets=16),
        budget=BudgetLimits(max_seconds=4),
    )
    result = await run(spec, Recorder(), lm_settings)
    assert result["finishReason"] == "budget_seconds"
    assert result["evaluatedOn"] == "test"
    assert result["budget"]["seconds"] < 10  # the limit is 4; a busy machine may end its last calls late


async def test_the_same_budget_takes_the_same_steps_on_a_warm_cache(
    tmp_path: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    dataset = write_dataset(tmp_path / "dataset", MADE)
    results = []
    for number in range(2):
        spec = spec_for(
            tmp_path,
            dataset,
            job_dir=tmp_path / f"job-{number}",
            few_shot=FewShotOptions(demonstrations=3, random_sets=1, demonstration_format="block"),
            budget=BudgetLimits(max_calls=90),
        )
        results.append(await run(spec, Recorder(), lm_settings))
    cold, warm = results
    assert warm["candidateId"] == cold["candidateId"]
    spent = warm["budget"]["spent"]
    assert (
        spent["search"]["calls"] == spent["search"]["cacheHits"] == cold["budget"]["spent"]["search"]["calls"]
    )
    assert spent["gate"]["cacheHits"] == GATE_CALLS
    assert len(openai_peer.calls) <= 90
