"""Reading preferences: a dataset's own, or a user's JSONL file in the forms that trainers of preferences know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from whetstone.datasets.preferences import PREFERENCE_FORMAT
from whetstone.datasets.reader import check_messages, read_lines
from whetstone.errors import InvalidInputError
from whetstone.lm.types import content_text

_FORMS = 'a preference has a "prompt" (text or messages), "chosen" and "rejected"; or "prompt", "completion" and "label"'


def read_preferences(path: Path) -> Iterator[dict[str, Any]]:
    """The preferences of a JSONL file as `whetstone_preference_v1` rows, one by one; blank lines are skipped.

    A line is such a row; or `{"prompt" or "messages", "chosen", "rejected"}`, where the prompt may be left out when
    both answers are whole conversations that begin alike; or `{"prompt" or "messages", "completion", "label"}` with
    a label of true or false. Prompts and answers are text or lists of messages; `tools` and `metadata` may be added.
    Raises `InvalidInputError` that names the line and what is wrong.
    """
    return read_lines(path, _preference)


def _preference(value: dict[str, Any], number: int) -> dict[str, Any]:
    if value.get("format") == PREFERENCE_FORMAT:
        return _checked(value)
    if "format" in value:
        raise InvalidInputError(f'format must be "{PREFERENCE_FORMAT}", not {value["format"]!r}')
    prompt = _messages(value.get("prompt", value.get("messages", [])), "user")
    if "chosen" in value and "rejected" in value:
        chosen, rejected = (_messages(value[side], "assistant") for side in ("chosen", "rejected"))
        prompt, chosen, rejected = _shared(prompt, chosen, rejected)
        sides: dict[str, Any] = {
            "chosen": _answer(chosen, "chosen"),
            "rejected": _answer(rejected, "rejected"),
        }
    elif "completion" in value and isinstance(value.get("label"), bool):
        completion = _messages(value["completion"], "assistant")
        prompt, answer = [*prompt, *completion[:-1]], _answer(completion[-1:], "completion")
        sides = (
            {"chosen": answer, "rejected": None} if value["label"] else {"chosen": None, "rejected": answer}
        )
    else:
        raise InvalidInputError(_FORMS)
    if not prompt:
        raise InvalidInputError("the prompt is empty")
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    return {
        "format": PREFERENCE_FORMAT,
        "trajectoryId": str(metadata.get("trajectory_id") or f"line-{number}"),
        "callId": str(metadata.get("call_id") or f"line-{number}"),
        "task": metadata.get("task_type"),
        "split": metadata.get("split"),
        "group": metadata.get("group"),
        "request": {"messages": prompt, **({"tools": value["tools"]} if value.get("tools") else {})},
        **sides,
        "source": "file",
    }


def _checked(row: dict[str, Any]) -> dict[str, Any]:
    request = row.get("request")
    if not isinstance(request, Mapping):
        raise InvalidInputError("request must be an object")
    if "messages" in request:
        check_messages(request["messages"])
    elif not content_text(request.get("prompt")):
        raise InvalidInputError("request needs a prompt, or messages")
    for side in ("chosen", "rejected"):
        answer = row.get(side)
        if answer is not None and not (
            isinstance(answer, Mapping) and (content_text(answer.get("text")) or answer.get("toolCalls"))
        ):
            raise InvalidInputError(f"{side} must be null or have text, or toolCalls")
    if not row.get("chosen") and not row.get("rejected"):
        raise InvalidInputError("a preference needs chosen or rejected")
    return row


def _messages(value: Any, role: str) -> list[dict[str, Any]]:
    if isinstance(value, str):
        return [{"role": role, "content": value}] if value else []
    if isinstance(value, Mapping):
        value = [value]
    if value:
        check_messages(value)
        return list(value)
    return []


def _shared(
    prompt: list[dict[str, Any]], chosen: list[dict[str, Any]], rejected: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """What both conversations begin with belongs to the prompt."""
    common = 0
    for left, right in zip(chosen[:-1], rejected[:-1], strict=False):
        if left != right:
            break
        common += 1
    return [*prompt, *chosen[:common]], chosen[common:], rejected[common:]


def _answer(messages: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    if len(messages) != 1 or messages[0].get("role") not in ("assistant", "model"):
        raise InvalidInputError(f"{name} must be one answer of the assistant to the prompt")
    calls = messages[0].get("tool_calls") or messages[0].get("toolCalls")
    answer = {
        "text": content_text(messages[0].get("content")),
        **({"toolCalls": calls} if calls else {}),
    }
    if not any(answer.values()):
        raise InvalidInputError(f"{name} is empty")
    return answer
