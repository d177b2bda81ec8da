"""Reading rows from a user's own JSONL file, with errors that name the line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from whetstone.errors import InvalidInputError
from whetstone.lm.types import content_text

CHAT_BOUNDARY = "chat"
"""`boundary` of a row that was a chat: nothing says that its earlier assistant turns are less right than the last."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ROLE_SYNONYMS = {"model": "assistant"}


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSONL file as `eliza_native_v1` rows, one by one; blank lines are skipped.

    A line is such a row (contract §10.3), or a chat
    `{"messages": [..., {"role": "assistant", …}], "tools"?, "metadata"?}` whose last message is the expected answer.
    Raises `InvalidInputError` that names the line and what is wrong.
    """
    return read_lines(path, _row)


def read_lines(path: Path, row: Callable[[dict[str, Any], int], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What `row` makes of the JSON object on each line and the line's number; blank lines are skipped.

    Raises `InvalidInputError` for a file that cannot be read, and for a line that is no object or that `row` refuses
    by such an error, with the line's number in front.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InvalidInputError(f"{path.name} cannot be read: {error.strerror}") from error
    with file:
        for number, line in enumerate(file, start=1):
            content = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
            if content.strip():
                try:
                    yield row(_object(content), number)
                except InvalidInputError as error:
                    raise InvalidInputError(f"{path.name}, line {number}: {error.message}") from None


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(f"not valid JSON ({error.msg} at column {error.colno})") from None
    if not isinstance(value, dict):
        raise InvalidInputError("a row must be a JSON object")
    return value


def _row(value: dict[str, Any], number: int) -> dict[str, Any]:
    if "request" in value or "format" in value:
        return _checked(value)
    if "messages" in value:
        return _from_chat(value, number)
    raise InvalidInputError('a row has "request" and "response", or "messages" that end with the answer')


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    known = row.get("format", "eliza_native_v1")
    if known != "eliza_native_v1":
        raise InvalidInputError(f'format must be "eliza_native_v1", not {known!r}')
    request, response = row.get("request"), row.get("response")
    if not isinstance(request, dict) or not isinstance(response, dict):
        raise InvalidInputError("request and response must be objects")
    if not request.get("messages") and not content_text(request.get("prompt")):
        raise InvalidInputError("request needs a prompt, or messages")
    if "messages" in request:
        check_messages(request["messages"])
    if not content_text(response.get("text")) and not response.get("toolCalls"):
        raise InvalidInputError("response needs the expected text, or toolCalls")
    if not isinstance(row.get("metadata", {}), dict):
        raise InvalidInputError("metadata must be an object")
    return row


def _from_chat(row: dict[str, Any], number: int) -> dict[str, Any]:
    check_messages(row["messages"])
    messages = [{**item, "role": _ROLE_SYNONYMS.get(item["role"], item["role"])} for item in row["messages"]]
    metadata = row.get("metadata", {})
    if not isinstance(metadata, dict):
        raise InvalidInputError("metadata must be an object")
    if messages[-1]["role"] != "assistant":
        raise InvalidInputError("the last message must be the assistant's: it is the expected answer")
    if len(messages) == 1:
        raise InvalidInputError("messages must hold a question before the answer")
    answer = messages.pop()
    response: dict[str, Any] = {"text": content_text(answer.get("content"))}
    if answer.get("tool_calls"):
        response["toolCalls"] = answer["tool_calls"]
    native = {
        "format": "eliza_native_v1",
        "schemaVersion": 1,
        "boundary": CHAT_BOUNDARY,
        "callId": metadata.get("call_id") or f"line-{number}",
        "trajectoryId": row.get("trajectory_id") or metadata.get("trajectory_id") or f"line-{number}",
        "request": {"messages": messages, **({"tools": row["tools"]} if row.get("tools") else {})},
        "response": response,
        "metadata": metadata,
    }
    return _checked(native)


def check_messages(messages: Any) -> None:
    """Raise `InvalidInputError` unless this is a list of messages with roles."""
    if not isinstance(messages, list) or not messages:
        raise InvalidInputError("messages must be a list with at least one message")
    for index, item in enumerate(messages):
        role = item.get("role") if isinstance(item, Mapping) else None
        if not isinstance(role, str) or not role:
            raise InvalidInputError(f"messages[{index}] needs a role, such as system, user or assistant")
