"""What a dataset says about where its right answers come from."""

from __future__ import annotations

import orjson
import pytest

from dataset_documents import Json, decide, ingest, question, trajectory
from whetstone.datasets.gold import prompt_hash
from whetstone.datasets.options import BuildOptions
from whetstone.datasets.store import DatasetStore
from whetstone.trajectories.store import TrajectoryStore

PROMPT = "Decide for Fern."


def call(number: int, **changes: object) -> Json:
    return decide(question(number), "RESPOND", **{"model": "small", "systemPrompt": PROMPT, **changes})


async def gold_of(
    trajectories: TrajectoryStore, datasets: DatasetStore, calls: list[Json], rewarded: int
) -> Json:
    await ingest(
        trajectories,
        [
            trajectory(f"t-{n}", [each], totalReward=1 if n < rewarded else None)
            for n, each in enumerate(calls)
        ],
    )
    record = await datasets.build(BuildOptions())
    assert record["status"] == "ready", record["error"]
    written = orjson.loads((datasets.directory(record["id"]) / "metadata.json").read_bytes())
    assert written["gold"] == record["gold"]
    gold: Json = record["gold"]["should_respond"]
    return gold


async def test_answers_of_one_prompt_and_model_are_named_with_what_to_do(
    trajectories: TrajectoryStore, datasets: DatasetStore
) -> None:
    calls = [call(n, model="large" if n < 3 else "small") for n in range(12)]
    calls += [call(n, correction='{"action":"IGNORE"}') for n in range(12, 15)]
    gold = await gold_of(trajectories, datasets, calls, rewarded=10)
    assert (gold["correction"], gold["reward"], gold["unverified"]) == (3, 10, 2)
    assert gold["commonest"] == {"model": "small", "promptSha256": prompt_hash(PROMPT), "share": 0.7}
    assert gold["advice"].startswith(
        "10 of 13 right answers are recorded ones, and 70% of these were given by small"
    )
    assert "corrections" in gold["advice"]


@pytest.mark.parametrize(
    ("corrected", "rewarded", "models", "words"),
    [
        (0, 0, 1, "No right answer is known: send corrections or rewards"),
        (9, 0, 1, "Most right answers are corrections"),
        (0, 12, 4, "of several prompts or models"),
    ],
)
async def test_the_advice_fits_what_is_there(
    trajectories: TrajectoryStore,
    datasets: DatasetStore,
    corrected: int,
    rewarded: int,
    models: int,
    words: str,
) -> None:
    calls = [
        call(n, model=f"m-{n % models}", correction='{"action":"STOP"}' if n < corrected else None)
        for n in range(12)
    ]
    gold = await gold_of(trajectories, datasets, calls, rewarded=rewarded)
    assert words in gold["advice"]
    assert (gold["commonest"] is None) == (rewarded == 0)


async def test_a_dataset_that_is_not_ready_says_nothing(datasets: DatasetStore) -> None:
    record = await datasets.build(BuildOptions())
    assert record["gold"] == {}
