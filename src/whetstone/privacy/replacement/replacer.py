"""What decides what takes the place of a value."""

from __future__ import annotations

from typing import Literal, Protocol

from whetstone.privacy.detectors.spans import Span

Replacement = Literal["pseudonym", "surrogate"]


class Replacer(Protocol):
    """Chooses replacements inside one trajectory. Not safe for concurrent use."""

    def reserve(self, text: str) -> None:
        """Note what a replacement must not collide with; to be called with every text before the first replacement."""

    def introduce(self, kind: str, value: str) -> None:
        """Tell of a value that will be replaced later.

        Not required; when all values are known first, choices do not depend on which of them comes first.
        """

    def replacement(self, span: Span, value: str) -> str:
        """What takes the place of `value`, the text of the span; never holds the value itself."""

    def finish(self, text: str) -> str:
        """A text in which nothing is left to find, in the form in which it leaves the filter."""
