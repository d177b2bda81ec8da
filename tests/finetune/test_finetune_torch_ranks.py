"""Data-parallel processes of the torch engine: equal to one, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from finetune_torch_world import preference_batch, rows, settings, sft_batch, spec
from whetstone.errors import InterruptedJobError, InvalidInputError
from whetstone.finetune.engine import Engine
from whetstone.finetune.on_torch.engine import TorchEngine
from whetstone.finetune.on_torch.ranks import DataParallelEngine, open_engine

BATCHES = [sft_batch(4), sft_batch(3, seed=2), sft_batch(1, seed=3)]


@pytest.fixture(scope="module")
def pair(base: Path) -> Iterator[Engine]:
    """Two processes; tests leave the adapter as they like."""
    engine = open_engine(base, spec(processes=2), settings())
    yield engine
    engine.close()


def children() -> list[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    return [each for each in found if "whetstone.finetune.on_torch.rank" in " ".join(each.cmdline())]


def test_one_process_needs_no_helper(base: Path) -> None:
    assert type(open_engine(base, spec(), settings())) is TorchEngine


def test_two_processes_equal_one(base: Path, pair: Engine, tmp_path: Path) -> None:
    alone = TorchEngine(base, spec(), settings())
    for _ in range(4):
        one, two = (each.step(BATCHES, 1e-2) for each in (alone, pair))
        assert two.loss == pytest.approx(one.loss, rel=1e-4)
        assert two.grad_norm == pytest.approx(one.grad_norm, rel=1e-3)
    for batch in (*BATCHES, preference_batch()):
        assert np.allclose(pair.log_probabilities(batch), alone.log_probabilities(batch), atol=1e-3)
    prompts = [[int(token) for token in each] for each in rows(5)]
    for adapter in (True, False):
        answers = [
            each.generate(prompts, [4, 0, 6, 5, 2], frozenset({2}), adapter=adapter) for each in (alone, pair)
        ]
        assert answers[0] == answers[1]
    pair.save_adapter(tmp_path)
    alone.step(BATCHES, 1e-2)
    pair.step(BATCHES, 1e-2)
    for each in (alone, pair):
        each.load_adapter(tmp_path)
    assert np.allclose(pair.log_probabilities(BATCHES[0]), alone.log_probabilities(BATCHES[0]), atol=1e-3)
    assert pair.describe()["processes"] == 2
    assert pair.peak_memory() > 1.5 * alone.peak_memory()


def test_kto_of_two_processes_equals_one(base: Path) -> None:
    batches = [preference_batch(count, kto=True) for count in (3, 4)]
    alone = TorchEngine(base, spec(method="kto"), settings())
    pair = open_engine(base, spec(method="kto", processes=2), settings())
    try:
        for _ in range(3):
            one, two = (each.step(batches, 1e-2) for each in (alone, pair))
            assert two.loss == pytest.approx(one.loss, rel=1e-4)
            assert two.grad_norm == pytest.approx(one.grad_norm, rel=1e-3)
    finally:
        pair.close()


def test_state_goes_on_bit_for_bit_and_a_dead_helper_is_an_error_at_once(base: Path, tmp_path: Path) -> None:
    engine = open_engine(base, spec(processes=2, lora_dropout=0.1), settings())
    try:
        engine.step(BATCHES, 1e-2)
        engine.save_state(tmp_path)
        wanted = [engine.step(BATCHES, 1e-2) for _ in range(2)]
        engine.step(BATCHES, 1e-2)
        engine.load_state(tmp_path)
        assert [engine.step(BATCHES, 1e-2) for _ in range(2)] == wanted
        helper = engine._helpers[0]._process  # type: ignore[attr-defined]
        helper.kill()
        begun = time.monotonic()
        with pytest.raises(InterruptedJobError, match="ended by signal 9"):
            engine.step(BATCHES, 1e-2)
        assert time.monotonic() - begun < 5
    finally:
        engine.close()
    assert not psutil.pid_exists(helper.pid)


def test_refusal_leaves_no_helper(base: Path) -> None:
    before = children()
    with pytest.raises(InvalidInputError, match="no layer wq"):
        DataParallelEngine(base, spec(processes=2, target_modules=("wq",)), settings())
    assert children() == before


MAIN = """
import sys, time
from pathlib import Path
from finetune_torch_world import settings, spec
from whetstone.finetune.on_torch.ranks import open_engine
engine = open_engine(Path(sys.argv[1]), spec(processes=2), settings())
print(engine._helpers[0]._process.pid, flush=True)
time.sleep(60)
"""


def test_helpers_end_with_the_main_process(base: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    main = subprocess.Popen(
        [sys.executable, "-c", MAIN, str(base)],
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert main.stdout is not None
        helper = psutil.Process(int(main.stdout.readline()))
        os.killpg(main.pid, signal.SIGTERM)  # helpers leave signals to the main process
        main.wait(10)
        helper.wait(5)
    finally:
        if main.poll() is None:
            main.kill()
        main.communicate()
