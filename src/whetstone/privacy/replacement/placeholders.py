"""Labels that stand in for removed data, and how to recognise them again."""

from __future__ import annotations

import re
from typing import Final

PLACEHOLDER: Final = re.compile(
    r"<REDACTED:[a-z0-9-]{1,40}>|\[REDACTED_[A-Z]{2,20}\]|<entity:[A-Za-z0-9_-]{1,64}>"
)
ENTITY: Final = re.compile(r"<entity:([A-Za-z0-9_-]{1,64})>")
_STARTS: Final = ("<REDACTED:", "[REDACTED_", "<entity:")


def label(kind: str) -> str:
    """The label of a kind that has no label of its own in the wire contract."""
    return f"<REDACTED:{kind}>"


def has_placeholder(text: str) -> bool:
    """Whether some part of the text was removed before."""
    return any(start in text for start in _STARTS) and PLACEHOLDER.search(text) is not None


def mask_placeholders(text: str) -> str:
    """The text with every placeholder blanked out, all offsets kept.

    Line breaks are used because no detector bridges more than a few of them: what was removed neither matches
    again nor joins what stands left and right of it.
    """
    if not any(start in text for start in _STARTS):
        return text
    return PLACEHOLDER.sub(lambda match: "\n" * len(match[0]), text)


def only_placeholders(text: str) -> bool:
    """Whether nothing but placeholders and punctuation is left of a value."""
    if not has_placeholder(text):
        return False
    return not any(character.isalnum() for character in PLACEHOLDER.sub("", text))
