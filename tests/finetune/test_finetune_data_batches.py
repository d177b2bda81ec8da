"""Order, batches and plan: every row once an epoch, the same from the same seed, nearly no padding."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whetstone.finetune.data.batches import Plan, collate, evaluation_batches, order
from whetstone.finetune.data.types import IGNORED, Example, Rendered
from whetstone.finetune.spec import FineTuneSpec


def _spec(**options: Any) -> FineTuneSpec:
    return FineTuneSpec(job_id="j", job_dir=Path("j"), dataset_id="d", dataset_dir=Path("d"), **options)


def _example(length: int, sequences: int = 1, learnt_from: int = 1, desirable: bool | None = None) -> Example:
    made = tuple(
        Rendered(
            np.arange(length + part, dtype=np.int32) + 10,
            np.arange(length + part) >= learnt_from,
        )
        for part in range(sequences)
    )
    return Example(f"e{length}", "response", "g", made, desirable, np.zeros(1, np.int32), {})


@given(
    st.lists(st.integers(1, 500), min_size=1, max_size=700),
    st.integers(1, 32),
    st.integers(0, 9),
    st.integers(0, 3),
)
def test_an_epoch_is_a_permutation_in_whole_batches(
    lengths: list[int], size: int, seed: int, epoch: int
) -> None:
    batches = order(lengths, size, seed, epoch)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(batches)
    assert sum(len(batch) != size for batch in batches) <= 1
    assert max(map(len, batches)) <= size
    assert batches == order(lengths, size, seed, epoch)


def test_epochs_and_seeds_differ() -> None:
    lengths = [random.Random(i).randint(20, 300) for i in range(400)]
    orders = [order(lengths, 4, seed, epoch) for seed in (0, 1) for epoch in (0, 1, 2)]
    assert len({tuple(made) for made in orders}) == 6
    # Not the batches of the first epoch in another order: which rows meet must change too.
    assert len({batch for made in orders[:3] for batch in map(frozenset, made)}) > 150


def test_the_order_of_an_epoch_stays_what_it_is_for_ever() -> None:
    # A job that resumes under another version must go on with the rows it would have had.
    assert order([5, 3, 9, 1, 7], 2, seed=1, epoch=2) == [(3, 1), (0, 4), (2,)]


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([2, 4, 8]), st.integers(300, 2000))
def test_little_is_padding(seed: int, size: int, rows: int) -> None:
    draw = random.Random(seed)
    examples = [_example(min(1024, int(draw.lognormvariate(5, 0.6)) + 20)) for _ in range(rows)]
    plan = Plan(examples, _spec(batch_size=size, seed=seed))
    assert plan.efficiency >= 0.9
    padded = tokens = 0
    for batch in order([each.longest for each in examples], size, seed, 0):
        made = collate(examples, batch, 0)
        padded, tokens = padded + made.ids.size, tokens + made.tokens
    assert plan.efficiency == pytest.approx(tokens / padded)


@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 5), st.integers(1, 40))
def test_steps_take_every_row_once_an_epoch(rows: int, size: int, accumulation: int, iterations: int) -> None:
    examples = [_example(5 + i) for i in range(rows)]
    plan = Plan(examples, _spec(batch_size=size, gradient_accumulation=accumulation, iterations=iterations))
    assert plan.total_steps == iterations
    seen: list[int] = []
    for index in range(plan.total_steps):
        step = plan.step(index)
        assert 1 <= len(step) <= accumulation
        seen += [row for batch in step for row in batch]
        if (index + 1) % plan.steps_per_epoch == 0:
            assert sorted(seen) == list(range(rows))
            assert plan.epoch(index + 1) == (index + 1) // plan.steps_per_epoch
            seen = []
    again = Plan(examples, _spec(batch_size=size, gradient_accumulation=accumulation, iterations=iterations))
    assert again.step(iterations - 1) == plan.step(iterations - 1)


def test_epochs_become_steps_and_a_million_steps_cost_nothing() -> None:
    examples = [_example(5 + i) for i in range(10)]
    assert Plan(examples, _spec(batch_size=4)).total_steps == 9
    assert Plan(examples, _spec(batch_size=4, epochs=0.5)).total_steps == 2
    assert Plan(examples, _spec(batch_size=100)).batch_size == 10
    endless = Plan(examples, _spec(iterations=1_000_000))
    assert endless.step(999_999)
    with pytest.raises(IndexError):
        endless.step(1_000_000)


def test_a_batch_holds_what_its_examples_hold() -> None:
    examples = [_example(length, sequences=2, learnt_from=3) for length in (4, 6, 5)]
    reference = np.arange(6, dtype=np.float32).reshape(3, 2)
    batch = collate(examples, (2, 0), pad_id=7, reference=reference)
    assert batch.ids.shape == batch.labels.shape == (4, 6)
    assert batch.lengths.tolist() == [5, 4, 6, 5]  # first of both, then second of both
    assert batch.ids[1].tolist() == [10, 11, 12, 13, 7, 7]
    assert batch.labels[1].tolist() == [IGNORED, IGNORED, IGNORED, 13, IGNORED, IGNORED]
    assert batch.examples == (2, 0)
    assert batch.reference is not None
    assert batch.reference.tolist() == [4, 0, 5, 1]
    assert batch.desirable is None
    assert (batch.tokens, batch.learnt_tokens) == (20, 8)
    part = batch.rows([1])
    assert part.lengths.tolist() == [4, 5]
    assert part.reference is not None
    assert part.reference.tolist() == [0, 1]
    labelled = collate([_example(4, 2, desirable=True), _example(4, 2, desirable=False)], (1, 0), 0)
    assert labelled.desirable is not None
    assert labelled.desirable.tolist() == [False, True]


def test_evaluation_takes_the_longest_first_and_every_row_once() -> None:
    examples = [_example(length) for length in (4, 9, 6, 5, 7)]
    batches = list(evaluation_batches(examples, 2, 0))
    assert [batch.lengths.tolist() for batch in batches] == [[9, 7], [6, 5], [4]]
    assert sorted(i for batch in batches for i in batch.examples) == list(range(5))
