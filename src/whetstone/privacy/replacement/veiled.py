"""Surrogates behind a veil: tokens while a trajectory is filtered, invented values when nothing is left to find.

A surrogate looks like what the filter removes, so it must not stand in a text that is still being scanned.
"""

from __future__ import annotations

import re
from typing import Final

from whetstone.privacy.detectors.spans import Span
from whetstone.privacy.replacement.placeholders import VEIL, only_placeholders
from whetstone.privacy.replacement.surrogates import Surrogates

_TOKEN: Final = re.compile(rf"<{VEIL}_([1-9]\d*)>")
_SYNTAX: Final = re.compile(r"[\"\\<>]")
# In JSON inside a string these would have to be escaped, once for each layer.
_UNSAFE: Final = re.compile(r"[\"\\<>\x00-\x1f]+")


class VeiledSurrogates:
    """Gives out tokens, and in the end the surrogates that they stand for. Not safe for concurrent use."""

    def __init__(self, surrogates: Surrogates) -> None:
        self._surrogates = surrogates
        self._foreign: set[int] = set()
        self._tokens: dict[str, str] = {}
        self._values: dict[int, str] = {}

    def reserve(self, text: str) -> None:
        """Note what a surrogate must not be, and tokens that are none of ours."""
        self._surrogates.reserve(text)
        if VEIL in text:
            self._foreign.update(int(match[1]) for match in _TOKEN.finditer(text))

    def introduce(self, kind: str, value: str) -> None:
        """Note a real value before the first replacement."""
        self._surrogates.introduce(kind, value)

    def replacement(self, span: Span, value: str) -> str:
        """A token; the label or pseudonym where there is no surrogate."""
        invented = self._surrogates.replacement(span, value)
        if invented == span.replacement or only_placeholders(invented):
            return invented
        if _SYNTAX.search(value):
            return span.replacement  # syntax around the value was found with it
        invented = _UNSAFE.sub(" ", invented)
        if invented not in self._tokens:
            number = len(self._values) + 1
            while number in self._foreign:
                number += 1
            self._foreign.add(number)
            self._values[number] = invented
            self._tokens[invented] = f"<{VEIL}_{number}>"
        return self._tokens[invented]

    def finish(self, text: str) -> str:
        """The text with surrogates in place of tokens."""
        if VEIL not in text:
            return text
        return _TOKEN.sub(lambda match: self._values.get(int(match[1]), match[0]), text)
