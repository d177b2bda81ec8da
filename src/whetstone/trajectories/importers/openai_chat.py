"""OpenAI's chat format for fine-tuning: `{"messages": […], "tools": […]}` a line.

https://platform.openai.com/docs/guides/supervised-fine-tuning
"""

from __future__ import annotations

from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.trajectories.importers.conversation import checked_messages, conversation
from whetstone.trajectories.importers.identity import content_id

Json = dict[str, Any]

_READ = frozenset({"messages", "tools", "functions", "model", "metadata"})


def matches(record: Json) -> bool:
    """Whether `record` is of this format."""
    return isinstance(record.get("messages"), list)


def trajectories(record: Json) -> list[Json]:
    """The chat as a trajectory. Raises InvalidInputError when nobody answers in it."""
    said = conversation(
        checked_messages(record.get("messages")),
        tools=record.get("tools") or record.get("functions"),
        model=record.get("model"),
    )
    if not said["steps"]:
        raise InvalidInputError("messages hold no answer of an assistant")
    metadata = record.get("metadata")
    others = {name: value for name, value in record.items() if name not in _READ}
    return [
        {
            "trajectoryId": content_id("chat", record),
            "source": "openai-chat",
            "status": "completed",
            "metadata": others | (metadata if isinstance(metadata, dict) else {}),
            **said,
        }
    ]
