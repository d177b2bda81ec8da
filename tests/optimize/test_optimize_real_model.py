from __future__ import annotations

from pathlib import Path

import pytest

from optimize_world import Recorder, rows, spec_for, write_dataset
from whetstone.optimize.native import run
from whetstone.optimize.spec import BudgetLimits, FewShotOptions
from whetstone.settings import Settings


@pytest.mark.slow
async def test_the_embedded_model_learns_the_format_from_demonstrations(
    tmp_path: Path, settings: Settings
) -> None:
    """The whole job on a real language model: it answers in prose until examples show it the JSON."""
    settings = settings.model_copy(update={"lm_provider": "local", "local_lm_idle_seconds": 2})
    spec = spec_for(
        tmp_path,
        write_dataset(tmp_path / "dataset", rows(50)),
        few_shot=FewShotOptions(random_sets=0, demonstration_format="turns"),
        budget=BudgetLimits(max_calls=110),
    )
    result = await run(spec, Recorder(), settings)
    assert result["evaluatedOn"] == "test"
    assert result["score"] > result["baselineScore"]
    assert result["budget"]["spent"]["search"]["promptTokens"] > 1000
