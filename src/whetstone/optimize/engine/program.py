"""A candidate: the instructions and demonstrations under which a model is tried."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import orjson

from whetstone.lm.types import ChatRequest, Message, content_text
from whetstone.optimize.rows.examples import Example
from whetstone.prompts.artifact import Demonstration, DemonstrationFormat, DemonstrationInput, PromptArtifact
from whetstone.prompts.render import render

_CHARACTERS_PER_TOKEN = 3.0
_TOKENS_PER_FOREIGN_CHARACTER = 1.5
_TOKENS_PER_MESSAGE = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A prompt with demonstrations, in one of the two renderings. `id` is the same for the same content."""

    prompt: str
    demonstrations: tuple[Demonstration, ...] = ()
    rendering: DemonstrationFormat = "turns"
    id: str = field(init=False)

    def __post_init__(self) -> None:
        content = orjson.dumps(
            [
                self.prompt,
                [(shown.input.user, shown.expected_output) for shown in self.demonstrations],
                self.rendering if self.demonstrations else None,
            ]
        )
        object.__setattr__(self, "id", hashlib.sha256(content).hexdigest())

    @classmethod
    def of_artifact(cls, artifact: PromptArtifact) -> Self:
        """What an agent runs that has loaded `artifact`."""
        return cls(artifact.prompt, tuple(artifact.few_shot_examples), artifact.demonstration_format)

    def request(self, example: Example) -> ChatRequest:
        """The call that answers `example` under this candidate: greedy, as the contract scores (§14.2)."""
        messages = render(self.prompt, self.demonstrations, self.rendering, example.messages)
        return ChatRequest(
            messages=tuple(messages),
            temperature=0.0,
            max_tokens=example.max_tokens,
            tools=example.tools,
        )

    def bare(self) -> Self:
        """The same instructions without demonstrations."""
        return replace(self, demonstrations=())

    def tokens(self) -> int:
        """Estimated tokens that the candidate adds to every request."""
        return estimate_tokens(render(self.prompt, self.demonstrations, self.rendering, ()))

    def to_dict(self) -> dict[str, Any]:
        """JSON form, read back by `from_dict`."""
        return {
            "prompt": self.prompt,
            "rendering": self.rendering,
            "demonstrations": [
                shown.model_dump(by_alias=True, exclude_none=True) for shown in self.demonstrations
            ],
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """The candidate that `to_dict` described."""
        shown = tuple(Demonstration.model_validate(item) for item in document["demonstrations"])
        return cls(document["prompt"], shown, document["rendering"])


def demonstration(example: Example, answer: str | None = None) -> Demonstration:
    """`example` as a demonstration; `answer` replaces the recorded one (a teacher's own words)."""
    return Demonstration(
        id=example.id,
        input=DemonstrationInput(user=example.text, system=None),
        expected_output=example.expected_text if answer is None else answer,
        # A reward belongs to the recorded answer: it says nothing of a correction or a teacher's words.
        reward=example.reward if example.gold == "reward" and answer is None else None,
        metadata={"goldSource": example.gold if answer is None else "teacher"},
    )


def estimate_tokens(messages: Sequence[Message]) -> int:
    """Tokens of `messages`, on the high side: 3 characters of ASCII or two thirds of any other character each."""
    ascii_count = foreign_count = 0
    for message in messages:
        content = content_text(message.get("content"))
        plain = len(content.encode("ascii", "ignore"))
        ascii_count += plain
        foreign_count += len(content) - plain
    estimate = ascii_count / _CHARACTERS_PER_TOKEN + foreign_count * _TOKENS_PER_FOREIGN_CHARACTER
    return int(estimate) + _TOKENS_PER_MESSAGE * len(messages) + 1
