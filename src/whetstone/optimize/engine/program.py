"""A candidate: the instructions and demonstrations under which a model is tried."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Self

import orjson

from whetstone.lm.types import ChatRequest
from whetstone.optimize.engine.tokens import CHARACTERS_PER_TOKEN, estimate_tokens
from whetstone.optimize.rows.examples import Example
from whetstone.prompts.artifact import Demonstration, DemonstrationFormat, DemonstrationInput, PromptArtifact
from whetstone.prompts.render import render

PROMPT = "prompt"
"""Name of the component that is the system prompt; the others are `tool:<name>` and `prompt:<hash>`."""

_TOOL = "tool:"
_OTHER_PROMPT = "prompt:"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A prompt with demonstrations, in one of the two renderings. `id` is the same for the same content.

    `components` are (name, text) pairs of what is tried beside the system prompt: `tool:<name>` is a tool's
    description, `prompt:<hash>` another system prompt of the same agent, used on the rows that came with it (see
    `prompt_component`).
    """

    prompt: str
    demonstrations: tuple[Demonstration, ...] = ()
    rendering: DemonstrationFormat = "turns"
    components: tuple[tuple[str, str], ...] = ()
    id: str = field(init=False)

    def __post_init__(self) -> None:
        content: list[Any] = [
            self.prompt,
            [(shown.input.user, shown.expected_output) for shown in self.demonstrations],
            self.rendering if self.demonstrations else None,
        ]
        if self.components:
            content.append(self.components)
        object.__setattr__(self, "id", hashlib.sha256(orjson.dumps(content)).hexdigest())

    @classmethod
    def of_artifact(cls, artifact: PromptArtifact) -> Self:
        """What an agent runs that has loaded `artifact`."""
        components = tuple(sorted((artifact.components or {}).items()))
        return cls(
            artifact.prompt, tuple(artifact.few_shot_examples), artifact.demonstration_format, components
        )

    def request(self, example: Example, repeat: int = 0) -> ChatRequest:
        """The call that answers `example` under this candidate: greedy, as the contract scores (§14.2)."""
        prompt, tools = self.prompt, example.tools
        if self.components:
            texts = dict(self.components)
            prompt = texts.get(prompt_component(example.system), prompt)
            tools = tools and tuple(_described(tool, texts) for tool in tools)
        return ChatRequest(
            messages=tuple(render(prompt, self.demonstrations, self.rendering, example.messages)),
            temperature=0.0,
            max_tokens=example.max_tokens,
            tools=tools,
            repeat=repeat,
        )

    def texts(self) -> dict[str, str]:
        """Every text that may be improved, by component name; the system prompt first."""
        return {PROMPT: self.prompt, **dict(self.components)}

    def with_text(self, component: str, text: str) -> Self:
        """The same with another text for `component`."""
        if component == PROMPT:
            return replace(self, prompt=text)
        changed = tuple((name, text if name == component else old) for name, old in self.components)
        return replace(self, components=changed)

    def bare(self) -> Self:
        """The same instructions without demonstrations."""
        return replace(self, demonstrations=())

    def tokens(self) -> int:
        """Estimated tokens that the candidate adds to a request, with the longest of its prompts."""
        prompts = [text for name, text in self.components if name.startswith(_OTHER_PROMPT)]
        longest = max((self.prompt, *prompts), key=len)
        tools = sum(len(text) for name, text in self.components if name.startswith(_TOOL))
        return estimate_tokens(render(longest, self.demonstrations, self.rendering, ())) + int(
            tools / CHARACTERS_PER_TOKEN
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON form, read back by `from_dict`."""
        return {
            "prompt": self.prompt,
            "rendering": self.rendering,
            "demonstrations": [
                shown.model_dump(by_alias=True, exclude_none=True) for shown in self.demonstrations
            ],
            "components": dict(self.components),
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """The candidate that `to_dict` described."""
        shown = tuple(Demonstration.model_validate(item) for item in document["demonstrations"])
        components = tuple(document.get("components", {}).items())
        return cls(document["prompt"], shown, document["rendering"], components)


def prompt_component(system: str) -> str:
    """Name of the component that stands for the system prompt `system` of some rows."""
    return f"{_OTHER_PROMPT}{hashlib.sha256(system.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def tool_component(name: str) -> str:
    """Name of the component that is the description of the tool `name`."""
    return f"{_TOOL}{name}"


def _described(tool: dict[str, Any], texts: dict[str, str]) -> dict[str, Any]:
    function = tool["function"]
    text = texts.get(tool_component(str(function.get("name"))))
    return tool if text is None else {**tool, "function": {**function, "description": text}}


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
