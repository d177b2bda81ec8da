"""The OpenAI chat-completions protocol: our request as a body, a body as our response.

Source: the `POST /chat/completions` reference of the OpenAI API, which Ollama, llama.cpp, vLLM and OpenRouter follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from whetstone.errors import InvalidInputError
from whetstone.lm.errors import LMResponseError
from whetstone.lm.types import ChatRequest, ChatResponse, Usage, content_text

_MAX_ERROR_CHARS = 500
_MESSAGE_OVERHEAD_TOKENS = 4  # role and separators in common chat templates
_BYTES_PER_TOKEN = 3  # on the high side for English, about right for other scripts

# Allowances of `max_prompt_tokens`, well above what the chat templates of today's models add.
_MESSAGE_ALLOWANCE = 16  # role, separators
_REQUEST_ALLOWANCE = 256  # a default system prompt, dates, the start of the answer
_TOOLS_ALLOWANCE = 1024  # instructions on how to call tools
_SCHEMA_ALLOWANCE = 256  # instructions on the form of the answer
_INDENTED = 4  # templates may print JSON indented, and a tool's schema again in another notation


def encode_request(request: ChatRequest, model: str, *, max_tokens_field: str = "max_tokens") -> bytes:
    """The request as canonical JSON (sorted keys): equal requests give equal bytes.

    Raises:
        InvalidInputError: a text is not valid Unicode, or a tool holds something that JSON cannot express.
    """
    optional = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stop": list(request.stop) or None,
        "seed": request.seed,
        "tools": request.tools,
        "response_format": request.response_format,
    }
    body = {
        "model": model,
        "messages": list(request.messages),
        max_tokens_field: request.max_tokens,
        **{name: value for name, value in optional.items() if value is not None},
    }
    try:
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise InvalidInputError(f"The request to the language model is not valid JSON: {error}.") from error


def estimate_prompt_tokens(request: ChatRequest, body: bytes) -> int:
    """About how many tokens the endpoint will read, rather too many than too few, but never above the bound."""
    estimate = -(-len(body) // _BYTES_PER_TOKEN) + _MESSAGE_OVERHEAD_TOKENS * len(request.messages)
    return min(estimate, max_prompt_tokens(request))


def max_prompt_tokens(request: ChatRequest) -> int:
    """More tokens than the endpoint can count for this prompt.

    A token of a byte-level BPE (or of SentencePiece with bytes as fallback) stands for at least one byte of UTF-8, so
    that the bytes of all texts are an upper bound of their tokens, in every script; usually by a factor of 3 to 4.
    Allowances stand for what the endpoint's chat template adds, which is not in the request.
    """
    total = _REQUEST_ALLOWANCE
    for message in request.messages:
        texts = [content_text(message.get("content")), message["role"], message.get("name") or ""]
        total += _MESSAGE_ALLOWANCE + sum(len(text.encode("utf-8", "replace")) for text in texts)
        if calls := message.get("tool_calls"):
            total += _INDENTED * _json_bytes(calls)
    if request.tools:
        total += _TOOLS_ALLOWANCE + _INDENTED * _json_bytes(request.tools)
    if request.response_format:
        total += _SCHEMA_ALLOWANCE + _INDENTED * _json_bytes(request.response_format)
    return total


def _json_bytes(value: Any) -> int:
    return len(orjson.dumps(value, default=str))


def decode_response(
    content: bytes, *, model: str, prompt_estimate: int, latency_ms: int, max_completion: int | None = None
) -> ChatResponse:
    """The answer in a 200 body. Absent text is empty text; absent usage is estimated, the answer's at most as
    `max_completion`.

    Raises:
        LMResponseError: the body is not a chat completion.
    """
    if not content.strip():
        raise LMResponseError("The language-model endpoint answered with success, but its answer is empty.")
    try:
        body = orjson.loads(content)
    except ValueError as error:
        raise LMResponseError(
            "The language-model endpoint answered with something that is not JSON; "
            "check that the base URL is that of an OpenAI-compatible API (usually ending in /v1)."
        ) from error
    choice = _first_choice(body)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise LMResponseError("The language-model endpoint's answer has a choice without a message.")
    text = _text(message.get("content"))
    calls = message.get("tool_calls")
    finish = choice.get("finish_reason")
    answered_by = body.get("model")
    completion_estimate = -(-len(orjson.dumps(message)) // _BYTES_PER_TOKEN)
    return ChatResponse(
        text=text,
        tool_calls=tuple(call for call in calls if isinstance(call, dict)) if isinstance(calls, list) else (),
        usage=_usage(
            body.get("usage"),
            prompt_estimate,
            min(completion_estimate, max_completion or completion_estimate),
        ),
        finish_reason=finish if isinstance(finish, str) else None,
        model=answered_by if isinstance(answered_by, str) and answered_by else model,
        latency_ms=latency_ms,
    )


def error_message(content: bytes) -> str:
    """The endpoint's own words in an error body, shortened; empty when it has none.

    Known forms: `{"error": {"message"}}`, `{"error": "…"}`, `{"message"}`, `{"detail"}`, plain text.
    """
    try:
        body = orjson.loads(content)
    except ValueError:
        text = content.decode("utf-8", "replace")
        return "" if "<html" in text.lower() else _shorten(text)
    if not isinstance(body, dict):
        return _shorten(str(body))
    for candidate in (body.get("error"), body.get("message"), body.get("detail")):
        words = candidate.get("message") if isinstance(candidate, dict) else candidate
        if isinstance(words, str) and words:
            return _shorten(words)
    return ""


def _first_choice(body: Any) -> dict[str, Any]:
    choices = body.get("choices") if isinstance(body, dict) else None
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0]
    # Some gateways report an upstream failure with status 200.
    words = error_message(orjson.dumps(body)) if isinstance(body, dict) else ""
    raise LMResponseError(
        f"The language-model endpoint answered without any choice{': ' + words if words else '.'}"
    )


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):  # content parts
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(part for part in parts if isinstance(part, str))
    return ""


def _usage(usage: Any, prompt_estimate: int, completion_estimate: int) -> Usage:
    counts: Mapping[str, Any] = usage if isinstance(usage, dict) else {}
    return Usage(
        prompt_tokens=_count(counts.get("prompt_tokens"), prompt_estimate),
        completion_tokens=_count(counts.get("completion_tokens"), completion_estimate),
    )


def _count(value: Any, estimate: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else estimate


def _shorten(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _MAX_ERROR_CHARS else words[: _MAX_ERROR_CHARS - 1] + "…"
