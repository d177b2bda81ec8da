"""ShareGPT's format: `{"id": …, "conversations": [{"from": "human", "value": "…"}, …]}`; `items` is a synonym."""

from __future__ import annotations

from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.trajectories.importers.conversation import conversation, parsed
from whetstone.trajectories.importers.identity import content_id

Json = dict[str, Any]

_ROLES = {
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "chatgpt", "bing", "bard", "bot", "model", "assistant"), "assistant"),
    "system": "system",
    **dict.fromkeys(("tool", "observation", "function_response"), "tool"),
}
_READ = frozenset({"conversations", "items", "system", "tools", "id", "model"})


def matches(record: Json) -> bool:
    """Whether `record` is of this format."""
    return isinstance(record.get("conversations") or record.get("items"), list)


def trajectories(record: Json) -> list[Json]:
    """The conversation as a trajectory. Raises InvalidInputError when nobody answers in it."""
    turns = record.get("conversations") or record.get("items")
    if not isinstance(turns, list):
        raise InvalidInputError("conversations must be an array")
    messages = [_message(index, turn) for index, turn in enumerate(turns)]
    if record.get("system"):
        messages.insert(0, {"role": "system", "content": record["system"]})
    said = conversation(messages, tools=parsed(record.get("tools")), model=record.get("model"))
    if not said["steps"]:
        raise InvalidInputError("conversations hold no answer of an assistant")
    others = {name: value for name, value in record.items() if name not in _READ}
    return [
        {
            "trajectoryId": content_id("sharegpt", record),
            "source": "sharegpt",
            "status": "completed",
            # The id of a conversation is unique in its file at best.
            "metadata": others | ({} if record.get("id") is None else {"conversationId": record["id"]}),
            **said,
        }
    ]


def _message(index: int, turn: Any) -> Json:
    said_by = (turn.get("from") or turn.get("role")) if isinstance(turn, dict) else None
    if not isinstance(said_by, str):
        raise InvalidInputError(f"conversations[{index}] needs a from, such as human or gpt")
    value = turn.get("value", turn.get("content"))
    others = {name: turn[name] for name in turn.keys() - {"from", "role", "value", "content"}}
    if said_by == "function_call":
        return {"role": "assistant", "content": "", "function_call": parsed(value), **others}
    if said_by not in _ROLES:
        raise InvalidInputError(f"conversations[{index}] is from {said_by[:40]!r}, which is unknown")
    return {"role": _ROLES[said_by], "content": value, **others}
