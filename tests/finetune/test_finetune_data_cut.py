"""Rows over the longest length: the oldest messages go, no more than must, or the row does."""

from __future__ import annotations

from pathlib import Path

import pytest

from finetune_rows import Json, dataset, everyone, native, spec_of, ten
from finetune_templates import CHATML, tokenizer_for
from whetstone.finetune.data.fitting import units, without_oldest
from whetstone.finetune.data.prepare import prepare
from whetstone.finetune.data.tokenizer import ChatTokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ChatTokenizer:
    return tokenizer_for(tmp_path_factory.mktemp("tokenizer"), CHATML)


LONG_CHAT: list[Json] = [
    {"role": "system", "content": "be kind and patient with everyone who asks for anything at all"},
    {"role": "user", "content": "old " * 30},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}],
    },
    {"role": "tool", "content": "result " * 30, "tool_call_id": "a"},
    {"role": "assistant", "content": "earlier"},
    {"role": "user", "content": "now"},
]
LONG: Json = {"messages": LONG_CHAT}
# As a template without tools shows them.
WHOLE = ["system", "user", "assistant", "user", "assistant", "user"]


@pytest.mark.parametrize("gone", [0, 1, 3, 4])
def test_no_more_goes_than_must(tmp_path: Path, tokenizer: ChatTokenizer, gone: int) -> None:
    """`gone` messages after the system prompt: the oldest question, then a call with its result, then an answer."""
    kept = [*LONG_CHAT[:1], *LONG_CHAT[1 + gone :]]
    answer = {"role": "assistant", "content": "answer 99"}
    limit = tokenizer.conversation([*kept, answer], None, learn="last").tokens
    request = {"system": LONG_CHAT[0]["content"], "messages": LONG_CHAT[1:]}
    path = dataset(tmp_path / "d", {"response_trajectories.jsonl": [*ten(), native(99, request=request)]})
    prepared = prepare(path, spec_of(max_length=limit), tokenizer)
    [example] = [each for each in everyone(prepared) if each.id == "c099"]
    assert example.sequences[0].tokens == limit
    text = tokenizer.decode(example.sequences[0].ids, skip_special=False)
    roles = [part.split("\n")[0] for part in text.split("<|im_start|>")[1:-1]]
    assert roles == [*WHOLE[:1], *WHOLE[1 + gone :]]
    assert tokenizer.decode(example.prompt, skip_special=False) == text.rpartition("answer")[0]
    # One token less, and the next must go; where nothing may go any more, the row does.
    report = prepare(path, spec_of(max_length=limit - 1), tokenizer).report
    lost = report["dropped"].get("too_long", 0)
    assert (report["cut"] >= 1) != (gone == 4)
    assert lost == (gone == 4)


@pytest.mark.parametrize("gone", range(1, 12))
def test_the_fewest_messages_go_however_many_there_are(
    tmp_path: Path, tokenizer: ChatTokenizer, gone: int
) -> None:
    roles = ["user", "assistant"] * 6
    chat = [{"role": role, "content": f"{'word ' * i} {i}"} for i, role in enumerate(roles)]
    chat.append({"role": "user", "content": "now"})
    answer = {"role": "assistant", "content": "answer 99"}
    limit = tokenizer.conversation([*chat[gone:], answer], None, learn="last").tokens
    rows = [*ten(), native(99, request={"messages": chat})]
    path = dataset(tmp_path / "d", {"response_trajectories.jsonl": rows})
    prepared = prepare(path, spec_of(max_length=max(limit, 60)), tokenizer)
    [example] = [each for each in everyone(prepared) if each.id == "c099"]
    text = tokenizer.decode(example.sequences[0].ids)
    kept = sum(
        len(tokenizer.conversation([*chat[at:], answer], None, learn="last").ids) <= max(limit, 60)
        for at in range(13)
    )
    assert text.count("user\n") + text.count("assistant\n") == kept + 1


def test_units_keep_results_with_their_call_and_the_last_question() -> None:
    chat = [
        {"role": "system"}, {"role": "user"}, {"role": "assistant"}, {"role": "tool"}, {"role": "tool"},
        {"role": "user"}, {"role": "assistant"}, {"role": "tool"}, {"role": "assistant"},
    ]  # fmt: skip
    assert units(chat) == [[1], [2, 3, 4], [6, 7], [8]]
    roles = [message["role"] for message in without_oldest(chat, 3)]
    assert roles == ["system", "user", "assistant"]


def test_long_rows_are_dropped_and_counted_on_request(tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    path = dataset(tmp_path / "d", {"response_trajectories.jsonl": [*ten(), native(99, request=LONG)]})
    cut = prepare(path, spec_of(max_length=100), tokenizer).report
    assert (cut["cut"], cut["dropped"]) == (1, {})
    dropped = prepare(path, spec_of(max_length=100, overlong="drop"), tokenizer).report
    assert (dropped["cut"], dropped["dropped"]) == (0, {"too_long": 1})
    assert any("too long 1" in note for note in dropped["notes"])
