"""Text that came in pieces: streamed events, lists of tokens, logs with one JSON document a line.

A name that was cut in two (`{"delta": "Jo"}, {"delta": "hn"}`) is found only in the joined text. Pieces are joined
where their keys or the type of their event say that they are parts of one text, and in plain lists of strings where
the strings carry their own blanks. Joining can only add finds across borders: every piece is also filtered alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from whetstone.privacy.structure import json_text

Path = tuple[str | int, ...]
"""Keys and indexes from the array down to a string."""
Edit = tuple[int, int, str]
"""`text[start:end]` becomes the string."""

_MAX_DEPTH: Final = 6
# Where the pieces of providers' events lie; other members are not looked at.
_CONTAINERS: Final = frozenset(
    [
        "choices", "delta", "message", "data", "chunk", "token", "candidates", "content", "parts", "part",
        "tool_calls", "toolCalls", "function", "function_call", "event", "payload", "output",
    ]
)  # fmt: skip
# A string under such a key is a piece wherever it stands.
_PIECES: Final = frozenset(
    [
        "delta", "partial_json", "partialJson", "textDelta", "text_delta", "argsTextDelta", "args_text_delta",
        "inputTextDelta", "input_text_delta", "reasoningDelta", "token", "chunk",
    ]
)  # fmt: skip
# Under these it is one below a container that says so, or in an event whose type says so.
_TEXTS: Final = frozenset(
    [
        "text", "content", "arguments", "thinking", "reasoning", "reasoning_content", "refusal", "response",
        "output_text", "value", "data", "input", "completion",
    ]
)  # fmt: skip
_STREAMING: Final = frozenset(["delta", "chunk", "token"])
_TYPES: Final = ("type", "event", "object", "kind")
_PIECE_TYPE: Final = re.compile(r"delta|chunk|token|stream|partial", re.IGNORECASE)
_BORDER_TYPE: Final = re.compile(
    r"start|stop|done|\bend|_end|completed|created|finish|\badded|\.added", re.IGNORECASE
)
_ORDINALS: Final = ("index", "id", "item_id", "output_index", "content_index", "toolCallId", "tool_call_id")

_MIN_STRINGS = 3
_MAX_MEAN_LENGTH = 80
_MIN_SHARE_OF_OWN_BLANKS = 0.3


def runs(items: Sequence[Any]) -> list[list[Path]]:
    """The places of the pieces of each streamed text in an array, in order; only texts of several pieces.

    Events of parallel texts (choices, content blocks, tool calls) may be interleaved; an event that starts or ends
    something parts what stands before and after it.
    """
    if len(items) < 2:
        return []
    if all(isinstance(item, str) for item in items):
        return [[(number,) for number in range(len(items))]] if _carry_own_blanks(items) else []
    found: dict[tuple[Any, ...], list[Path]] = {}
    generation = 0
    for number, item in enumerate(items):
        if not isinstance(item, Mapping):
            continue
        typed = _is_typed(item)
        pieces = list(_pieces(item, (), (), typed))
        if not pieces and _is_border(item):
            generation += 1
        for stream, path in pieces:
            found.setdefault((typed, generation, *stream), []).append((number, *path))
    return [
        places
        for (typed, *_), places in found.items()
        if len(places) > 1 and (typed or _are_short([piece(items, path) for path in places]))
    ]


def piece(items: Any, path: Path) -> Any:
    """The string at a place that `runs` gave."""
    for step in path:
        items = items[step]
    return items


class Line(NamedTuple):
    """`text[start:end]` is a JSON document; the places of its leaves are those in `text`."""

    start: int
    end: int
    value: Any


_DOCUMENT: Final = re.compile(r"^(?:data:[ \t]?)?(?P<json>[\[{][^\n]*[\]}])[ \t\r]*$", re.MULTILINE)


def documents(text: str) -> list[Line]:
    """The JSON documents of a text that holds one a line: server-sent events, JSON Lines, logs between other lines.

    Their values, as an array, are what `runs` wants. Empty if there are less than two.
    """
    if "\n" not in text or ("{" not in text and "[" not in text):
        return []
    found = [
        Line(*match.span("json"), value)
        for match in _DOCUMENT.finditer(text)
        if (value := json_text.parse(match["json"], match.start("json"))) is not None
    ]
    return found if len(found) > 1 else []


def _carry_own_blanks(strings: Sequence[str]) -> bool:
    """Whether strings are cuts of one text: a fair share of the borders has its blank on one side.

    Tags, enumerations and lists of names have none.
    """
    if len(strings) < _MIN_STRINGS or not _are_short(strings):
        return False
    own = sum(left[-1:].isspace() or right[:1].isspace() for left, right in pairwise(strings))
    return own >= _MIN_SHARE_OF_OWN_BLANKS * (len(strings) - 1)


def _are_short(strings: Sequence[str]) -> bool:
    """Paragraphs and search results are texts of their own."""
    return sum(map(len, strings)) <= _MAX_MEAN_LENGTH * len(strings)


def _is_typed(item: Mapping[Any, Any]) -> bool:
    """Whether the event says that it brings a piece: by its type, or by the members of Ollama's and Gemini's."""
    if "candidates" in item or (
        isinstance(item.get("done"), bool) and ("message" in item or "response" in item)
    ):
        return True
    return any(isinstance(kind := item.get(key), str) and _PIECE_TYPE.search(kind) for key in _TYPES)


def _is_border(item: Mapping[Any, Any]) -> bool:
    return any(isinstance(kind := item.get(key), str) and _BORDER_TYPE.search(kind) for key in _TYPES)


def _pieces(
    value: Any, path: Path, stream: tuple[Any, ...], streaming: bool
) -> Iterator[tuple[tuple[Any, ...], Path]]:
    """The pieces below a value, each with what tells its text from parallel ones."""
    if len(path) >= _MAX_DEPTH * 2:
        return
    if isinstance(value, Mapping):
        ordinals = tuple(
            (name, ordinal)
            for name in _ORDINALS
            # The id of a chunk belongs to the whole answer, that of an event to its text.
            if isinstance(ordinal := value.get(name), str | int)
        )
        streaming = streaming or (bool(path) and _is_typed(value))
        for key, member in value.items():
            if isinstance(member, str):
                if key in _PIECES or (streaming and key in _TEXTS):
                    yield (*stream, *ordinals, key), (*path, key)
            elif key in _CONTAINERS:
                yield from _pieces(
                    member, (*path, key), (*stream, *ordinals, key), streaming or key in _STREAMING
                )
    elif isinstance(value, list | tuple) and len(value) <= 16:
        for number, member in enumerate(value):
            if not isinstance(member, str):
                own = member.get("index", number) if isinstance(member, Mapping) else number
                yield from _pieces(member, (*path, number), (*stream, str(own)), streaming)
