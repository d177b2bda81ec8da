"""The proof on held-out rows, through a scripted engine: what is asked, how it is scored, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finetune_world import chat_rows, write_rows
from whetstone.errors import InvalidInputError
from whetstone.finetune.data.prepare import prepare
from whetstone.finetune.data.tokenizer import ChatTokenizer
from whetstone.finetune.data.types import Batch, Example
from whetstone.finetune.engine import Engine, StepResult
from whetstone.finetune.proof import Proof, held_out_losses, prove
from whetstone.finetune.spec import FineTuneSpec
from whetstone.optimize.metrics import Answer

Reply = Callable[[Example], str]


class ScriptedEngine(Engine):
    """Answers with the text that `base` or `tuned` gives for the example whose prompt it is.

    `loss` is the nats a learnt token costs; `log_probabilities` adds a little for the sequence's length, so that rows differ.
    """

    def __init__(
        self,
        tokenizer: ChatTokenizer,
        examples: Sequence[Example],
        base: Reply,
        tuned: Reply,
        loss: float = 2.0,
    ) -> None:
        self.loss = loss
        self.asked: list[tuple[int, int, bool]] = []
        self.limits: set[int] = set()
        self._tokenizer = tokenizer
        self._by_prompt = {tuple(example.prompt.tolist()): example for example in examples}
        self._base, self._tuned = base, tuned

    def log_probabilities(self, batch: Batch) -> Any:
        learnt = (batch.labels[:, 1:] != -100).sum(axis=1)
        return (-self.loss * learnt - 0.001 * batch.lengths * learnt).astype(np.float32)

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: Sequence[int],
        stop: frozenset[int],
        *,
        adapter: bool,
    ) -> list[list[int]]:
        assert stop == self._tokenizer.stop_ids
        self.limits.update(max_new_tokens)
        answers = []
        for prompt, most in zip(prompts, max_new_tokens, strict=True):
            self.asked.append((len(prompt), most, adapter))
            text = (self._tuned if adapter else self._base)(self._by_prompt[tuple(prompt)])
            answers.append(self._ids(text)[:most])
        return answers

    def step(self, batches: Sequence[Batch], learning_rate: float) -> StepResult:
        raise NotImplementedError

    def save_adapter(self, folder: Path) -> None:
        raise NotImplementedError

    def load_adapter(self, folder: Path) -> None:
        raise NotImplementedError

    def save_state(self, folder: Path) -> None:
        raise NotImplementedError

    def load_state(self, folder: Path) -> None:
        raise NotImplementedError

    def peak_memory(self) -> int:
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def _ids(self, text: str) -> list[int]:
        messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": text}]
        rendered = self._tokenizer.conversation(messages, None, learn="last")
        ids: list[int] = rendered.ids[rendered.learnt].tolist()
        return [each for each in ids if each not in self._tokenizer.stop_ids]


@pytest.fixture(scope="session")
def tokenizer(base: Path) -> ChatTokenizer:
    return ChatTokenizer.load(base)


@pytest.fixture
def held_out(tokenizer: ChatTokenizer, tmp_path: Path) -> Callable[..., list[Example]]:
    """Test examples of chat rows, each its own group."""

    def make(rows: list[dict[str, Any]], **options: Any) -> list[Example]:
        sides = ["train", "train", "validation"] + ["test"] * (len(rows) - 3)
        marked = [
            row | {"metadata": {"split": side} | row.get("metadata", {})}
            for row, side in zip(rows, sides, strict=True)
        ]
        path = write_rows(tmp_path / "rows.jsonl", marked)
        spec = FineTuneSpec(job_id="j", job_dir=tmp_path, dataset_id="d", dataset_dir=path, **options)
        return list(prepare(path, spec, tokenizer).test)

    return make


def right(example: Example) -> str:
    text: str = example.row["response"]["text"]
    return text


def wrong(_example: Example) -> str:
    return "NOTHING"


def proved(engine: Engine, examples: Sequence[Example], tokenizer: ChatTokenizer, **options: Any) -> Proof:
    settings = {
        "base": None,
        "max_rows": 100,
        "batch_size": 4,
        "seed": 1,
        "say": lambda _text: None,
    } | options
    return prove(engine, examples, tokenizer, **settings)


def test_a_model_that_learnt_to_answer_is_promoted(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    examples = held_out(chat_rows(30))
    engine = ScriptedEngine(tokenizer, examples, base=wrong, tuned=right)
    before = held_out_losses(engine, examples, tokenizer.pad_id, 4, seed=1)
    engine.loss = 0.5
    heard: list[str] = []
    proof = proved(engine, examples, tokenizer, base=before, say=heard.append)
    found = json.loads(json.dumps(proof.to_dict()))
    assert found["decision"] == "promoted"
    assert (found["rows"], found["groups"]) == (27, 27)
    assert (found["baseScore"], found["tunedScore"], found["delta"]) == (0.0, 1.0, 1.0)
    assert found["interval"][0] > 0.5
    assert found["metrics"] == {"exact": 27}
    assert found["loss"]["rows"] == 27
    assert found["loss"]["delta"] == pytest.approx(-1.5, abs=1e-4)
    assert found["loss"]["interval"][1] < 0
    assert found["explanation"].startswith(
        "The tuned model answers better than its base: mean score 1.00 instead of 0.00"
    )
    assert heard[-1] == "tuned model: 27 of 27 test rows answered"
    assert {adapter for _, _, adapter in engine.asked} == {True, False}


def test_a_model_that_forgot_is_rejected_and_the_same_answers_settle_nothing(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    examples = held_out(chat_rows(30))
    forgot = proved(ScriptedEngine(tokenizer, examples, base=right, tuned=wrong), examples, tokenizer)
    assert forgot.decision == "rejected"
    assert forgot.explanation.startswith("The tuned model answers worse than its base")
    same = proved(ScriptedEngine(tokenizer, examples, base=right, tuned=right), examples, tokenizer)
    assert same.decision == "inconclusive"
    assert "no difference to be seen" in same.explanation
    assert same.to_dict()["loss"] is None


def test_a_few_better_answers_say_how_many_rows_would_settle_it(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    examples = held_out(chat_rows(30))
    lucky = {example.id for example in examples[:2]}
    engine = ScriptedEngine(
        tokenizer, examples, base=wrong, tuned=lambda each: right(each) if each.id in lucky else wrong(each)
    )
    proof = proved(engine, examples, tokenizer)
    assert proof.decision == "inconclusive"
    assert proof.gate is not None
    assert proof.gate.rows_needed is not None
    assert f"about {proof.gate.rows_needed} rows would settle it" in proof.explanation


def test_too_few_rows_are_not_judged_and_nothing_is_generated(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    examples = held_out(chat_rows(10))
    engine = ScriptedEngine(tokenizer, examples, base=wrong, tuned=right)
    before = held_out_losses(engine, examples, tokenizer.pad_id, 4)
    proof = proved(engine, examples, tokenizer, base=before)
    assert proof.decision == "not_gated"
    assert "of 7 held-out rows 7 can be scored, and at least 8 are needed" in proof.explanation
    assert proof.loss is not None  # losses need no answers
    assert engine.asked == []
    many = held_out(chat_rows(30))
    unasked = proved(ScriptedEngine(tokenizer, many, wrong, right), many, tokenizer, max_rows=0)
    assert unasked.decision == "not_gated"
    assert "testRows is 0" in unasked.explanation
    none = proved(ScriptedEngine(tokenizer, [], wrong, right), [], tokenizer)
    assert none.decision == "not_gated"
    assert none.to_dict()["baseScore"] is None


def test_of_many_rows_few_are_asked_from_as_many_groups_as_there_are(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    examples = [
        replace(example, group=f"group-{index % 12}") for index, example in enumerate(held_out(chat_rows(60)))
    ]
    engine = ScriptedEngine(tokenizer, examples, base=wrong, tuned=right)
    proof = proved(engine, examples, tokenizer, max_rows=12)
    assert len(engine.asked) == 24
    assert proof.to_dict()["groups"] == 12
    ids = [each.question.example.id for each in proof.answers]
    again = proved(engine, examples[::-1], tokenizer, max_rows=12)
    assert [each.question.example.id for each in again.answers] == ids
    other = proved(engine, examples, tokenizer, max_rows=12, seed=2)
    assert [each.question.example.id for each in other.answers] != ids


def test_answers_get_one_limit_that_does_not_tell_how_long_the_right_one_is(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    examples = held_out(chat_rows(30))
    longest = max(int(example.sequences[0].learnt.sum()) for example in examples)
    endless = ScriptedEngine(tokenizer, examples, base=lambda _each: "order " * 200, tuned=right)
    proof = proved(endless, examples, tokenizer)
    assert endless.limits == {2 * longest + 16}
    assert "27 of 27 answers of the base model reached the longest length" in proof.notes
    assert not any("tuned" in note for note in proof.notes)


def test_of_a_chat_only_the_last_turn_says_how_long_an_answer_is(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    rows = chat_rows(30)
    for row in rows:
        row["messages"][1:1] = [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "please " * 60},
        ]
    examples = held_out(rows)
    engine = ScriptedEngine(tokenizer, examples, base=wrong, tuned=right)
    proved(engine, examples, tokenizer)
    assert max(engine.limits) < 60


def test_long_answers_are_compared_as_text_and_labels_exactly(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    rows = chat_rows(30)
    for index, row in enumerate(rows):
        row["messages"][-1]["content"] = (
            f"please refund my order number {index} now and tell me about the parcel"
        )
    examples = held_out(rows)
    nearly = ScriptedEngine(tokenizer, examples, base=wrong, tuned=lambda each: right(each) + " please")
    proof = proved(nearly, examples, tokenizer)
    assert proof.to_dict()["metrics"] == {"text": 27}
    assert 0.8 < proof.to_dict()["tunedScore"] < 1.0


def test_rows_of_a_task_are_scored_by_its_metric(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    rows = chat_rows(30)
    for index, row in enumerate(rows):
        row["metadata"] = {"task_type": "should_respond" if index % 2 else "response"}
        row["messages"][-1]["content"] = '{"action": "RESPOND"}'
    examples = held_out(rows)
    engine = ScriptedEngine(
        tokenizer, examples, base=wrong, tuned=lambda _each: '```json\n{"action": "RESPOND", "why": "a"}\n```'
    )
    found = proved(engine, examples, tokenizer).to_dict()
    assert found["metrics"] == {"decision": 14, "text": 13}
    assert found["tasks"]["should_respond"] == {"rows": 14, "baseScore": 0.0, "tunedScore": 1.0}
    assert found["tasks"]["response"]["tunedScore"] < 1.0


def test_tool_calls_are_read_from_what_the_model_writes(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    rows = chat_rows(30)
    call = {"type": "function", "function": {"name": "track", "arguments": '{"order": 7}'}}
    for row in rows:
        row["messages"][-1] = {"role": "assistant", "content": "", "tool_calls": [call]}
    examples = held_out(rows)
    engine = ScriptedEngine(
        tokenizer,
        examples,
        base=lambda _each: "I will track it",
        tuned=lambda _each: '<tool_call>\n{"name": "track", "arguments": {"order": 7}}\n</tool_call>',
    )
    found = proved(engine, examples, tokenizer).to_dict()
    assert found["metrics"] == {"action": 27}
    assert (found["baseScore"], found["tunedScore"]) == (0.0, 1.0)


def test_what_a_model_thinks_aloud_is_no_part_of_its_answer(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    examples = held_out(chat_rows(30))
    engine = ScriptedEngine(
        tokenizer, examples, base=wrong, tuned=lambda each: f"<think>RESET or</think>\n{right(each)}"
    )
    assert proved(engine, examples, tokenizer).to_dict()["tunedScore"] == 1.0


def test_bad_answers_are_no_questions(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    examples = held_out(chat_rows(30))
    examples = [replace(each, desirable=index % 3 > 0) for index, each in enumerate(examples)]
    engine = ScriptedEngine(tokenizer, examples, base=wrong, tuned=right)
    before = held_out_losses(engine, examples, tokenizer.pad_id, 4)
    assert len(before.by_row) == 18
    proof = proved(engine, examples, tokenizer, base=before)
    assert len(proof.answers) == 18
    assert "9 test rows not answered: their answer was marked as a bad one" in proof.notes[0]


def test_answers_that_nobody_verified_judge_nothing(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    rows = chat_rows(30)
    for index, row in enumerate(rows):
        row["metadata"] = {"verified": index % 3 > 0}
    examples = held_out(rows, include_unverified=True)
    assert len(examples) == 27
    engine = ScriptedEngine(tokenizer, examples, base=wrong, tuned=right)
    before = held_out_losses(engine, examples, tokenizer.pad_id, 4)
    assert len(before.by_row) == 18
    proof = proved(engine, examples, tokenizer, base=before)
    assert len(proof.answers) == 18
    assert proof.notes == ("9 test rows not answered: their answer is not verified",)


def test_a_rejected_answer_is_never_the_right_one(tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    sides = ["train", "train", "validation"] + ["test"] * 20
    pairs = [
        {
            "format": "whetstone_preference_v1",
            "callId": f"c{index}",
            "split": side,
            "request": {"prompt": f"question {index}"},
            "chosen": {"text": "GOOD"},
            "rejected": {"text": "BAD"},
        }
        for index, side in enumerate(sides)
    ]
    path = write_rows(tmp_path / "pairs.jsonl", pairs)
    spec = FineTuneSpec(job_id="j", job_dir=tmp_path, dataset_id="d", dataset_dir=path, method="kto")
    examples = prepare(path, spec, tokenizer).test
    assert {each.row["response"]["text"]: each.desirable for each in examples} == {"GOOD": True, "BAD": False}
    engine = ScriptedEngine(tokenizer, examples, base=lambda _each: "BAD", tuned=lambda _each: "GOOD")
    losses = held_out_losses(engine, examples, tokenizer.pad_id, 4)
    assert len(losses.by_row) == 20
    assert all(key.endswith(":chosen") for key in losses.by_row)
    found = proved(engine, examples, tokenizer, base=losses)
    assert {each.question.row.expected_text for each in found.answers} == {"GOOD"}
    scores = found.to_dict()
    assert scores["rows"] == 20
    assert scores["baseScore"] < 0.1 < scores["tunedScore"] == 1.0


def test_a_base_in_4_bits_is_said(held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer) -> None:
    examples = held_out(chat_rows(15))
    engine = ScriptedEngine(tokenizer, examples, base=wrong, tuned=right)
    assert proved(engine, examples, tokenizer).notes == ()
    [note] = proved(engine, examples, tokenizer, four_bit=True).notes
    assert "in 4 bits" in note


def test_rows_that_only_a_judge_could_score_are_left_out_and_said(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whetstone.datasets.tasks import TASKS

    monkeypatch.setitem(TASKS, "media_description", replace(TASKS["media_description"], metric="judge"))
    rows = chat_rows(30)
    for index, row in enumerate(rows):
        row["metadata"] = {"task_type": "media_description"} if index % 3 == 0 else {}
    examples = held_out(rows)
    proof = proved(ScriptedEngine(tokenizer, examples, wrong, right), examples, tokenizer)
    assert len(proof.answers) == 18
    assert any("9 test rows not answered: their metric is a judging model" in note for note in proof.notes)


def test_a_metric_that_fails_leaves_rows_out_and_not_a_low_score(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whetstone.optimize.metrics import registry

    def picky(expected: Answer, given: Answer) -> float:
        if expected.text == "REFUND":
            raise ValueError("refunds are not for me")
        return float(expected.text == given.text)

    monkeypatch.setitem(registry._METRICS, "exact", picky)
    rows = chat_rows(50)
    examples = held_out(rows)
    refunds = sum(right(example) == "REFUND" for example in examples)
    proof = proved(ScriptedEngine(tokenizer, examples, wrong, right), examples, tokenizer)
    assert len(proof.answers) == len(examples) - refunds
    assert proof.decision == "promoted"
    # The words of a metric may quote rows, and notes go beside the model.
    assert f"{refunds} test rows not scored: the metric exact failed (ValueError)" in proof.notes

    monkeypatch.setitem(registry._METRICS, "exact", lambda *_answers: [])
    broken = proved(ScriptedEngine(tokenizer, examples, wrong, right), examples, tokenizer)
    assert broken.decision == "not_gated"
    assert f"of {len(examples)} held-out rows 0 can be scored" in broken.explanation


def test_losses_do_not_depend_on_the_batches_and_are_compared_on_the_rows_that_both_have(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    examples = held_out(chat_rows(30))
    engine = ScriptedEngine(tokenizer, examples, base=wrong, tuned=right)
    before = held_out_losses(engine, examples, tokenizer.pad_id, 4, seed=1)
    assert held_out_losses(engine, examples, tokenizer.pad_id, 7, seed=1).by_row == pytest.approx(
        before.by_row
    )
    fewer = proved(engine, examples[:15], tokenizer, base=before)
    assert fewer.loss is not None
    assert fewer.loss.rows == 15
    assert fewer.loss.delta == pytest.approx(0.0)
    assert fewer.loss.interval is not None
    assert fewer.loss.interval[0] <= 0 <= fewer.loss.interval[1]


def test_rows_whose_loss_is_no_number_are_left_out(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    examples = held_out(chat_rows(12))
    engine = ScriptedEngine(tokenizer, examples, base=wrong, tuned=right)
    engine.loss = float("nan")
    assert held_out_losses(engine, examples, tokenizer.pad_id, 4).by_row == {}


def test_one_group_gives_no_interval(
    held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer
) -> None:
    examples = [replace(example, group="one") for example in held_out(chat_rows(15))]
    engine = ScriptedEngine(tokenizer, examples, base=wrong, tuned=right)
    before = held_out_losses(engine, examples, tokenizer.pad_id, 4)
    engine.loss = 0.1
    loss = proved(engine, examples, tokenizer, base=before).loss
    assert loss is not None
    assert loss.interval is None


def test_who_listens_may_end_it(held_out: Callable[..., list[Example]], tokenizer: ChatTokenizer) -> None:
    examples = held_out(chat_rows(40))
    engine = ScriptedEngine(tokenizer, examples, base=wrong, tuned=right)

    def stop(_text: str) -> None:
        raise InvalidInputError("enough")

    with pytest.raises(InvalidInputError, match="enough"):
        proved(engine, examples, tokenizer, say=stop)
    assert len(engine.asked) == 16
