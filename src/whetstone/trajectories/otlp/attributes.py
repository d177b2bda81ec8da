"""Reading span attributes: their values are of any type, and lists of objects come flattened or as JSON text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

Json = dict[str, Any]
Family = dict[int, Json]
"""A flattened list: by position, the members of the item by the rest of their name."""

# `llm.input_messages.0.message.role`: the name of a list, a position, and the name within the item.
_FLATTENED = re.compile(
    r"(llm\.(?:input_messages|output_messages|tools|prompts|choices|request\.functions)"
    r"|gen_ai\.(?:prompt|completion)|retrieval\.documents|reranker\.(?:input|output)_documents"
    r"|agentlightning\.reward)\.(\d{1,6})(?:\.(.+))?",
    re.DOTALL,
)
_FLATTENED_STARTS = (
    "llm.in",
    "llm.o",
    "llm.to",
    "llm.p",
    "llm.c",
    "llm.r",
    "gen_ai.p",
    "gen_ai.c",
    "ret",
    "rer",
    "agentl",
)
_MAX_DEPTH = 64
_SMALL_TEXT = 256
_SMALL_LIST = 16
_MAX_KEPT = 32


class Attributes:
    """Attributes of one span: `plain` by name, and flattened lists by the name of the list."""

    __slots__ = ("_families", "plain")

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self.plain: Json = {}
        self._families: dict[str, Family] = {}
        for key, value in attributes.items():
            if key.startswith(_FLATTENED_STARTS) and (match := _FLATTENED.fullmatch(key)):
                name, position, rest = match.groups()
                self._families.setdefault(name, {}).setdefault(int(position), {})[rest or ""] = value
            else:
                self.plain[key] = value

    def get(self, *names: str) -> Any:
        """The first value that is neither missing, null nor empty."""
        plain = self.plain
        for name in names:
            value = plain.get(name)
            if value is not None and value != "":
                return value
        return None

    def items(self, name: str) -> list[Json]:
        """The items of a flattened list, in order, with the rest of the names as they were."""
        family = self._families.get(name)
        return [family[position] for position in sorted(family)] if family else []

    def has_list(self, *names: str) -> bool:
        """Whether one of these flattened lists is there."""
        return any(name in self._families for name in names)


def nested(item: Mapping[str, Any], prefix: str) -> list[Json]:
    """The list `prefix` inside a flattened item: `tool_calls.0.id` as `[{"id": …}]`, in order."""
    found: Family = {}
    start = len(prefix) + 1
    for key, value in item.items():
        if key.startswith(prefix) and key[start - 1 : start] == ".":
            position, _, rest = key[start:].partition(".")
            if position.isdecimal() and len(position) <= 6:
                found.setdefault(int(position), {})[rest] = value
    return [found[position] for position in sorted(found)]


def parsed(value: Any) -> Any:
    """What a JSON text stands for; any other value, and text that is not JSON or nested absurdly, as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in {"{", "["}:
        return value
    if value.count("[") + value.count("{") > _MAX_DEPTH and _depth(value) > _MAX_DEPTH:
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def objects(value: Any) -> list[Json]:
    """The objects in a list, which may be a JSON text or hold JSON texts; a single object is a list of one."""
    value = parsed(value)
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        return []
    return [item for item in map(parsed, value) if isinstance(item, dict)]


def text(value: Any) -> str:
    """A value as text; lists and objects as JSON, null as the empty text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        try:
            return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
        except orjson.JSONEncodeError:
            return str(value)
    return str(value)


def small(attributes: Mapping[str, Any], skip: Iterable[str], skip_prefixes: tuple[str, ...]) -> Json:
    """Those attributes that are worth keeping by the way: short ones, at most 32 of them."""
    kept: Json = {}
    for key, value in attributes.items():
        if key in skip or key.startswith(skip_prefixes) or not _is_small(value):
            continue
        kept[key] = value
        if len(kept) == _MAX_KEPT:
            break
    return kept


def _is_small(value: Any) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= _SMALL_TEXT
    if isinstance(value, list):
        return 0 < len(value) <= _SMALL_LIST and all(
            isinstance(item, (str, int, float)) and _is_small(item) for item in value
        )
    return isinstance(value, (bool, int, float))


def _depth(value: str) -> int:
    """An upper bound of how deep a JSON text is nested."""
    depth = deepest = 0
    for character in value:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest
