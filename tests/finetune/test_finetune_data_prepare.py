"""From files to examples: which rows, on which side, cut or left out, counted; and the cache."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from finetune_rows import SIDES, Json, dataset, everyone, native, spec_of, ten
from finetune_templates import CHATML, TURNS, learnt_text, tokenizer_for
from finetune_world import chat_rows, write_rows
from whetstone.errors import InvalidInputError, NotFoundError
from whetstone.finetune.bases.names import BaseRef
from whetstone.finetune.bases.prepare import Base
from whetstone.finetune.data import prepare as prepare_module
from whetstone.finetune.data.batches import Plan
from whetstone.finetune.data.fitting import fitted
from whetstone.finetune.data.prepare import Prepared, prepare
from whetstone.finetune.data.preview import preview
from whetstone.finetune.data.tokenizer import ChatTokenizer
from whetstone.finetune.data.types import Example
from whetstone.finetune.ground import prepare_rows
from whetstone.settings import Settings


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ChatTokenizer:
    return tokenizer_for(tmp_path_factory.mktemp("tokenizer"), CHATML)


def _texts(tokenizer: ChatTokenizer, example: Example) -> list[str]:
    return [text for each in example.sequences for text in learnt_text(tokenizer, each.ids, each.learnt)]


def test_a_dataset_keeps_its_sides_and_each_call_once(tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    path = dataset(
        tmp_path / "d",
        {
            "response_trajectories.jsonl": [*ten(), native(90, verified=False)],
            "should_respond_trajectories.jsonl": [
                native(0, task="should_respond"),
                native(91, task="should_respond"),
            ],
        },
    )
    prepared = prepare(path, spec_of(), tokenizer)
    assert prepared.report["rows"] == {"train": 7, "validation": 2, "test": 2}
    assert len({example.id for example in everyone(prepared)}) == 11
    first = next(example for example in prepared.train if example.id == "c001")
    # Of a recorded call only the answer is learnt, not the turns before it.
    assert _texts(tokenizer, first) == ["answer 1<|im_end|>"]
    assert tokenizer.decode(first.prompt, skip_special=False).endswith(
        "question 1<|im_end|>\n<|im_start|>assistant\n"
    )
    assert first.row["callId"] == "c001"
    assert (first.task, first.group, first.desirable) == ("response", "g1", None)
    one_task = prepare(path, spec_of(task="response"), tokenizer)
    assert one_task.report["tasks"] == {"response": 10}
    assert prepare(path, spec_of(include_unverified=True), tokenizer).report["rows"]["train"] == 8
    everything = prepare(path, spec_of(train_on="all"), tokenizer)
    assert _texts(tokenizer, everything.train[0]) == ["earlier<|im_end|>", "answer 0<|im_end|>"]
    assert everything.report["tokens"]["learnt"] > prepared.report["tokens"]["learnt"]


def test_a_chat_file_is_divided_and_all_its_answers_learnt(tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    rows = chat_rows(60)
    rows[0]["messages"][1:1] = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    path = write_rows(tmp_path / "mine.jsonl", rows)
    prepared = prepare(path, spec_of(), tokenizer)
    counts = prepared.report["rows"]
    assert sum(counts.values()) == 60
    assert 40 <= counts["train"] <= 54
    assert min(counts["validation"], counts["test"]) >= 1
    first = next(example for example in everyone(prepared) if example.id == "line-1")
    assert _texts(tokenizer, first)[0] == "hello<|im_end|>"
    assert len(_texts(tokenizer, first)) == 2
    # The same rows in another order fall on the same sides.
    turned = prepare(write_rows(tmp_path / "turned.jsonl", rows[::-1]), spec_of(), tokenizer)
    assert turned.report["hashes"] == prepared.report["hashes"]
    other = prepare(path, spec_of(seed=1), tokenizer)
    assert other.report["hashes"] != prepared.report["hashes"]
    assert any("divided" in note for note in prepared.report["notes"])
    assert any("taken as right" in note for note in prepared.report["notes"])


@pytest.mark.parametrize("count", [3, 4, 5, 8])
def test_few_rows_still_give_train_and_validation(
    tmp_path: Path, tokenizer: ChatTokenizer, count: int
) -> None:
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
    rows = [
        {"messages": [{"role": "user", "content": words[i]}, {"role": "assistant", "content": f"a{i}"}]}
        for i in range(count)
    ]
    for seed in range(5):
        counts = prepare(write_rows(tmp_path / "f.jsonl", rows), spec_of(seed=seed), tokenizer).report["rows"]
        assert counts["train"] >= 2
        assert counts["validation"] >= 1


def test_near_duplicates_stay_on_one_side(tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    topics = [
        "parcels to Osaka in winter",
        "refunds for broken lamps",
        "passwords that were forgotten",
        "opening hours",
    ]
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Tell me about {topic} {i}"},
                {"role": "assistant", "content": "x"},
            ]
        }
        for topic in topics
        for i in range(3)
    ]
    prepared = prepare(write_rows(tmp_path / "f.jsonl", rows), spec_of(), tokenizer)
    sides: dict[str, set[str]] = {}
    for side in SIDES:
        for example in getattr(prepared, side):
            text = example.row["request"]["messages"][0]["content"][:-2]
            sides.setdefault(text, set()).add(side)
    assert len(sides) == 4
    assert all(len(found) == 1 for found in sides.values())


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([], {}, "no rows"),
        (
            [native(1)],
            {},
            r"at least 2 rows to learn and 1 for validation; there are 1 and 0.*1 verified of 1 rows",
        ),
        ([native(i, verified=False) for i in range(9)], {}, "0 verified of 9 rows.*includeUnverified"),
        ([native(i) for i in range(9)], {}, "there are 9 and 0"),
        (ten(), {"task": "nonsense"}, "task must be one of"),
        (ten(), {"task": "should_respond"}, "no rows of the task should_respond"),
        (ten(), {"max_length": 16}, r"too_long 10.*maxLength above 16"),
        (ten(), {"method": "dpo"}, "DPO needs corrected answers"),
        (ten(), {"method": "kto"}, "KTO needs judged answers"),
    ],
)
def test_too_little_says_what_is_there_and_what_to_do(
    tmp_path: Path, tokenizer: ChatTokenizer, rows: list[Json], options: Json, message: str
) -> None:
    path = dataset(tmp_path / "d", {"response_trajectories.jsonl": rows})
    with pytest.raises(InvalidInputError, match=message):
        prepare(path, spec_of(**options), tokenizer)


def test_a_split_of_some_rows_is_refused(tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    rows = chat_rows(12)
    for index, row in enumerate(rows[1:]):
        row["metadata"] = {"split": SIDES[index % 3]}
    with pytest.raises(InvalidInputError, match="1 of 12 rows name no side"):
        prepare(write_rows(tmp_path / "f.jsonl", rows), spec_of(), tokenizer)


def test_repeated_ids_become_distinct(tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    rows = chat_rows(12)
    for row, name in zip(rows, ["a", "a", "a#2", "a"], strict=False):
        row["metadata"] = {"call_id": name}
    examples = everyone(prepare(write_rows(tmp_path / "f.jsonl", rows), spec_of(), tokenizer))
    assert len({example.id for example in examples}) == 12
    assert {"a", "a#2", "a#3", "a#4"} <= {example.id for example in examples}


def test_the_report_names_what_was_read(tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    path = dataset(tmp_path / "d", {"response_trajectories.jsonl": ten()})
    content = (path / "response_trajectories.jsonl").read_bytes()
    expected = {"response_trajectories.jsonl": sha256(content).hexdigest()}
    assert prepare(path, spec_of(), tokenizer).report["files"] == expected
    assert prepare(path, spec_of(), tokenizer, tmp_path / "cache").report["files"] == expected
    assert prepare(path, spec_of(), tokenizer, tmp_path / "cache").report["files"] == expected


def test_no_file_and_bad_lines_are_errors(tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    with pytest.raises(NotFoundError):
        prepare(tmp_path / "none", spec_of(), tokenizer)
    (tmp_path / "f.jsonl").write_text('{"messages": 3}\n')
    with pytest.raises(InvalidInputError, match=r"f\.jsonl, line 1"):
        prepare(tmp_path / "f.jsonl", spec_of(), tokenizer)
    (tmp_path / "p.jsonl").write_text('{"prompt": "x", "chosen": "y"}\n')
    with pytest.raises(InvalidInputError, match=r'p\.jsonl, line 1: .*"rejected"'):
        prepare(tmp_path / "p.jsonl", spec_of(method="dpo"), tokenizer)


def test_rows_that_the_template_refuses_are_counted(tmp_path: Path) -> None:
    strict = tokenizer_for(tmp_path / "t", TURNS, eos="</turn>")
    begins_with_answer = {
        "messages": [{"role": "assistant", "content": "x"}, {"role": "user", "content": "y"}]
    }
    refused = [native(i, request=begins_with_answer) for i in range(9)]
    path = dataset(tmp_path / "r", {"response_trajectories.jsonl": refused})
    with pytest.raises(InvalidInputError, match=r"not_renderable 9\)\. The model's chat template"):
        prepare(path, spec_of(), strict)
    rows = [*ten(), native(50, request=begins_with_answer)]
    report = prepare(dataset(tmp_path / "d", {"response_trajectories.jsonl": rows}), spec_of(), strict).report
    assert report["dropped"] == {"not_renderable": 1}
    assert any("system prompt" in note for note in report["notes"])


def _same(left: Prepared, right: Prepared) -> bool:
    def plain(prepared: Prepared) -> Any:
        return (
            [
                (each.id, each.task, each.group, each.desirable, each.prompt.tolist(), each.row)
                for each in everyone(prepared)
            ],
            [
                (part.ids.tolist(), part.learnt.tolist())
                for each in everyone(prepared)
                for part in each.sequences
            ],
            prepared.report,
        )

    return bool(plain(left) == plain(right))


def _broken(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("harm", [_broken, _flipped, lambda path: path.write_bytes(b"")])
def test_tokens_are_made_once_and_again_where_the_file_is_damaged(
    tmp_path: Path, tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], object]
) -> None:
    path = write_rows(tmp_path / "mine.jsonl", chat_rows(30))
    cache = tmp_path / "cache"
    first = prepare(path, spec_of(), tokenizer, cache)
    [file] = cache.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    rendered: list[int] = []
    real = fitted

    def counting(*arguments: Any) -> Any:
        rendered.append(1)
        return real(*arguments)

    monkeypatch.setattr(prepare_module, "fitted", counting)
    assert _same(prepare(path, spec_of(learning_rate=1e-3), tokenizer, cache), first)
    assert not rendered
    harm(file)
    assert _same(prepare(path, spec_of(), tokenizer, cache), first)
    assert len(rendered) == 1
    assert _same(prepare(path, spec_of(), tokenizer, cache), first)
    assert len(rendered) == 1
    # Another seed, or another content, is another file.
    prepare(path, spec_of(seed=5), tokenizer, cache)
    prepare(path, spec_of(max_length=512), tokenizer, cache)
    write_rows(path, chat_rows(31))
    prepare(path, spec_of(), tokenizer, cache)
    assert len(rendered) == 4
    assert len(list(cache.iterdir())) == 4


@pytest.mark.parametrize(("known", "said"), [(16, True), (2048, False), (None, False)])
def test_rows_beyond_what_the_base_was_made_for_are_said(
    tmp_path: Path, base: Path, settings: Settings, known: int | None, said: bool
) -> None:
    path = write_rows(tmp_path / "mine.jsonl", chat_rows(20))
    model = Base(
        ref=BaseRef("tiny", "folder", str(base)),
        folder=base,
        config={"max_position_embeddings": known},
        fingerprint="f",
        gguf=None,
        revision=None,
        licence=None,
        chat_template="",
    )
    spec = spec_of().model_copy(update={"dataset_dir": path})
    for _ in range(2):  # the second time from the cache
        report = prepare_rows(model, spec, settings).prepared.report
        assert any("was made for 16" in note for note in report["notes"]) == said


def test_the_preview_is_json_and_adds_up(tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    prepared = prepare(write_rows(tmp_path / "mine.jsonl", chat_rows(80)), spec_of(), tokenizer)
    spec = spec_of(iterations=30, batch_size=4, gradient_accumulation=2)
    shown = preview(spec, prepared, Plan(prepared.train, spec))
    assert json.loads(json.dumps(shown)) == shown
    assert shown["steps"] == 30
    assert shown["rowsPerStep"] == 8
    assert 0.5 < shown["paddingEfficiency"] <= 1
    assert shown["tokensToTrain"] == round(shown["tokens"]["train"] * shown["epochs"])
    assert sum(each["rows"] for each in shown["lengths"]["histogram"]) == sum(shown["rows"].values())
    assert 0 < shown["tokens"]["learnt"] < shown["tokens"]["train"]
