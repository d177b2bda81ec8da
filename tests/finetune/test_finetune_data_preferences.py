"""Examples of dpo and kto, from a dataset's preferences and from files of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finetune_templates import CHATML, THINKING, learnt_text, tokenizer_for
from finetune_world import write_rows
from whetstone.errors import InvalidInputError
from whetstone.finetune.data.batches import Plan, collate
from whetstone.finetune.data.prepare import Prepared, prepare
from whetstone.finetune.data.tokenizer import ChatTokenizer
from whetstone.finetune.spec import FineTuneSpec

Json = dict[str, Any]
SIDES = ("train", "validation", "test")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ChatTokenizer:
    return tokenizer_for(tmp_path_factory.mktemp("tokenizer"), CHATML)


def _spec(method: str, **options: Any) -> FineTuneSpec:
    return FineTuneSpec.model_validate(
        {"jobId": "j", "jobDir": "j", "datasetId": "d", "datasetDir": "d", "method": method, **options}
    )


def _preference(index: int, chosen: str | None, rejected: str | None) -> Json:
    return {
        "format": "whetstone_preference_v1",
        "trajectoryId": f"t{index}",
        "callId": f"c{index:02d}",
        "task": "response",
        "split": SIDES[index % 3],
        "group": f"g{index}",
        "request": {"system": "be kind", "prompt": f"question {index}"},
        "chosen": chosen and {"text": chosen},
        "rejected": rejected and {"text": rejected},
        "source": "correction",
    }


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "d"
    folder.mkdir()
    rows = [_preference(i, f"good {i}", f"bad {i}" if i < 9 else None) for i in range(12)]
    write_rows(folder / "preferences.jsonl", [*rows, _preference(12, None, "bad 12")])
    return folder


def _answers(tokenizer: ChatTokenizer, prepared: Prepared) -> dict[str, list[str]]:
    return {
        example.id: [
            text.removesuffix("<|im_end|>")
            for each in example.sequences
            for text in learnt_text(tokenizer, each.ids, each.learnt)
        ]
        for side in (prepared.train, prepared.validation, prepared.test)
        for example in side
    }


def test_dpo_takes_pairs(dataset: Path, tokenizer: ChatTokenizer) -> None:
    prepared = prepare(dataset, _spec("dpo"), tokenizer)
    answers = _answers(tokenizer, prepared)
    assert answers == {f"c{i:02d}": [f"good {i}", f"bad {i}"] for i in range(9)}
    assert prepared.report["rows"] == {"train": 3, "validation": 3, "test": 3}
    example = prepared.train[0]
    assert example.desirable is None
    assert example.row["response"] == {"text": "good 0"}
    chosen, rejected = example.sequences
    assert chosen.ids[: len(example.prompt)].tolist() == rejected.ids[: len(example.prompt)].tolist()
    assert example.prompt.tolist() == chosen.ids[: len(example.prompt)].tolist()
    plan = Plan(prepared.train, _spec("dpo"))
    batch = collate(prepared.train, plan.step(0)[0], tokenizer.pad_id)
    assert batch.ids.shape[0] == 6
    assert batch.desirable is None


def test_kto_takes_each_side_with_another_rows_answer(dataset: Path, tokenizer: ChatTokenizer) -> None:
    spec = _spec("kto")
    prepared = prepare(dataset, spec, tokenizer, dataset / "cache")
    assert sum(prepared.report["rows"].values()) == 12 + 9 + 1
    for side in (prepared.train, prepared.validation, prepared.test):
        own = [_answers(tokenizer, Prepared(side, (), (), {}))[example.id] for example in side]
        # The mismatches are the answers of the same side in another order, none its own.
        assert sorted(mine for mine, _ in own) == sorted(other for _, other in own)
        assert all(mine != other for mine, other in own)
        for example, (mine, _) in zip(side, own, strict=True):
            assert example.desirable is mine.startswith("good")
            assert example.row["metadata"]["verified"] is example.desirable
            first, second = example.sequences
            assert first.ids[: len(example.prompt)].tolist() == second.ids[: len(example.prompt)].tolist()
    cached = prepare(dataset, spec, tokenizer, dataset / "cache")
    assert _answers(tokenizer, cached) == _answers(tokenizer, prepared)
    assert [each.desirable for each in cached.train] == [each.desirable for each in prepared.train]
    assert cached.report == prepared.report
    other = _answers(tokenizer, prepare(dataset, _spec("kto", seed=3), tokenizer))
    assert other != _answers(tokenizer, prepared)
    batch = collate(prepared.train, range(4), tokenizer.pad_id)
    assert batch.desirable is not None
    assert batch.desirable.tolist() == [each.desirable for each in prepared.train[:4]]


def test_mismatches_are_no_longer_than_rows(dataset: Path, tokenizer: ChatTokenizer) -> None:
    rows = [_preference(i, "order " * (60 if i % 2 else 1), None) for i in range(20)]
    long_prompts = [
        {**row, "request": {"prompt": "order " * (1 if i % 2 else 60)}} for i, row in enumerate(rows)
    ]
    write_rows(dataset / "preferences.jsonl", long_prompts)
    prepared = prepare(dataset, _spec("kto", maxLength=100), tokenizer)
    lengths = [each.tokens for example in prepared.train for each in example.sequences]
    assert max(lengths) == 100
    assert all(each.learnt.any() for example in prepared.train for each in example.sequences)


def test_a_cut_keeps_both_answers_to_the_same_question(dataset: Path, tokenizer: ChatTokenizer) -> None:
    rows = [_preference(i, f"good {i}", "bad " * 8) for i in range(9)]
    old = [{"role": "user", "content": "old " * 40}, {"role": "assistant", "content": "yes"}]
    for row in rows:
        row["request"] = {"messages": [*old, {"role": "user", "content": "now"}]}
    write_rows(dataset / "preferences.jsonl", rows)
    prepared = prepare(dataset, _spec("dpo", maxLength=60), tokenizer)
    assert prepared.report["cut"] == 9
    for example in prepared.train:
        for each in example.sequences:
            assert each.tokens <= 60
            assert each.ids[: len(example.prompt)].tolist() == example.prompt.tolist()


def test_only_the_last_answer_is_learnt_also_where_templates_rewrite(dataset: Path, tmp_path: Path) -> None:
    thinking = tokenizer_for(tmp_path / "t", THINKING)
    answers = _answers(thinking, prepare(dataset, _spec("dpo"), thinking))
    assert answers["c00"] == ["<think>\n\n</think>\n\ngood 0", "<think>\n\n</think>\n\nbad 0"]


def test_files_of_ones_own(tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    words = [
        "where is Osaka",
        "order a pizza",
        "weather tomorrow?",
        "sing!",
        "9 + 4",
        "buy milk",
        "who am I",
        "bye",
    ]
    pairs = [{"prompt": word, "chosen": f"yes {i}", "rejected": f"no {i}"} for i, word in enumerate(words)]
    path = write_rows(tmp_path / "pairs.jsonl", pairs)
    prepared = prepare(path, _spec("dpo"), tokenizer)
    assert sum(prepared.report["rows"].values()) == 8
    assert min(prepared.report["rows"]["train"], prepared.report["rows"]["validation"]) >= 1
    assert _answers(tokenizer, prepared)["line-1"] == ["yes 0", "no 0"]
    # Pairs are judged answers too; both of a question fall on one side.
    judged = prepare(path, _spec("kto"), tokenizer)
    sides = {example.id: side for side in SIDES for example in getattr(judged, side)}
    assert len(sides) == 16
    assert all(sides[f"line-{i}:chosen"] == sides[f"line-{i}:rejected"] for i in range(1, 9))
    labelled = [{"prompt": word, "completion": f"a {i}", "label": i % 2 == 0} for i, word in enumerate(words)]
    path = write_rows(tmp_path / "labels.jsonl", labelled)
    assert sum(prepare(path, _spec("kto"), tokenizer).report["rows"].values()) == 8
    with pytest.raises(InvalidInputError, match=r"0 usable of 8 preferences\. DPO needs corrected answers"):
        prepare(path, _spec("dpo"), tokenizer)
