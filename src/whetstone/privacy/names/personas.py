"""What an agent is called, as its system prompt says it: "You are Fern", "Fern is the support agent"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_NAME: Final = r"(?P<name>[A-Z][\w’-]{1,20}(?:\s[A-Z][\w’-]{1,20}){0,2})"
_END: Final = r"(?![\w’-]|['’]s\b)"
_PATTERNS: Final = (
    re.compile(
        r"\b(?:[Yy]ou(?:'re|’re| are)(?: called| named)?|[Yy]our name is|[Aa]ct as|[Aa]nswer as"
        r"|(?:assistant|agent|bot|chatbot|character|model)(?: is)?,? (?:named|called))\s{1,2}" + _NAME + _END
    ),
    re.compile(
        r"\b" + _NAME + r"\sis\s(?:the|an?|our|your)\s(?:[\w-]{1,20}\s){0,3}?"
        r"(?:agent|assistant|bot|chatbot|AI|concierge|helper|copilot)\b"
    ),
)


def personas(system_prompt: str) -> Iterator[str]:
    """Names of the agent. Whose assistant it is ("You are Mei Rossi's assistant") stays private."""
    for pattern in _PATTERNS:
        for match in pattern.finditer(system_prompt):
            yield match["name"]
