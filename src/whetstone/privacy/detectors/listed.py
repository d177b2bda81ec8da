"""Exact values that must not appear: secrets of this process's environment, and the operator's deny list."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.placeholders import label

_MIN_SECRET_LENGTH = 8
# From this length on a value is taken out of the middle of longer words too.
_UNMISTAKABLE_LENGTH = 16
_TELLING_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|CREDENTIAL|(?:^|_|API|ACCESS)KEY(?:$|_)", re.IGNORECASE)
_COMMON = frozenset(
    [
        "changeme", "password", "localhost", "production", "development", "undefined", "disabled", "enabled",
        "required", "optional", "internal", "username", "anonymous", "automatic", "standard",
    ]
)  # fmt: skip
_PLAIN_WORDS = re.compile(r"[A-Za-z]{1,20}(?:[ ._-](?:[A-Za-z]{1,20}|\d{1,3}[a-z]?))*\Z")
_PLAIN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^@?]*\Z", re.IGNORECASE)
_PATH = re.compile(r"(?:~|\.{1,2})?/[\w./ -]*\Z")
_NUMBER = re.compile(r"[\d.,]+\Z")


def secret_values(variables: Mapping[str, str]) -> list[str]:
    """The values among secret-named variables that can be taken out of texts, longest first.

    A value that is an ordinary word would blank that word everywhere (`API_ENV=production`). Common words never
    count; names that only hint at a secret (`API_BASE`, `KEYBOARD`) count when the value is no word, path, plain URL
    or short number.
    """
    values = {
        value.strip()
        for name, value in variables.items()
        if len(value.strip()) >= _MIN_SECRET_LENGTH and _is_secret(name, value.strip())
    }
    return sorted(values, key=lambda value: (-len(value), value))


def _is_secret(name: str, value: str) -> bool:
    if value.lower() in _COMMON:
        return False
    if _TELLING_NAME.search(name):
        return True
    patterns = (_PLAIN_WORDS, _PLAIN_URL, _PATH, _NUMBER)
    return not any(pattern.match(value) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class SecretValueDetector:
    """Every literal occurrence of a secret value; a short one only where it stands as a word of its own."""

    values: tuple[str, ...]
    kind: str = "env-secret"
    replacement: str = label("env-secret")

    def find(self, text: str) -> Iterator[Span]:
        """Spans of all values, found by plain search."""
        for value in self.values:
            start = text.find(value)
            while start >= 0:
                end = start + len(value)
                if len(value) >= _UNMISTAKABLE_LENGTH or _stands_alone(text, start, end):
                    yield Span(start, end, self.kind, self.replacement, Order.LISTED)
                start = text.find(value, end)


def _stands_alone(text: str, start: int, end: int) -> bool:
    left = start > 0 and text[start].isalnum() and text[start - 1].isalnum()
    right = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    return not (left or right)


class DenyListDetector:
    """The operator's own words (customers, hosts, projects), in any case, as whole words."""

    kind = "deny-list"
    replacement = label("deny-list")

    def __init__(self, words: Collection[str]) -> None:
        alternatives = sorted({word.strip() for word in words if word.strip()}, key=len, reverse=True)
        body = "|".join(r"\s{1,3}".join(map(re.escape, word.split())) for word in alternatives)
        self._pattern = re.compile(rf"(?<!\w)(?:{body})(?!\w)", re.IGNORECASE)

    def find(self, text: str) -> Iterator[Span]:
        """Spans of the listed words."""
        for match in self._pattern.finditer(text):
            yield Span(match.start(), match.end(), self.kind, self.replacement, Order.LISTED)
