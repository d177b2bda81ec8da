"""What an error body means, where the status alone does not tell: the context is too short, the money is gone.

Sources: the error reference of the OpenAI API (`context_length_exceeded`, `insufficient_quota`); llama.cpp's server
(`exceed_context_size_error` with `n_prompt_tokens` and `n_ctx`); the messages of vLLM, SGLang, Ollama, Groq,
OpenRouter, Anthropic, Google and xAI, which have no code of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

_OVERFLOW_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_OVERFLOW_STATUS = frozenset(
    {200, 400, 413, 422, 500}
)  # 500: older servers; 200: gateways that lose the status
_QUOTA_CODES = frozenset({"insufficient_quota"})

_N = r"(\d[\d,]*)"
# Each says that a request is too long for the context, whatever the numbers in it.
_OVERFLOW_WORDS = re.compile(
    r"maximum context length|maximum prompt length|context[ _]length exceeded|context size exceeded"
    r"|exceeds? (?:the |model'?s? )?(?:available |maximum |max )?context (?:size|length|window|limit)"
    r"|(?:longer|larger|greater) than the (?:model'?s |maximum |max )?(?:maximum )?(?:context|model) length"
    r"|prompt (?:is )?too long|too long to fit into the model|exceeded max context"
    r"|input token count .{0,40}exceeds the maximum|reduce the length of the (?:messages|prompt|input)"
    r"|input is too long for requested model",
    re.IGNORECASE | re.DOTALL,
)
_OVER = re.compile(rf"exceed\w*[^.]{{0,60}}? by {_N} tokens", re.IGNORECASE)
# Where a message gives both numbers: the tokens asked for, and the limit.
_ASKED_THEN_LIMIT = (
    re.compile(rf"{_N} tokens > {_N}"),
    re.compile(
        rf"(?:request|prompt|input|decoder prompt) \((?:total )?(?:length )?{_N}(?: tokens)?\)\D+{_N}", re.I
    ),
    re.compile(rf"token count \({_N}\) exceeds .{{0,60}}\({_N}\)", re.I),
)
_LIMIT_THEN_ASKED = (
    re.compile(rf"context length is (?:only )?{_N} tokens\D+?requested (?:about )?{_N} tokens", re.I),
    re.compile(rf"context length is (?:only )?{_N} tokens\D+?resulted in {_N} tokens", re.I),
    re.compile(rf"prompt length is {_N} but the request contains {_N} tokens", re.I),
)


@dataclass(frozen=True)
class ContextOverflow:
    """The request is longer than the model's context, by `excess` tokens; None when the endpoint does not say."""

    excess: int | None


def context_overflow(status: int, content: bytes, words: str) -> ContextOverflow | None:
    """Whether the answer says that the request is too long; `words` is its message (see `wire.error_message`)."""
    if status not in _OVERFLOW_STATUS:
        return None
    details = _details(content)
    if not _OVERFLOW_CODES & _codes(details) and not _OVERFLOW_WORDS.search(words):
        return None
    return ContextOverflow(_excess(details, words))


def quota_is_used_up(content: bytes) -> bool:
    """Whether a 429 means that the account is empty. By its code: many rate limits speak of a quota, too."""
    return bool(_QUOTA_CODES & _codes(_details(content)))


def _details(content: bytes) -> Mapping[str, Any]:
    try:
        body = orjson.loads(content)
    except ValueError:
        return {}
    if not isinstance(body, dict):
        return {}
    error = body.get("error")
    return error if isinstance(error, dict) else body


def _codes(details: Mapping[str, Any]) -> set[str]:
    return {value for value in (details.get("code"), details.get("type")) if isinstance(value, str)}


def _excess(details: Mapping[str, Any], words: str) -> int | None:
    asked, limit = details.get("n_prompt_tokens"), details.get("n_ctx")
    if isinstance(asked, int) and isinstance(limit, int):
        return _positive(asked - limit)
    if over := _OVER.search(words):
        return _positive(_number(over[1]))
    for pattern in _ASKED_THEN_LIMIT:
        if found := pattern.search(words):
            return _positive(_number(found[1]) - _number(found[2]))
    for pattern in _LIMIT_THEN_ASKED:
        if found := pattern.search(words):
            return _positive(_number(found[2]) - _number(found[1]))
    return None


def _number(text: str) -> int:
    return int(text.replace(",", ""))


def _positive(tokens: int) -> int | None:
    return tokens if tokens > 0 else None
