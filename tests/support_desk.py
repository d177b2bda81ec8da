"""Trajectories of a small support desk, and a language model that learns it from examples in the conversation."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

LABELS = {"help": "RESPOND", "chatter": "IGNORE", "enough": "STOP"}
_WORDS = [
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "flint",
    "grove",
    "heath",
    "inlet",
    "jasper",
    "knoll",
    "larch",
    "maple",
    "north",
    "opal",
    "pine",
]
PROMPT = "Decide what to do with a message. Answer with JSON."


def message(index: int, kind: str) -> str:
    """A message of `kind`, unlike the others."""
    words = random.Random(index).sample(_WORDS, 6)
    return f"{kind} about {' '.join(words)} number {index}"


def trajectory(index: int, *, gold: bool = True, prompt: str = PROMPT) -> dict[str, Any]:
    """One interaction whose recorded answer is useless; with `gold`, its correction says what was right."""
    kind = list(LABELS)[index % len(LABELS)]
    call: dict[str, Any] = {
        "callId": f"call-{index}",
        "purpose": "should_respond",
        "model": "peer",
        "systemPrompt": prompt,
        "userPrompt": message(index, kind),
        "response": "I am not sure.",
        "maxTokens": 16,
        "promptTokens": 20,
        "completionTokens": 5,
    }
    if gold:
        call["correction"] = right_answer(kind)
    return {
        "id": f"desk-{index}",
        "agentId": "desk",
        "source": "chat",
        "status": "completed",
        "startTime": 1_760_000_000_000 + index,
        "endTime": 1_760_000_000_900 + index,
        "steps": [{"stepId": f"step-{index}", "llmCalls": [call]}],
    }


def right_answer(kind: str) -> str:
    return json.dumps({"action": LABELS[kind]}, separators=(",", ":"))


def learning_model(messages: list[dict[str, Any]]) -> str:
    """Answers right only for kinds of which the conversation holds an answered example."""
    kind = messages[-1]["content"].split()[0]
    for shown, answered in itertools.pairwise(messages):
        if shown["role"] == "user" and answered["role"] == "assistant" and shown["content"].startswith(kind):
            return str(answered["content"])
    return "I am not sure."
