"""Walks a trajectory document: structure by its shape, everything else as content."""

from __future__ import annotations

from collections import Counter
from typing import Any

from whetstone.privacy.scanner import TextScanner
from whetstone.privacy.structure import embedded
from whetstone.privacy.structure.content import MAX_DEPTH, ContentFilter, Counts, TooDeepError, free_key
from whetstone.privacy.structure.keys import rule_for
from whetstone.privacy.structure.shape import IDENTIFIER, TRAJECTORY, Shape

FieldCounts = Counter[tuple[str, str]]
"""Replacements by field path and kind."""

# Tags that contract §4.3 makes from a call's own fields, in lower case and without punctuation.
_TAGGED = {"purpose": "purpose:", "actionType": "action:", "stepType": "step:"}
_OTHER_FIELD = "(other)"  # a key that the contract does not name may itself be private


class DocumentFilter:
    """Filters trajectory documents. Not safe for concurrent use."""

    def __init__(self, content: ContentFilter, forbidden: TextScanner) -> None:
        """`forbidden` finds what no identifier may hold; `content` filters everything else."""
        self._content = content
        self._forbidden = forbidden

    def filter(self, document: dict[str, Any]) -> tuple[dict[str, Any], FieldCounts]:
        """A filtered copy and what was replaced where.

        Raises TooDeepError, RecursionError or TypeError when it cannot be walked.
        """
        counts: FieldCounts = Counter()
        return self._object(document, TRAJECTORY, "", counts, 0), counts

    def _object(
        self, members: dict[str, Any], shape: Shape, path: str, counts: FieldCounts, depth: int
    ) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            raise TooDeepError
        result: dict[str, Any] = {}
        for key, value in members.items():
            if not shape.knows(key):
                self._unknown_member(key, value, path, counts, result)
                continue
            field = f"{path}.{key}" if path else key
            if key in shape.ids:
                result[key] = self._identifier(value, field, counts)
            elif key in shape.parts:
                result[key] = self._part(value, shape.parts[key], field, counts, depth + 1)
            else:
                result[key] = self._free(value, field, counts)
        return _without_stale_tags(members, result)

    def _unknown_member(
        self, key: Any, value: Any, path: str, counts: FieldCounts, result: dict[str, Any]
    ) -> None:
        if not isinstance(key, str):
            raise TypeError("keys of a trajectory document are strings")
        found: Counts = Counter()
        filtered = self._content.value(value, found, rule_for(key))
        result[free_key(self._content.key(key, found), result)] = filtered
        _book(counts, f"{path}.{_OTHER_FIELD}" if path else _OTHER_FIELD, found)

    def _part(self, value: Any, shape: Shape, field: str, counts: FieldCounts, depth: int) -> Any:
        if isinstance(value, dict):
            return self._object(value, shape, field, counts, depth)
        if isinstance(value, list | tuple) and all(isinstance(item, dict) for item in value):
            return [self._object(item, shape, field, counts, depth) for item in value]
        if isinstance(value, str):
            return self._json_part(value, shape, field, counts, depth)
        return self._free(value, field, counts)

    def _json_part(self, text: str, shape: Shape, field: str, counts: FieldCounts, depth: int) -> str:
        """Structure that is stored as JSON text, such as `stepsJson`."""
        part = embedded.parse(text)
        if part is None:
            return str(self._free(text, field, counts))
        found: FieldCounts = Counter()
        filtered = self._part(part, shape, field, found, depth)
        counts.update(found)
        return embedded.write(filtered, text) if found else text

    def _identifier(self, value: Any, field: str, counts: FieldCounts) -> Any:
        """An identifier stays, unless it is no identifier at all, a credential, or holds a listed value."""
        if isinstance(value, str):
            if IDENTIFIER.match(value) and not self._forbidden.spans(value):
                return value
        elif isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return [self._identifier(item, field, counts) for item in value]
        return self._free(value, field, counts)

    def _free(self, value: Any, field: str, counts: FieldCounts) -> Any:
        found: Counts = Counter()
        filtered = self._content.value(value, found)
        _book(counts, field, found)
        return filtered


def _without_stale_tags(members: dict[str, Any], filtered: dict[str, Any]) -> dict[str, Any]:
    """Drop the tags that were made from a field whose value had to be replaced: they spell it differently."""
    stale = tuple(prefix for key, prefix in _TAGGED.items() if members.get(key) != filtered.get(key))
    if stale and isinstance(tags := filtered.get("tags"), list):
        filtered["tags"] = [tag for tag in tags if not str(tag).startswith(stale)]
    return filtered


def _book(counts: FieldCounts, field: str, found: Counts) -> None:
    for kind, number in found.items():
        counts[field, kind] += number
