"""The authored messages: what people wrote in the shop's shared chat, and the right decisions of the agent.

Names, addresses and numbers in them are invented; some messages hold private data on purpose, for the privacy
filter to find.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Message:
    """One chat message and the right decisions: `decision` is RESPOND, IGNORE or STOP.

    `response` is None where the agent should say nothing.
    """

    id: str
    sender: str
    text: str
    decision: str
    action: str
    parameters: dict[str, str]
    response: str | None


def load_messages() -> list[Message]:
    """All messages, in the order in which they were written."""
    lines = files("whetstone.sample").joinpath("messages.jsonl").read_text("utf-8").splitlines()
    return [Message(**json.loads(line)) for line in lines]
