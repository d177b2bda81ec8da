"""Tokens that are told by something in their middle or at their end: the scan looks for that, then to the left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.placeholders import label


class _Infix(NamedTuple):
    kind: str
    mark: str
    """Literal that makes the scan cheap."""
    left: str
    """What stands before the mark, of limited width."""
    right: str
    width: int
    """Greatest width of the left part."""


_W: Final = "[A-Za-z0-9_-]"
_A: Final = "[A-Za-z0-9]"
_END: Final = f"(?!{_W})"
_INFIXES: Final = (
    _Infix("telegram-token", ":AA", r"(?<![A-Za-z0-9])(?:bot)?\d{8,10}", f"{_W}{{32,34}}{_END}", 13),
    _Infix("discord-token", ".", f"(?<!{_W})[MNO]{_W}{{22,28}}", rf"{_W}{{6}}\.{_W}{{27,40}}{_END}", 29),
    _Infix("mailchimp-key", "-us", r"(?<![0-9A-Za-z])[0-9a-f]{32}", r"\d{1,2}(?!\w)", 32),
    _Infix("azure-client-secret", "Q~", r"(?<![\w~.-])[\w~.-]{3}\d", r"[\w~-](?:\.?[\w~-]){29,39}(?![\w~-])", 4),
    _Infix("terraform-token", ".atlasv1.", f"(?<!{_A}){_A}{{14}}", r"[A-Za-z0-9_=-]{50,}+", 14),
    _Infix("maxmind-key", "_mmk", f"(?<!{_A}){_A}{{6}}_{_A}{{29}}", r"(?!\w)", 36),
    _Infix("mailgun-key", "-", r"(?<![0-9a-f-])[0-9a-f]{32}", r"[0-9a-f]{8}-[0-9a-f]{8}(?![\w-])", 32),
    _Infix("asana-token", ":", r"(?<![\w/])\d/\d{14,18}(?:/\d{14,18})?", r"[0-9a-f]{32}(?!\w)", 40),
    _Infix("facebook-token", "|", r"(?<!\w)\d{15,17}", f"{_W}{{26,40}}{_END}", 17),
    _Infix("zapier-key", "_", r"(?<!\w)sk-ak", f"{_W}{{20,}}+", 5),
    _Infix("newrelic-key", "NRAL", r"(?<!\w)[0-9a-f]{36}", r"(?!\w)", 36),
    _Infix("azure-devops-token", "AZDO", f"(?<!{_A}){_A}{{76}}", f"{_A}{{4}}(?!{_A})", 76),
    _Infix("azure-key", "AzF", f"(?<!{_A})[A-Za-z0-9_-]{{44}}", f"[A-Za-z0-9_=-]{{7,12}}{_END}", 44),
    _Infix("azure-key", "ASt", r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{76}\+", r"[A-Za-z0-9+/]{5}[AQgw]==", 77),
    _Infix("azure-key", "ACDb", r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{76}", r"[A-Za-z0-9+/]{5,6}[AQgw]==", 76),
    _Infix("azure-key", "JQQJ99", f"(?<!{_A}){_A}{{52}}", f"{_A}{{26}}(?!{_A})", 52),
)  # fmt: skip


def _anywhere(left: str) -> str:
    """The pattern, which begins with what must not stand before it, also behind the letter of an escape."""
    boundary, _, rest = left.partition(")")
    return rf"(?:{boundary})|(?<=\\[nrtbf]|[0-9]m)){rest}"


class InfixDetector:
    """Tokens without a prefix of their own."""

    kind = "marked-token"
    replacement = label("marked-token")

    def __init__(self, first_rank: int) -> None:
        self._rules = [
            (
                infix,
                re.compile(re.escape(infix.mark) + infix.right),
                re.compile(rf"(?:{_anywhere(infix.left)})\Z"),
                label(infix.kind),
                rank,
            )
            for rank, infix in enumerate(_INFIXES, first_rank)
        ]

    def find(self, text: str) -> Iterator[Span]:
        """Spans of whole tokens."""
        for infix, pattern, left, replacement, rank in self._rules:
            if infix.mark not in text:
                continue
            for match in pattern.finditer(text):
                # Two characters more than the token, for what stands before it.
                first = max(0, match.start() - infix.width - 2)
                before = left.search(text[first : match.start()])
                if before is not None:
                    start = first + before.start()
                    yield Span(start, match.end(), infix.kind, replacement, Order.CREDENTIAL, rank)
