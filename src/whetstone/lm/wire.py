"""The OpenAI chat-completions protocol: our request as a body, a body as our response.

Source: the `POST /chat/completions` reference of the OpenAI API, which Ollama, llama.cpp, vLLM and OpenRouter follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from whetstone.errors import InvalidInputError
from whetstone.lm.errors import LMResponseError
from whetstone.lm.types import ChatRequest, ChatResponse, Usage

_MAX_ERROR_CHARS = 500
_MESSAGE_OVERHEAD_TOKENS = 4  # role and separators in common chat templates
_BYTES_PER_TOKEN = 3  # on the high side for English, about right for other scripts


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
    """About how many tokens the endpoint will read, rather too many than too few."""
    return -(-len(body) // _BYTES_PER_TOKEN) + _MESSAGE_OVERHEAD_TOKENS * len(request.messages)


def decode_response(content: bytes, *, model: str, prompt_estimate: int, latency_ms: int) -> ChatResponse:
    """The answer in a 200 body. Absent text is empty text; absent usage is estimated.

    Raises:
        LMResponseError: the body is not a chat completion.
    """
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
    return ChatResponse(
        text=text,
        tool_calls=tuple(call for call in calls if isinstance(call, dict)) if isinstance(calls, list) else (),
        usage=_usage(body.get("usage"), prompt_estimate, len(orjson.dumps(message))),
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


def _usage(usage: Any, prompt_estimate: int, answer_bytes: int) -> Usage:
    counts: Mapping[str, Any] = usage if isinstance(usage, dict) else {}
    return Usage(
        prompt_tokens=_count(counts.get("prompt_tokens"), prompt_estimate),
        completion_tokens=_count(counts.get("completion_tokens"), -(-answer_bytes // _BYTES_PER_TOKEN)),
    )


def _count(value: Any, estimate: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else estimate


def _shorten(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _MAX_ERROR_CHARS else words[: _MAX_ERROR_CHARS - 1] + "…"
