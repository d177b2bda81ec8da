"""The same job on other engines: MLX, and several processes, learn what one torch process learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finetune_jobs import Recorder, curve, spec_of
from finetune_world import chat_rows, tiny_base, write_rows
from whetstone.finetune.data.tokenizer import ChatTokenizer
from whetstone.finetune.engines import open_engine
from whetstone.finetune.run import run
from whetstone.settings import Settings


@pytest.fixture(scope="module")
def loud_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base that can learn: the usual first weights of a model this small hardly let anything through."""
    return tiny_base(tmp_path_factory.mktemp("base"), initializer_range=0.1)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "chats.jsonl", chat_rows(240))


async def job(base: Path, rows: Path, settings: Settings, name: str, **options: Any) -> dict[str, Any]:
    folder = settings.training_dir / "jobs" / name
    spec = spec_of(base, rows, folder, precision="fp32", testRows=100, **options).model_copy(
        update={"job_id": name}
    )
    return await run(spec, Recorder(), settings)


def losses(settings: Settings, name: str) -> list[float]:
    return [loss for _, loss, _ in curve(settings.training_dir / "jobs" / name) if loss is not None]


async def test_two_processes_learn_what_one_learns(loud_base: Path, rows: Path, settings: Settings) -> None:
    one = await job(loud_base, rows, settings, "one")
    two = await job(loud_base, rows, settings, "two", processes=2)
    assert losses(settings, "two") == pytest.approx(losses(settings, "one"), rel=1e-3)
    assert two["validationLoss"]["tuned"] == pytest.approx(one["validationLoss"]["tuned"], rel=1e-3)
    assert one["proof"]["decision"] == "promoted"


async def test_a_job_on_mlx_goes_as_on_torch(loud_base: Path, rows: Path, settings: Settings) -> None:
    # Not `mlx` itself: its fast BLAS has to be loaded before it.
    pytest.importorskip("whetstone.finetune.on_mlx.runtime")
    # The adapters start from different random numbers; B is zero, so the first losses are the same.
    torch = await job(loud_base, rows, settings, "torch")
    mlx = await job(loud_base, rows, settings, "mlx", backend="mlx")
    first, other = losses(settings, "torch"), losses(settings, "mlx")
    assert other[0] == pytest.approx(first[0], rel=0.01)
    assert mlx["validationLoss"]["base"] == pytest.approx(torch["validationLoss"]["base"], rel=1e-3)
    assert sum(other[-5:]) == pytest.approx(sum(first[-5:]), rel=0.3, abs=0.5)
    assert mlx["proof"]["decision"] == "promoted"

    # What MLX learnt says the same in torch.
    spec = spec_of(loud_base, rows, settings.training_dir / "jobs" / "mlx", precision="fp32")
    tokenizer = ChatTokenizer.load(loud_base)
    prompts = [tokenizer.prompt(row["messages"][:-1], None).tolist() for row in chat_rows(8, seed=5)]
    answers = []
    for backend in ("mlx", "cpu"):
        engine = open_engine(loud_base, spec.model_copy(update={"backend": backend}), settings)
        engine.load_adapter(Path(mlx["adapterPath"]))
        answers.append(engine.generate(prompts, [12] * len(prompts), tokenizer.stop_ids, adapter=True))
        engine.close()
    assert answers[0] == answers[1]
    assert any(answers[0])
