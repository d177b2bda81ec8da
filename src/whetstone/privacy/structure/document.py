"""Walks a trajectory document: structure by its shape, everything else as content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from whetstone.privacy.detectors.spans import Tier
from whetstone.privacy.replacement.placeholders import label
from whetstone.privacy.structure.content import MAX_DEPTH, JsonWalker, TooDeepError, Visitor, Walker
from whetstone.privacy.structure.edits import Edit
from whetstone.privacy.structure.json_text import parse
from whetstone.privacy.structure.keys import rule_for
from whetstone.privacy.structure.shape import IDENTIFIER, TRAJECTORY, Shape

# Tags that contract §4.3 makes from a call's own fields, in lower case and without punctuation.
_TAGGED = {"purpose": "purpose:", "actionType": "action:", "stepType": "step:"}
_OTHER_FIELD = "(other)"  # a key that the contract does not name may itself be private
_TAG = "tag"
_MESSAGES = "messages"
_SYSTEM_PROMPT = "systemPrompt"
_INSTRUCTING = ("system", "developer")


class DocumentVisitor(Visitor, Protocol):
    """A visitor that is told which field of the document the leaves belong to."""

    field: str

    def conversation(self, turns: Sequence[str]) -> None:
        """Told of the texts of successive messages."""

    def instructions(self, text: str) -> None:
        """Told of a system prompt before it is visited."""

    def keeps(self, identifier: str) -> bool:
        """Whether an identifier holds nothing that must go."""


class DocumentWalker:
    """Builds filtered copies of trajectory documents."""

    def __init__(self, visitor: DocumentVisitor, walker: Walker) -> None:
        """`walker` walks the content, with the same visitor."""
        self._visitor = visitor
        self._walker = walker

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        """The copy. Raises TooDeepError, RecursionError or TypeError when the document cannot be walked."""
        return self._object(document, TRAJECTORY, "", 0)

    def _object(self, members: dict[str, Any], shape: Shape, path: str, depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            raise TooDeepError
        result: dict[str, Any] = {}
        stale = self._stale_tags(members)
        self._hear_instructions(members)
        for key, value in members.items():
            field = f"{path}.{key}" if path else key
            if not shape.knows(key):
                self._visitor.field = f"{path}.{_OTHER_FIELD}" if path else _OTHER_FIELD
                self._unknown_member(key, value, members, result)
            elif key in shape.parts:
                if key == _MESSAGES:
                    self._visitor.conversation(_turns(value))
                result[key] = self._part(value, shape.parts[key], field, depth + 1)
            else:
                self._visitor.field = field
                if key in shape.ids:
                    result[key] = self._identifier(value)
                elif key == "tags" and stale:
                    result[key] = self._tags(value, stale)
                else:
                    result[key] = self._walker.value(value, key=key)
        return result

    def _hear_instructions(self, members: dict[str, Any]) -> None:
        texts = [members.get(_SYSTEM_PROMPT)]
        if members.get("role") in _INSTRUCTING:
            texts.append(members.get("content"))
        for text in texts:
            if isinstance(text, str):
                self._visitor.instructions(text)

    def _unknown_member(self, key: Any, value: Any, members: dict[str, Any], result: dict[str, Any]) -> None:
        if not isinstance(key, str):
            raise TypeError("keys of a trajectory document are strings")
        copy = self._walker.value(value, rule_for(key, "", members), key)
        result[self._walker.key(key, result)] = copy

    def _part(self, value: Any, shape: Shape, field: str, depth: int) -> Any:
        if isinstance(value, dict):
            return self._object(value, shape, field, depth)
        if isinstance(value, list | tuple) and all(isinstance(item, dict) for item in value):
            return [self._object(item, shape, field, depth) for item in value]
        if isinstance(value, str) and (part := parse(value)) is not None:
            return self._json_part(value, part, shape, field, depth)
        self._visitor.field = field
        return self._walker.value(value)

    def _json_part(self, text: str, part: Any, shape: Shape, field: str, depth: int) -> str:
        """Structure that is stored as JSON text, such as `stepsJson`."""
        inside = JsonWalker(text, self._visitor, self._walker.book)
        DocumentWalker(self._visitor, inside)._part(part, shape, field, depth)
        return self._walker.rewritten(text, inside.found())

    def _identifier(self, value: Any) -> Any:
        """An identifier stays, unless it is no identifier at all, or holds what must never appear."""
        if isinstance(value, str) and self._stays(value):
            return value
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return [self._identifier(item) for item in value]
        return self._walker.value(value)

    def _stays(self, value: str) -> bool:
        return IDENTIFIER.match(value) is not None and self._visitor.keeps(value)

    def _stale_tags(self, members: dict[str, Any]) -> tuple[str, ...]:
        """Beginnings of the tags that spell, in another way, a field that has to be replaced."""
        if "tags" not in members:
            return ()
        fields = ((members.get(key), prefix) for key, prefix in _TAGGED.items())
        return tuple(prefix for value, prefix in fields if isinstance(value, str) and self._goes(value))

    def _goes(self, value: str) -> bool:
        return not self._stays(value) and bool(self._visitor.text(value, None))

    def _tags(self, tags: Any, stale: tuple[str, ...]) -> Any:
        if not isinstance(tags, list):
            return self._walker.value(tags)
        return [self._tag(tag, stale) for tag in tags]

    def _tag(self, tag: Any, stale: tuple[str, ...]) -> Any:
        prefix = next((prefix for prefix in stale if str(tag).startswith(prefix)), None)
        if prefix is None or not isinstance(tag, str):
            return self._walker.value(tag)
        if tag == prefix + label(_TAG):
            return tag
        return self._walker.replaced(tag, [Edit(len(prefix), len(tag), label(_TAG), _TAG, Tier.STRUCTURE)])


def _turns(messages: Any) -> list[str]:
    if not isinstance(messages, list):
        return []
    contents = (message.get("content") for message in messages if isinstance(message, dict))
    return [content for content in contents if isinstance(content, str) and content]
