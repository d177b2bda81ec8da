"""Rows from a user's own file, and errors that name the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from whetstone.datasets.reader import read_rows
from whetstone.errors import InvalidInputError

NATIVE = '{"format":"eliza_native_v1","request":{"prompt":"hi"},"response":{"text":"hello"}}'


def test_native_and_chat_rows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    chat = '{"messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"model","content":"a"}]}'
    path.write_bytes(b"\xef\xbb\xbf" + NATIVE.encode() + b"\r\n\n  \n" + chat.encode())
    native, converted = read_rows(path)
    assert native["response"]["text"] == "hello"
    assert [message["role"] for message in converted["request"]["messages"]] == ["system", "user"]
    assert converted["response"] == {"text": "a"}
    assert converted["callId"] == "line-4"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{not json", "not valid JSON"),
        ("[1]", "must be a JSON object"),
        ("{}", '"request" and "response"'),
        ('{"format":"v0","request":{},"response":{}}', "eliza_native_v1"),
        ('{"request":{"prompt":"x"}}', "must be objects"),
        ('{"request":{},"response":{"text":"x"}}', "needs a prompt"),
        ('{"request":{"prompt":"x"},"response":{"text":""}}', "expected text"),
        ('{"request":{"prompt":"x"},"response":{"text":"y"},"metadata":[]}', "metadata"),
        ('{"request":{"messages":"x"},"response":{"text":"y"}}', "list"),
        ('{"messages":[]}', "at least one"),
        ('{"messages":[{"role":"user","content":"q"}]}', "assistant"),
        ('{"messages":[{"role":"assistant","content":"a"}]}', "question"),
        ('{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":""}]}', "expected text"),
        ('{"messages":[{"content":"x"}]}', "messages[0] needs a role"),
        ('{"messages":[{"role":["x"]}]}', "messages[0] needs a role"),
    ],
)
def test_errors_name_the_line_and_the_reason(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(f"{NATIVE}\n\n{line}\n")
    rows = read_rows(path)
    assert next(rows)["request"] == {"prompt": "hi"}
    with pytest.raises(InvalidInputError) as caught:
        next(rows)
    assert caught.value.message.startswith("mine.jsonl, line 3: ")
    assert message in caught.value.message


def test_bytes_that_are_no_text_are_an_error_of_their_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_bytes(b'{"messages":"\xff"}\n')
    with pytest.raises(InvalidInputError, match=r"mine\.jsonl, line 1: not valid JSON"):
        list(read_rows(path))


def test_a_missing_file_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"mine\.jsonl cannot be read: No such file"):
        list(read_rows(tmp_path / "mine.jsonl"))
