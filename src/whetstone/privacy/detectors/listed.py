"""Exact values that must not appear: secrets of this process's environment."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from whetstone.privacy.detectors.credentials.tokens import trie
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


class SecretValueDetector:
    """Every literal occurrence of a secret value; a short one only where it stands as a word of its own.

    One pattern looks for the beginnings of all values, so that the time does not grow with their number.
    """

    kind = "env-secret"
    replacement = label("env-secret")

    def __init__(self, values: Collection[str]) -> None:
        """The values, each with at least eight characters."""
        self.values = tuple(values)
        by_head: dict[str, list[str]] = defaultdict(list)
        for value in sorted(set(values), key=len, reverse=True):
            by_head[value[:_MIN_SECRET_LENGTH]].append(value)
        self._by_head = dict(by_head)
        self._heads = re.compile(trie(by_head)) if by_head else None

    def find(self, text: str) -> Iterator[Span]:
        """Spans of all values; those of different values may overlap."""
        if self._heads is None:
            return
        ends: dict[str, int] = {}
        head = self._heads.search(text)
        while head is not None:
            start = head.start()
            for value in self._by_head[head[0]]:
                end = start + len(value)
                if start < ends.get(value, 0) or not text.startswith(value, start):
                    continue
                ends[value] = end
                if len(value) >= _UNMISTAKABLE_LENGTH or _stands_alone(text, start, end):
                    yield Span(start, end, self.kind, self.replacement, Order.LISTED)
            head = self._heads.search(text, start + 1)


def _stands_alone(text: str, start: int, end: int) -> bool:
    left = start > 0 and text[start].isalnum() and text[start - 1].isalnum()
    right = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    return not (left or right)
