"""A whole job on a tiny base: what it learns, what it leaves, and that an interrupted one ends like a quiet one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finetune_jobs import Recorder, curve, spec_of
from finetune_world import chat_rows, write_rows
from whetstone.errors import InvalidInputError, UnavailableError
from whetstone.finetune.loop.checkpoints import BestAdapter
from whetstone.finetune.loop.metrics import read_metrics
from whetstone.finetune.run import PHASES, run
from whetstone.settings import Settings


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "chats.jsonl", chat_rows(120))


async def test_a_job_learns_and_leaves_a_whole_model(base: Path, rows: Path, settings: Settings) -> None:
    recorder = Recorder()
    spec = spec_of(base, rows, settings.training_dir / "jobs" / "job-1", exports=["merged"])
    result = await run(spec, recorder, settings)

    losses = result["validationLoss"]
    assert losses["tuned"] < 0.9 * losses["base"]
    assert result["proof"]["loss"]["tuned"] < result["proof"]["loss"]["base"]
    assert result["modelId"] == "model-1"
    model = Path(result["outputDir"])
    manifest = json.loads((model / "manifest.json").read_text())
    assert {"adapter", "ggufAdapter", "merged"} <= set(manifest["forms"])
    assert all(check["passed"] for check in result["checks"])
    recipe = json.loads((model / "recipe.json").read_text())
    assert recipe["seed"] == 0
    assert recipe["options"]["learningRate"] == 0.01
    assert not [name for name in manifest_names(manifest) if name.endswith((".pt", ".pth", ".bin", ".pkl"))]

    figures = read_metrics(spec.job_dir / "metrics.jsonl")
    assert [each["step"] for each in figures] == list(range(41))
    assert [each["step"] for each in figures if each["evalLoss"] is not None] == [0, 10, 20, 30, 40]
    assert all(each["gradNorm"] > 0 and each["tokensPerSecond"] > 0 for each in figures[1:])
    assert list(dict.fromkeys(phase for _, phase, _ in recorder.news)) == list(PHASES)
    fractions = [fraction for fraction, _, _ in recorder.news]
    assert fractions == sorted(fractions)


async def test_a_cancelled_job_keeps_its_best_and_goes_on_where_it_was(
    base: Path, rows: Path, settings: Settings
) -> None:
    quiet = spec_of(base, rows, settings.training_dir / "jobs" / "quiet", loraDropout=0.1)
    whole = await run(quiet.model_copy(update={"job_id": "job-quiet"}), Recorder(), settings)

    recorder = Recorder(stop_at=23)
    spec = spec_of(base, rows, settings.training_dir / "jobs" / "job-1", loraDropout=0.1)
    job = asyncio.ensure_future(run(spec, recorder, settings))
    await recorder.reached.wait()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    kept = BestAdapter(spec.job_dir).record()
    assert kept is not None
    assert kept["step"] in (10, 20)
    assert not (settings.training_dir / "models" / "model-1").exists()

    resumed = await run(spec, Recorder(), settings)
    assert curve(spec.job_dir) == curve(quiet.job_dir)
    assert resumed["validationLoss"] == whole["validationLoss"]


async def test_interruptions_do_not_change_when_the_training_ends_early(
    base: Path, rows: Path, settings: Settings
) -> None:
    options = {"learningRate": 0.05, "evalEvery": 2, "patience": 2, "scheduler": "constant", "testRows": 0}
    quiet = spec_of(base, rows, settings.training_dir / "jobs" / "quiet", **options)
    whole = await run(quiet.model_copy(update={"job_id": "job-quiet"}), Recorder(), settings)
    assert whole["stopped"] == "no better validation loss"

    spec = spec_of(base, rows, settings.training_dir / "jobs" / "job-1", **options)
    for step in range(2, whole["steps"], 3):  # between checkpoints, each after a look at the validation rows
        recorder = Recorder(stop_at=step)
        job = asyncio.ensure_future(run(spec, recorder, settings))
        await recorder.reached.wait()
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
    resumed = await run(spec, Recorder(), settings)
    assert curve(spec.job_dir) == curve(quiet.job_dir)
    assert (resumed["steps"], resumed["bestStep"]) == (whole["steps"], whole["bestStep"])


async def test_training_ends_early_without_a_better_validation_loss(
    base: Path, rows: Path, settings: Settings
) -> None:
    # So slow that nothing changes in the digits of a float32 loss.
    spec = spec_of(
        base, rows, settings.training_dir / "jobs" / "job-1", learningRate=1e-12, evalEvery=2, patience=3
    )
    result = await run(spec, Recorder(), settings)
    assert result["stopped"] == "no better validation loss"
    assert result["steps"] < 40


async def test_the_time_limit_ends_the_training_but_not_the_job(
    base: Path, rows: Path, settings: Settings
) -> None:
    spec = spec_of(base, rows, settings.training_dir / "jobs" / "job-1", maxSeconds=0.001)
    result = await run(spec, Recorder(), settings)
    assert (result["steps"], result["stopped"]) == (1, "the time is up")
    assert "adapter" in result["files"]


@pytest.mark.parametrize(
    ("scale", "sentence"),
    [(1e36, r"The gradient was no longer a number in step 1 of 40"), (np.nan, r"base model")],
)
async def test_a_loss_that_is_no_number_ends_the_job_and_says_so(
    base: Path, rows: Path, tmp_path: Path, settings: Settings, scale: float, sentence: str
) -> None:
    broken = louder(base, tmp_path / "broken", scale)
    spec = spec_of(broken, rows, settings.training_dir / "jobs" / "job-1", precision="fp32")
    with pytest.raises(InvalidInputError, match=sentence):
        await run(spec, Recorder(), settings)
    assert not list((settings.training_dir).glob("models/*"))


def louder(base: Path, folder: Path, scale: float) -> Path:
    """A copy of the base whose logits are about `scale` times as large."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(base, folder)
    weights = load_file(folder / "model.safetensors")
    norm = weights["model.norm.weight"]
    weights["model.norm.weight"] = np.full_like(norm, scale)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.mark.parametrize("count", [0, 1])
