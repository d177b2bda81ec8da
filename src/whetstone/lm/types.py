"""What goes to a language model and what comes back, whatever the provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, Protocol, TypedDict


class Message(TypedDict):
    """One chat message in the OpenAI form; `content` is null on an assistant turn that only calls tools."""

    role: str
    content: str | None
    name: NotRequired[str]
    tool_calls: NotRequired[Sequence[Mapping[str, Any]]]
    tool_call_id: NotRequired[str]


def content_text(content: Any) -> str:
    """The text of a message's content, which may be a list of parts; empty for anything else."""
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, Mapping))
        return "\n".join(part for part in parts if isinstance(part, str) and part)
    return content if isinstance(content, str) else ""


@dataclass(frozen=True)
class ChatRequest:
    """One question to the model.

    `temperature` None leaves the choice to the endpoint (some reasoning models refuse any value). `repeat`
    tells apart otherwise equal requests that must be answered separately, such as several samples at a
    temperature above 0; it is part of the cache key and is not sent.
    """

    messages: tuple[Message, ...]
    temperature: float | None = 0.0
    max_tokens: int = 512
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    tools: Sequence[Mapping[str, Any]] | None = None
    response_format: Mapping[str, Any] | None = None
    repeat: int = 0


@dataclass(frozen=True)
class Usage:
    """Tokens of one answered request."""

    prompt_tokens: int
    completion_tokens: int

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True)
class ChatResponse:
    """One answer. `latency_ms` is the endpoint's time when it was first given, also when it is `cached` now.

    `tool_calls` keep the OpenAI form: `{"id", "type", "function": {"name", "arguments": "<JSON text>"}}`.
    """

    text: str
    tool_calls: tuple[Mapping[str, Any], ...]
    usage: Usage
    finish_reason: str | None
    model: str
    latency_ms: int
    cached: bool = False


class Completer(Protocol):
    """Whatever answers requests; `lm.client.LMClient` does."""

    @property
    def model(self) -> str:
        """Name of the model, as it is sent."""

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """The answer. Raises `LMError` where there is none."""


@dataclass
class UsageTotals:
    """What a client has done so far.

    `calls` are requests that the endpoint answered; `cache_hits` answers that were known or shared with an
    identical request in flight, and cost nothing; `errors` requests that failed for good; `seconds` the
    endpoint's answering time, summed over calls.
    """

    calls: int = 0
    cache_hits: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    errors: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, int | float]:
        """The totals under their wire names."""
        return {
            "calls": self.calls,
            "cacheHits": self.cache_hits,
            "promptTokens": self.prompt_tokens,
            "completionTokens": self.completion_tokens,
            "errors": self.errors,
            "seconds": round(self.seconds, 3),
        }
