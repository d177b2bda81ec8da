"""How a prompt and its demonstrations become the messages that a model sees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from whetstone.lm.types import Message
from whetstone.prompts.artifact import Demonstration, DemonstrationFormat

MAX_BLOCK_INPUT = 600
"""Characters of a demonstration's input that the block shows (contract §14.3)."""

_BLOCK_HEADING = re.compile(r"^Demonstrations:\s*$", re.MULTILINE)


def render(
    prompt: str,
    demonstrations: Sequence[Demonstration],
    rendering: DemonstrationFormat,
    messages: Iterable[Message],
) -> list[Message]:
    """The request's messages under `prompt`.

    `messages` is the conversation to answer; its leading system message, if any, is the prompt that `prompt`
    replaces. `turns` puts each demonstration as a user and an assistant message before the conversation;
    `block` writes them into the system prompt, as Eliza does.
    """
    conversation = list(messages)
    if conversation and conversation[0]["role"] == "system":
        conversation = conversation[1:]
    if rendering == "block":
        return [*_system(with_block(prompt, demonstrations)), *conversation]
    return [*_system(prompt), *_turns(demonstrations), *conversation]


def with_block(prompt: str, demonstrations: Sequence[Demonstration]) -> str:
    """`prompt` with the demonstrations written below it; unchanged if it already has such a block.

    Source: contract §14.3 and §15.2, the form that Eliza's resolver appends.
    """
    if not demonstrations or _BLOCK_HEADING.search(prompt):
        return prompt
    examples = [
        f"Example {number}:\nInput:\n{_cut(example.input.user)}\nExpected:\n{example.expected_output}"
        for number, example in enumerate(demonstrations, start=1)
    ]
    block = "\n\n".join(["Demonstrations:", *examples])
    return f"{prompt.rstrip()}\n\n{block}" if prompt.strip() else block


def _system(prompt: str) -> list[Message]:
    return [{"role": "system", "content": prompt}] if prompt.strip() else []


def _turns(demonstrations: Sequence[Demonstration]) -> list[Message]:
    turns: list[Message] = []
    for example in demonstrations:
        turns.append({"role": "user", "content": example.input.user})
        turns.append({"role": "assistant", "content": example.expected_output})
    return turns


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= MAX_BLOCK_INPUT else f"{text[: MAX_BLOCK_INPUT - 1].rstrip()}…"
