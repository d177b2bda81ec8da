from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from native_jobs import RULES, follows_rules
from openai_peer import OpenAIPeer
from optimize_world import Recorder, peer_settings, rows, spec_for, write_dataset
from whetstone.optimize.native import run
from whetstone.optimize.spec import BudgetLimits
from whetstone.prompts.store import PromptStore
from whetstone.settings import Settings


async def evolved(
    tmp_path: Path, settings: Settings, peer: OpenAIPeer, **changes: Any
) -> tuple[dict[str, Any], Recorder]:
    peer.answer = follows_rules
    recorder = Recorder()
    dataset = write_dataset(tmp_path / "dataset", rows(100))
    spec = spec_for(tmp_path, dataset, **{"optimizer": "gepa", **changes})
    return await run(spec, recorder, settings), recorder


async def test_a_job_learns_rules_and_promotes_them(
    tmp_path: Path, settings: Settings, openai_peer: OpenAIPeer
) -> None:
    settings = peer_settings(settings, openai_peer)
    result, recorder = await evolved(tmp_path, settings, openai_peer, budget=BudgetLimits(max_calls=400))
    assert result["decision"] == "promoted"
    assert result["score"] == 1.0 > result["baselineScore"]
    current = PromptStore(settings.optimized_prompts_dir).current(result["task"])
    assert current is not None
    artifact = current.artifact
    assert artifact.optimizer == "prompt-evolution"
    assert all(rule in artifact.prompt for rule in RULES.values())
    assert len(artifact.model_extra["edits"]) >= 2  # type: ignore[index]
    assert any("accepted" in line for line in recorder.lines)
    assert any("reflecting" in message for _, _, message in recorder.news)


@pytest.mark.parametrize("limits", [{"max_tokens": 60_000}, {"max_seconds": 60.0}, {"max_proposals": 2}])
async def test_a_job_ends_within_every_other_limit(
    tmp_path: Path, settings: Settings, openai_peer: OpenAIPeer, limits: dict[str, float]
) -> None:
    settings = peer_settings(settings, openai_peer)
    result, _ = await evolved(tmp_path, settings, openai_peer, budget=BudgetLimits(**limits))
    assert result["budget"]["total"]["tokens"] <= limits.get("max_tokens", 10**9)
    assert result["budget"]["spent"].get("proposals", {"calls": 0})["calls"] <= limits.get(
        "max_proposals", 10**9
    )
    assert result["decision"] in ("promoted", "inconclusive", "rejected")
