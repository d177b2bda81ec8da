"""Texts for the reflection model, and what to take from its answers.

A request to it is built from parts of unknown length (prompts, conversations, answers). `fit` cuts the longest ones
until the whole keeps within the model's room. Answers are read leniently: models forget tags, add a preface, or put
the text into a code block.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import orjson

from whetstone.lm.types import ChatRequest
from whetstone.optimize.engine.evaluation import RowResult
from whetstone.optimize.engine.tokens import estimate_tokens
from whetstone.optimize.rows.examples import Example

TEMPERATURE = 1.0
"""Of reflection: high enough that equal questions get different answers; the only one that all endpoints allow."""

_CUT = " […] "
_HEAD = 2 / 3
_FEWEST_CHARACTERS = 3
_KEYS = (
    "instruction",
    "instructions",
    "prompt",
    "system_prompt",
    "new_instruction",
    "new_prompt",
    "improved_prompt",
)
_THOUGHTS = re.compile(r"<(think|thinking|reasoning|scratchpad)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]*```[ \t]*([\w+-]*)[ \t]*$", re.MULTILINE)
_WRAPPERS = frozenset({"", "text", "txt", "plaintext", "markdown", "md", "prompt", "instruction", "xml"})
_PREFACE = re.compile(
    r"\A(?:(?:sure|certainly|of course|okay|ok|absolutely|great)\b[^\n]{0,60}?[.,:!]\s*)?"
    r"(?:(?:here(?:'s| is| are)|below is|this is|the following is)\b[^\n]{0,140}:[ \t]*\n+)?"
    r"(?:[*#_ \t]*(?:(?:new|improved|revised|final|proposed|updated)[ _])?"
    r"(?:system[ _])?(?:instructions?|prompt)[*_ \t]*:[*_]*\s*)?",
    re.IGNORECASE,
)
_QUOTES = {'"': '"', "'": "'", "“": "”", "«": "»", "`": "`"}


def trim(text: str, n: int) -> str:
    """`text` in at most `n` characters: its beginning and its end, with a mark where something was left out."""
    if len(text) <= n:
        return text
    room = n - len(_CUT)
    if room < 2:
        return text[: max(n, 0)]
    head = int(room * _HEAD)
    return text[:head].rstrip() + _CUT + text[len(text) - (room - head) :].lstrip()


def shares(sizes: Sequence[int], total: int) -> list[int]:
    """How much of `total` each of `sizes` gets: all it needs if it is small, an equal part of the rest if not."""
    given = [0] * len(sizes)
    left = max(total, 0)
    waiting = sorted(range(len(sizes)), key=lambda place: sizes[place])
    for rank, place in enumerate(waiting):
        given[place] = min(sizes[place], left // (len(waiting) - rank))
        left -= given[place]
    return given


def fit(texts: Sequence[str], tokens: int) -> list[str]:
    """`texts`, the longest of them cut so that together they take about `tokens` (estimated) or less."""
    sizes = [_tokens(text) for text in texts]
    given = shares(sizes, tokens)
    return [
        text if share >= size else trim(text, len(text) * share // size)
        for text, size, share in zip(texts, sizes, given, strict=True)
    ]


def show_example(example: Example, row_result: RowResult | None, max_chars: int) -> str:
    """A row for the reflection model in about `max_chars` characters: what was asked, the right answer and, where
    there is a result, the model's answer, its score and the metric's feedback."""
    parts = [("Input", example.text), ("Right answer", example.expected_text)]
    if row_result is not None and row_result.score is not None:
        parts.append(("The model's answer", row_result.answer.strip() or "(nothing)"))
        if row_result.feedback:
            parts.append((f"Feedback (score {row_result.score:.2f} of 1)", row_result.feedback))
    room = max_chars - sum(len(name) + 3 for name, _ in parts)
    given = shares([len(text) for _, text in parts], room)
    return "\n".join(f"{name}: {trim(text, share)}" for (name, text), share in zip(parts, given, strict=True))


def reflection_request(text: str, *, answer_tokens: int, repeat: int = 0) -> ChatRequest:
    """A question to the reflection model; `repeat` tells equal questions of one step apart."""
    return ChatRequest(
        messages=({"role": "user", "content": text},),
        temperature=TEMPERATURE,
        max_tokens=answer_tokens,
        repeat=repeat,
    )


def parse_tag(answer: str, tag: str) -> str | None:
    """What the last `<tag>` of an answer holds; None without one, or when it is empty."""
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", _THOUGHTS.sub("", answer), re.DOTALL | re.IGNORECASE)
    return found[-1].strip() or None if found else None


def parse_text(answer: str) -> str | None:
    """The instruction that an answer proposes: from tags, JSON, a code block, or else the whole text.

    None when there is nothing of use, or the answer was cut off inside the instruction.
    """
    answer = _THOUGHTS.sub("", answer).strip()
    for tag in _KEYS:
        if (tagged := parse_tag(answer, tag)) is not None:
            return _usable(_unfenced(tagged) or tagged)
        if (begun := re.search(rf"<{tag}>", answer, re.IGNORECASE)) is not None:
            rest = answer[begun.end() :].strip()
            return _usable(rest) if rest.endswith((".", "!", "?", "。", "।", "؟")) else None
    if (from_json := _from_json(answer)) is not None:
        return _usable(from_json)
    block = _unfenced(answer)
    if block is not None:
        return _usable(_from_json(block) or block)
    return _usable(_PREFACE.sub("", answer, count=1))


def _unfenced(text: str) -> str | None:
    """What stands between the first fence and the last, if the first begins a block of plain text.

    A block that is inside the text (an example in JSON, say) belongs to it.
    """
    fences = list(_FENCE.finditer(text))
    if len(fences) < 2 or fences[0].group(1).lower() not in {*_WRAPPERS, "json"}:
        return None
    inside = text[fences[0].end() : fences[-1].start()].strip()
    if fences[0].group(1).lower() == "json":
        return inside if _from_json(inside) is not None else None
    return inside


def _from_json(text: str) -> str | None:
    """The instruction of an answer that is a JSON object."""
    if not text.startswith("{"):
        return None
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    values = (document.get(key) for key in _KEYS)
    return next((value for value in values if isinstance(value, str)), None)


def _usable(text: str) -> str | None:
    text = text.strip()
    closing = _QUOTES.get(text[:1])
    if len(text) > 1 and closing == text[-1] and closing not in text[1:-1]:
        text = text[1:-1].strip()
    letters = sum(character.isalpha() for character in text)
    return text if letters >= _FEWEST_CHARACTERS else None


def _tokens(text: str) -> int:
    return estimate_tokens([{"role": "user", "content": text}])
