"""Whole jobs on a real language model, the small one that comes with the package."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from optimize_world import Recorder, rows, spec_for, write_dataset
from whetstone.optimize.native import run
from whetstone.optimize.spec import BudgetLimits, FewShotOptions, InstructionOptions
from whetstone.settings import Settings

_ITEMS = ("lamps", "chairs", "tables", "clocks", "mirrors", "rugs", "shelves", "vases")
_CITIES = ("Lisbon", "Oslo", "Vienna", "Dublin", "Prague", "Athens", "Warsaw", "Helsinki")


def orders(count: int) -> list[dict[str, Any]]:
    """Orders in a sentence, and what a shop's system wants to read of them."""
    rng = random.Random(7)
    made = rows(count, task="response")
    for row in made:
        number, item, city = rng.randint(2, 40), rng.choice(_ITEMS), rng.choice(_CITIES)
        row["request"]["system"] = "Read the order."
        row["request"]["prompt"] = f"Please send {number} {item} to {city}."
        row["response"]["text"] = orjson.dumps({"count": number, "item": item, "city": city}).decode()
        row["metadata"]["label"] = None
    return made


@pytest.fixture
def embedded(settings: Settings) -> Settings:
    return settings.model_copy(update={"lm_provider": "local", "local_lm_idle_seconds": 2})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "task", "metric"),
    [(rows(50), "should_respond", "decision"), (orders(50), "response", "json")],
    ids=["decisions", "orders"],
)
async def test_examples_teach_the_embedded_model_what_to_answer(
    tmp_path: Path, embedded: Settings, made: list[dict[str, Any]], task: str, metric: str
) -> None:
    """It answers in prose until examples show it the JSON; the gain holds on rows that nobody has seen."""
    spec = spec_for(
        tmp_path,
        write_dataset(tmp_path / "dataset", made, task),
        task=task,
        metric=metric,
        few_shot=FewShotOptions(random_sets=0, demonstration_format="turns"),
        budget=BudgetLimits(max_calls=110),
    )
    result = await run(spec, Recorder(), embedded)
    assert result["evaluatedOn"] == "test"
    assert result["decision"] == "promoted"
    assert result["interval"][0] > 0
    assert result["budget"]["spent"]["search"]["promptTokens"] > 1000


@pytest.mark.slow
async def test_so_small_a_model_writes_no_better_instructions_and_the_job_says_so(
    tmp_path: Path, embedded: Settings
) -> None:
    recorder = Recorder()
    spec = spec_for(
        tmp_path,
        write_dataset(tmp_path / "dataset", rows(50)),
        optimizer="instruction-search",
        instructions=InstructionOptions(instructions=3, demonstration_sets=0, minibatch=8),
        budget=BudgetLimits(max_calls=90, max_proposals=6),
    )
    result = await run(spec, recorder, embedded)
    assert result["decision"] in ("inconclusive", "rejected")
    assert result["artifactVersion"] is None
    assert result["explanation"]
    assert any("proposal" in line for line in recorder.lines)