async def test_too_few_rows_are_refused(base: Path, tmp_path: Path, settings: Settings, count: int) -> None:
    few = write_rows(tmp_path / "few.jsonl", chat_rows(count))
    with pytest.raises(InvalidInputError):
        await run(spec_of(base, few, settings.training_dir / "jobs" / "job-1"), Recorder(), settings)


async def test_a_job_that_cannot_fit_is_refused_before_it_starts(
    base: Path, rows: Path, settings: Settings
) -> None:
    small = settings.model_copy(update={"train_memory_gb": 0.001})
    with pytest.raises(UnavailableError, match="batchSize"):
        await run(spec_of(base, rows, settings.training_dir / "jobs" / "job-1"), Recorder(), small)


@pytest.mark.parametrize("method", ["dpo", "kto"])
async def test_preferences_move_the_model_towards_what_was_preferred(
    base: Path, tmp_path: Path, settings: Settings, method: str
) -> None:
    rows = []
    for row in chat_rows(80):
        *prompt, answer = row["messages"]
        wrong = {"role": "assistant", "content": "SORRY"}
        if method == "dpo":
            rows.append({"prompt": prompt, "chosen": [answer], "rejected": [wrong]})
        else:
            rows.append({"prompt": prompt, "completion": [answer], "label": True})
            rows.append({"prompt": prompt, "completion": [wrong], "label": False})
    path = write_rows(tmp_path / "preferences.jsonl", rows)
    spec = spec_of(base, path, settings.training_dir / "jobs" / "job-1", method=method, learningRate=0.003)
    result = await run(spec, Recorder(), settings)
    losses = result["validationLoss"]
    assert losses["base"] == pytest.approx(0.6931 if method == "dpo" else 0.5, abs=1e-3)
    assert losses["tuned"] < 0.8 * losses["base"]


def manifest_names(manifest: dict[str, Any]) -> list[str]:
    return [file["name"] for file in manifest["files"]]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, with little room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class Filler(Recorder):
    """Fills the disk when the training is under way."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def progress(self, fraction: float, phase: str, message: str, **extra: Any) -> None:
        super().progress(fraction, phase, message, **extra)
        if extra.get("currentIteration") == 7:
            with contextlib.suppress(OSError), (self.folder / "filler").open("wb") as file:
                while True:
                    file.write(bytes(4096))
                    file.flush()


async def test_a_disk_that_runs_full_ends_the_job_and_what_was_there_stays(
    base: Path, rows: Path, small_disk: Path, settings: Settings
) -> None:
    spec = spec_of(base, rows, small_disk / "job-1", evalEvery=5)
    with pytest.raises(UnavailableError, match="The disk is full"):
        await run(spec, Filler(small_disk), settings)
    assert (spec.job_dir / "best" / "adapter_model.safetensors").is_file()
    assert not list(spec.job_dir.glob("*/.step-*"))
    assert not list(settings.training_dir.glob("models/*"))


async def test_a_disk_without_room_for_the_job_is_told_before_it_trains(
    base: Path, rows: Path, small_disk: Path, settings: Settings
) -> None:
    spec = spec_of(base, rows, small_disk / "job-1", loraRank=64)
    with pytest.raises(UnavailableError, match="Make room"):
        await run(spec, Recorder(), settings)
    assert not (spec.job_dir / "metrics.jsonl").exists()
