"""Text in pieces: which strings of an array belong together, and how edits of the whole go back into them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from whetstone.privacy.structure.streams import documents, piece, runs


def _joined(items: list[Any]) -> list[str]:
    return ["".join(piece(items, path) for path in run) for run in runs(items)]


def _chunk(text: str, index: int = 0) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "choices": [{"index": index, "delta": {"content": text}, "finish_reason": None}],
    }


def _call(arguments: str, index: int) -> dict[str, Any]:
    function = {"arguments": arguments}
    return {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": index, "function": function}]}}]}


def _block(index: int, kind: str, **text: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **text}}


_START = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}


@pytest.mark.parametrize(
    ("items", "joined"),
    [
        ([_chunk("Jo"), _chunk("hn D"), _chunk("oe")], ["John Doe"]),
        ([_chunk("Jo"), _chunk("Me", 1), _chunk("hn"), _chunk("i", 1)], ["John", "Mei"]),
        ([_call('{"na', 0), _call('{"x', 1), _call('me"}', 0), _call('"}', 1)], ['{"name"}', '{"x"}']),
        ([_block(0, "text_delta", text="Jo"), _block(0, "text_delta", text="hn")], ["John"]),
        (
            [
                _block(1, "input_json_delta", partial_json='{"a'),
                _block(1, "input_json_delta", partial_json='"}'),
            ],
            ['{"a"}'],
        ),
        ([_block(0, "thinking_delta", thinking=text) for text in ("Jo", "hn")], ["John"]),
        (
            [_block(0, "text_delta", text="Jo"), {"type": "ping"}, _block(0, "text_delta", text="hn")],
            ["John"],
        ),
        (
            [
                *(_START, _block(0, "text_delta", text="Jo"), _block(0, "text_delta", text="hn")),
                *(_START, _block(0, "text_delta", text="Me"), _block(0, "text_delta", text="i")),
            ],
            ["John", "Mei"],
        ),
        (
            [{"type": "response.output_text.delta", "item_id": "m", "delta": text} for text in ("Jo", "hn")],
            ["John"],
        ),
        ([{"type": "text-delta", "id": "0", "textDelta": text} for text in ("Jo", "hn")], ["John"]),
        (
            [{"message": {"role": "assistant", "content": text}, "done": False} for text in ("Jo", "hn")],
            ["John"],
        ),
        ([{"response": text, "done": False} for text in ("Jo", "hn")], ["John"]),
        ([{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in ("Jo", "hn")], ["John"]),
        (
            [
                {"event": "on_chat_model_stream", "data": {"chunk": {"content": text}}}
                for text in ("Jo", "hn")
            ],
            ["John"],
        ),
        ([{"token": {"text": text, "logprob": -1.0}} for text in ("Jo", "hn")], ["John"]),
        ([{"token": text, "logprob": -1.0} for text in ("Jo", "hn")], ["John"]),
        ([{"delta": "Jo"}, {"delta": "hn"}], ["John"]),
        (["My", " name", " is", " Jo", "hn"], ["My name is John"]),
        (["John\n", "Doe\n", "12 Main Street\n"], ["John\nDoe\n12 Main Street\n"]),
    ],
)
def test_pieces_of_one_text_are_joined(items: list[Any], joined: list[str]) -> None:
    assert _joined(items) == joined


@pytest.mark.parametrize(
    "items",
    [
        [],
        ["one"],
        ["John", "Doe", "Mei"],
        ["llm", "purpose:response", "step:plan"],
        ["New York", "Los Angeles", "San Francisco"],
        ["a " * 200, " b" * 200, " c" * 200],
        [1, 2.5, None, True],
        ["John ", 1, " Doe", " x"],
        [{"role": "user", "content": "Jo"}, {"role": "assistant", "content": "hn"}],
        [{"name": "Jo"}, {"name": "hn"}],
        [{"type": "text", "text": "Jo"}, {"type": "text", "text": "hn"}],
        [{"chunk": "a long paragraph " * 20}, {"chunk": "another one " * 20}],
        [{"delta": 1}, {"delta": 2}],
        [{"delta": "alone"}],
    ],
)
def test_strings_of_their_own_stay_apart(items: list[Any]) -> None:
    assert runs(items) == []


def test_logs_of_events_are_read_line_by_line() -> None:
    events = [_chunk("Jo"), _chunk("hn")]
    text = "event: x\n" + "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n"
    found = documents(text)
    assert [json.loads(text[line.start : line.end]) for line in found] == events
    assert _joined([line.value for line in found]) == ["John"]


def test_json_lines_are_documents() -> None:
    text = '{"a": 1}\r\nsome log\n[1, 2]\n{"broken": \n'
    assert [text[line.start : line.end] for line in documents(text)] == ['{"a": 1}', "[1, 2]"]


@pytest.mark.parametrize("text", ["", "plain\ntext", '{"a": 1}', '{"a": 1}\n', 'x {"a": 1}\ny {"b": 2}\n'])
def test_other_texts_are_no_documents(text: str) -> None:
    assert documents(text) == []


def test_long_streams_take_linear_time() -> None:
    items = [_chunk(" piece") for _ in range(50_000)]
    started = time.process_time()
    [run] = runs(items)
    pieces = [piece(items, path) for path in run]
    assert "".join(pieces) == " piece" * 50_000
    assert time.process_time() - started < 5.0


def test_deep_and_wide_items_are_harmless() -> None:
    nested: Any = {"delta": "x"}
    for _ in range(500):
        nested = {"data": nested}
    assert runs([nested, nested, [[["x"]]], {"choices": [1] * 1000}]) == []
