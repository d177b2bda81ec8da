"""Handles such as `@alice`, and the anonymizers that turn them into entity ids.

Without an anonymizer handles stay: most words with an at-sign in code are not people (wire contract §11.2).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from whetstone.privacy.detectors.spans import Order, Span

PrivacyLevel = Literal["public", "limited", "private"]

PLATFORMS: Final = (
    "telegram",
    "discord",
    "slack",
    "matrix",
    "signal",
    "whatsapp",
    "twitter",
    "instagram",
    "email",
)
"""Order in which an anonymizer is asked for a handle."""


class Anonymizer(Protocol):
    """Knows the entity behind a handle."""

    def entity_id(self, platform: str, handle: str) -> str | None:
        """An opaque id of letters, digits, `_` and `-`, or None if the handle is unknown on that platform."""

    def privacy_level(self, entity_id: str) -> PrivacyLevel:
        """How private that entity is; trajectories with a private one are dropped."""


@dataclass(frozen=True, slots=True)
class HashAnonymizer:
    """Gives every handle the same id each time, by a salted hash; private handles are known by name."""

    salt: str = field(default="", repr=False)
    private_handles: Collection[str] = ()

    def entity_id(self, platform: str, handle: str) -> str:
        """First 16 hexadecimal digits of SHA-256 over `salt:platform:handle`, platform and handle in lower case."""
        text = f"{self.salt}:{platform.lower()}:{handle.lower()}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def privacy_level(self, entity_id: str) -> PrivacyLevel:
        """`private` for the handles that were named so, on any platform."""
        private = (
            self.entity_id(platform, handle.removeprefix("@"))
            for handle in self.private_handles
            for platform in PLATFORMS
        )
        return "private" if entity_id in self.private_handles or entity_id in private else "public"


# Not a handle: a scoped package (`@types/node`), a call or decorator (`@app.get(`), an e-mail address.
_HANDLE = re.compile(r"(?<![\w@./+-])@(?P<handle>[A-Za-z0-9_.-]{2,}+)(?![/(\w@])")
# A decorator without arguments stands alone on its line, before a definition.
_DEFINITION = re.compile(
    r"[ \t]*\n\s{0,40}(?:@|def\b|class\b|async\b|export\b|public\b|private\b|protected\b|static\b)"
)


@dataclass(frozen=True, slots=True)
class HandleDetector:
    """At-sign and at least two of letters, digits, `_`, `.`, `-`; the id stands in for the handle."""

    anonymizer: Anonymizer
    kind: str = "handle"
    replacement: str = "<entity:…>"

    def find(self, text: str) -> Iterator[Span]:
        """Handles that the anonymizer knows."""
        if "@" not in text:
            return
        ids: dict[str, str | None] = {}
        for match in _HANDLE.finditer(text):
            handle = match["handle"].rstrip(".-")
            if len(handle) < 2 or _is_decorator(match):
                continue
            if handle not in ids:
                ids[handle] = self._resolve(handle)
            entity_id = ids[handle]
            if entity_id is not None:
                end = match.start("handle") + len(handle)
                yield Span(match.start(), end, self.kind, f"<entity:{entity_id}>", Order.HANDLE)

    def _resolve(self, handle: str) -> str | None:
        ids = (self.anonymizer.entity_id(platform, handle) for platform in PLATFORMS)
        return next((entity_id for entity_id in ids if entity_id), None)


def _is_decorator(match: re.Match[str]) -> bool:
    line_start = match.string.rfind("\n", max(0, match.start() - 200), match.start()) + 1
    indentation = match.string[line_start : match.start()]
    return not indentation.strip() and _DEFINITION.match(match.string, match.end()) is not None
