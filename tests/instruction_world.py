"""What the tests of instruction-search share: task models that an instruction helps, and reflection models."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from optimize_world import answer, demonstrated_turns, right_decision
from search_world import Answer, ScriptedModel, of_split
from whetstone.optimize.spec import InstructionOptions

TRAIN, VALIDATION, TEST = of_split("train"), of_split("validation"), of_split("test")
MAGIC = "Write JSON with the right action."
ZERO_SHOT = InstructionOptions(demonstration_sets=0)
SMALL = InstructionOptions(instructions=6, minibatch=8, full_every=4)


def prompt_of(messages: Sequence[Any]) -> str:
    return str(messages[0]["content"])


def right(messages: Sequence[Any]) -> str:
    return answer(right_decision(str(messages[-1]["content"])))


def follows(messages: Sequence[Any]) -> str:
    """Right once it is told the form of the answer."""
    return right(messages) if MAGIC in prompt_of(messages) else "I would be happy to help!"


def needs_both(messages: Sequence[Any]) -> str:
    """Right once it is told the form and shown two different decisions; either alone helps with few rows."""
    told, shown = MAGIC in prompt_of(messages), len(set(demonstrated_turns(list(messages)))) >= 2
    lucky = number(str(messages[-1]["content"])) % 10 < 3
    return right(messages) if (told and shown) or ((told or shown) and lucky) else "Hm."


def by_luck(messages: Sequence[Any]) -> str:
    """Right on rows by chance, anew under each prompt."""
    return right(messages) if number(str(messages)) % 2 else "Hm."


def number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


def proposes(one_of: int = 3, text: str = MAGIC) -> ScriptedModel:
    """A reflection model that has the right idea in one of so many answers."""
    asked = 0

    def write(_messages: Sequence[Any]) -> str:
        nonlocal asked
        asked += 1
        idea = "Be kind to the customer." if asked % one_of else text
        return f"<hypothesis>Idea {asked}.</hypothesis>\n<instruction>Decide as Fern. {idea} ({asked})</instruction>"

    return reflecting(write)


def reflecting(write: Answer) -> ScriptedModel:
    """A reflection model that answers by a function of the messages."""
    return ScriptedModel(write, "reflection")
