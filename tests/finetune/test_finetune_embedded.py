"""The embedded model learns real intents on this machine's processor, and the proof on other customers' words says so."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import pytest

from finetune_jobs import Recorder, spec_of
from finetune_world import write_rows
from whetstone.finetune.run import run
from whetstone.settings import Settings

BANKING = Path(__file__).parents[3] / "shared/data/banking77"
INTENTS = (
    "activate_my_card", "age_limit", "card_arrival", "change_pin", "edit_personal_details", "exchange_rate",
    "lost_or_stolen_card", "terminate_account", "top_up_failed", "verify_my_identity",
)  # fmt: skip
SYSTEM = "Name the intent of the customer's message. Answer with its name only."


def questions(file: str, split: str, count: int) -> list[dict[str, Any]]:
    by_intent: dict[str, list[str]] = {intent: [] for intent in INTENTS}
    with (BANKING / file).open(newline="") as stream:
        for row in csv.DictReader(stream):
            by_intent.get(row["category"], []).append(row["text"].strip())
    draw = random.Random(0)
    chats = [
        {
            "messages": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": text},
                {"role": "assistant", "content": intent},
            ],
            "metadata": {"split": split},
        }
        for intent in INTENTS
        for text in draw.sample(by_intent[intent], count)
    ]
    draw.shuffle(chats)
    return chats


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not BANKING.exists(), reason="the Banking77 data is not here")
async def test_intents_of_a_bank_are_learnt(tmp_path: Path, settings: Settings) -> None:
    known = questions("train.csv", "train", 30)
    for row in known[:40]:
        row["metadata"]["split"] = "validation"
    rows = write_rows(tmp_path / "bank.jsonl", known + questions("test.csv", "test", 8))
    spec = spec_of(
        None, rows, settings.training_dir / "jobs" / "job-1", iterations=30, batchSize=8, learningRate=0.001,
        loraRank=16, testRows=80, evalEvery=15, saveEvery=None,
    )  # fmt: skip
    result = await run(spec, Recorder(), settings)
    assert result["validationLoss"]["tuned"] < 0.5 * result["validationLoss"]["base"]
    proof = result["proof"]
    assert proof["decision"] == "promoted"
    assert proof["interval"][0] > 0.2
