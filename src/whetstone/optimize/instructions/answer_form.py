"""The form of the right answers of a task, counted: what a person would notice first when looking at them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

import orjson

from whetstone.optimize.rows.examples import Example

_MOST_VALUES = 12
_MOST_KEYS = 20
_LONGEST_VALUE = 60
_USUAL = 0.9
_FEWEST_GROUPS = 3
"""A value in the answers of fewer groups is a row's own, not the task's."""


def describe_answers(examples: Sequence[Example]) -> str:
    """What the right answers of `examples` are like, one finding a line; empty without examples."""
    if not examples:
        return ""
    lines = [*_labels(examples), *(_tool_calls(examples) or _texts(examples))]
    return "\n".join(f"- {line}" for line in lines)


def _labels(examples: Sequence[Example]) -> list[str]:
    values = _common(((each.group, each.label) for each in examples if each.label), len(examples))
    return [f"Kinds of rows: {values}"] if values else []


def _tool_calls(examples: Sequence[Example]) -> list[str]:
    calling = [each for each in examples if each.expected.tool_calls]
    if len(calling) < len(examples) / 2:
        return []
    names = _common(
        ((each.group, _called(call)) for each in calling for call in each.expected.tool_calls), len(examples)
    )
    share = f"{len(calling) / len(examples):.0%} of the right answers call tools"
    return [f"{share}: {names}" if names else share]


def _texts(examples: Sequence[Example]) -> list[str]:
    answers = [(each.group, each.expected_text.strip()) for each in examples]
    objects = [(group, found) for group, text in answers if (found := _object(text)) is not None]
    if len(objects) >= _USUAL * len(answers):
        return [f"The right answers are JSON objects ({len(objects) / len(answers):.0%})", *_fields(objects)]
    lengths = sorted(len(text) for _, text in answers)
    lines = [
        f"The right answers are text of {lengths[0]} to {lengths[-1]} characters, {round(median(lengths))} in the middle"
    ]
    short = ((group, text) for group, text in answers if len(text) <= _LONGEST_VALUE)
    values = _common(short, len(answers))
    return [*lines, f"They are: {values}"] if values else lines


def _fields(objects: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """A line for each usual key: how often it occurs, and its values where there are few."""
    keys = Counter(key for _, found in objects for key in found)
    lines = []
    for key, count in keys.most_common(_MOST_KEYS):
        if count < 2:
            continue
        having = [(group, found[key]) for group, found in objects if key in found]
        written = [(group, orjson.dumps(value).decode()) for group, value in having]
        values = _common(
            ((group, text) for group, text in written if len(text) <= _LONGEST_VALUE), len(having)
        )
        kinds = ", ".join(sorted({_kind(value) for _, value in having}))
        lines.append(f'Key "{key}" in {count / len(objects):.0%}: {values or kinds}')
    return lines


def _common(values: Iterable[tuple[str, str | None]], total: int) -> str:
    """The values (given with their groups) with their shares, when a few of them make up nearly all; else empty."""
    counts: Counter[str] = Counter()
    groups: dict[str, set[str]] = defaultdict(set)
    for group, value in values:
        if value is not None:
            counts[value] += 1
            groups[value].add(group)
    shared = [(value, n) for value, n in counts.most_common() if len(groups[value]) >= _FEWEST_GROUPS]
    covered = sum(n for _, n in shared)
    if not shared or len(shared) > _MOST_VALUES or covered < _USUAL * sum(counts.values()):
        return ""
    return ", ".join(f"{value} ({n / total:.0%})" for value, n in shared)


def _called(call: Mapping[str, Any]) -> str | None:
    function = call.get("function")
    name = function.get("name") if isinstance(function, Mapping) else call.get("name") or call.get("toolName")
    return name if isinstance(name, str) else None


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _kind(value: Any) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "null")
