"""One row of a dataset as the optimizer sees it: what was asked, what the right answer is, and how we know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from whetstone.datasets.expected import answer_text
from whetstone.datasets.near_duplicates import normalise
from whetstone.datasets.split import SIDES, Side
from whetstone.errors import InvalidInputError
from whetstone.lm.types import Message, content_text
from whetstone.optimize.engine.tokens import estimate_tokens
from whetstone.optimize.metrics.accepted import without_accepted
from whetstone.optimize.metrics.types import Answer

MAX_OUTPUT_TOKENS = 512
"""Longest answer that is asked for while scoring (contract §14.2)."""


_TOKENS_BESIDE_TEXT = 8


@dataclass(frozen=True, slots=True)
class Example:
    """A verified row.

    `messages` is the conversation without its system prompt, `text` the same as plain text; `gold` says where the
    right answer comes from: `correction` (a person), `reward` (the recorded answer earned one), `teacher` (a stronger
    model) or `given` (the user's own file, taken at its word).
    """

    id: str
    group: str
    system: str
    messages: tuple[Message, ...]
    expected: Answer
    gold: str
    reward: float | None = None
    label: str | None = None
    split: Side | None = None
    max_tokens: int = MAX_OUTPUT_TOKENS
    tools: tuple[dict[str, Any], ...] | None = None
    model: str | None = None

    @property
    def text(self) -> str:
        """The conversation as one text; of a single message, just its content."""
        if len(self.messages) == 1:
            return content_text(self.messages[0].get("content"))
        return "\n".join(f"{m['role']}: {content_text(m.get('content'))}" for m in self.messages)

    @property
    def normalised(self) -> str:
        """The text by which two rows count as the same question."""
        return normalise(self.text)

    @property
    def expected_text(self) -> str:
        """The right answer as a model would write it; tool calls become JSON."""
        return answer_text(self.expected.text, without_accepted(self.expected.tool_calls))

    @property
    def tokens(self) -> int:
        """Estimated tokens of the question and an answer as long as the right one."""
        answer: Message = {"role": "assistant", "content": self.expected_text}
        return estimate_tokens([*self.messages, answer]) + _TOKENS_BESIDE_TEXT

    @property
    def request_tokens(self) -> int:
        """Estimated tokens of the question and the longest answer that is asked for."""
        return estimate_tokens(self.messages) + self.max_tokens

    @property
    def quality(self) -> tuple[int, float]:
        """Sort key of demonstrations, best first: answers by people or a teacher, then the best rewarded."""
        return (0 if self.gold in ("correction", "teacher") else 1, -(self.reward or 0.0))


def is_verified(row: Mapping[str, Any]) -> bool | None:
    """What the row itself says about its answer; None when it says nothing."""
    marked = _metadata(row).get("verified")
    return marked if isinstance(marked, bool) else None


def parse_row(row: Mapping[str, Any]) -> Example:
    """An `eliza_native_v1` row (contract §10.3) as an example.

    Raises `InvalidInputError` naming what is missing: the call's id, something to answer, or an answer.
    """
    metadata = _metadata(row)
    request, response = _object(row, "request"), _object(row, "response")
    system, messages = _conversation(request)
    identifier = row.get("callId") or metadata.get("call_id")
    expected = Answer(str(response.get("text") or ""), tuple(response.get("toolCalls") or ()))
    if not isinstance(identifier, str):
        raise InvalidInputError("the row has no callId")
    if not messages:
        raise InvalidInputError("the row's request has neither messages nor a prompt")
    if not expected.text and not expected.tool_calls:
        raise InvalidInputError("the row's response has neither text nor toolCalls")
    split = metadata.get("split")
    return Example(
        id=identifier,
        group=str(metadata.get("group") or row.get("trajectoryId") or identifier),
        system=system,
        messages=messages,
        expected=expected,
        gold=str(metadata.get("expected_from") or "given"),
        reward=_number(metadata.get("reward")),
        label=str(metadata["label"]) if metadata.get("label") is not None else None,
        split=cast("Side", split) if split in SIDES else None,
        max_tokens=_max_tokens(request),
        tools=_tools(request.get("tools")),
        model=row.get("model") if isinstance(row.get("model"), str) else None,
    )


def _conversation(request: Mapping[str, Any]) -> tuple[str, tuple[Message, ...]]:
    system = str(request.get("system") or "")
    given = request.get("messages")
    if not isinstance(given, list):
        prompt = str(request.get("prompt") or "")
        return system, ({"role": "user", "content": prompt},) if prompt else ()
    messages = [cast("Message", item) for item in given if isinstance(item, dict) and item.get("role")]
    if messages and messages[0]["role"] == "system":
        system = system or content_text(messages[0].get("content"))
        messages = messages[1:]
    return system, tuple(messages)


def _tools(value: Any) -> tuple[dict[str, Any], ...] | None:
    """Tools in OpenAI's form, which is all that endpoints take."""
    if not isinstance(value, list) or not all(isinstance(t, dict) and "function" in t for t in value):
        return None
    return tuple(value) or None


def _max_tokens(request: Mapping[str, Any]) -> int:
    settings = request.get("settings")
    wanted = _number(settings.get("maxOutputTokens")) if isinstance(settings, Mapping) else None
    return min(int(wanted), MAX_OUTPUT_TOKENS) if wanted and wanted >= 1 else MAX_OUTPUT_TOKENS


def _metadata(row: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = row.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _object(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = row.get(key)
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"the row has no {key}")
    return value


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
