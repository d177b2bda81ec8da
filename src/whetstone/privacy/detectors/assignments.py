"""Secrets that only the name before them gives away: `DB_PASSWORD=…`, `"client_secret": "…"`, `?access_token=…`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.placeholders import label
from whetstone.privacy.structure.keys import rule_for

_NAME = (
    r"(?:pass(?:word|wd|phrase|code)|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key"
    r"|secret[_-]?key|signing[_-]?key|encryption[_-]?key|auth[_-]?key|credential)s?"
)
_PLAIN = re.compile(
    rf"(?P<name>{_NAME})[\"'`*]{{0,3}}\s{{0,3}}"
    r"(?P<sign>=>|:=|=|:|\bis\b)\s{0,3}[\"'`*]{0,3}(?P<value>[^\s\"'`,;&<>{}()\[\]|]{6,512})",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    r"(?P<q>\\{0,3}[\"'])(?P<name>[A-Za-z0-9_. -]{2,64})(?P=q)\s{0,3}(?::|=>)\s{0,3}(?P=q)"
    r"(?P<value>[^\"'\\\n]{1,512})(?P=q)"
)
_TRIGGERS = re.compile(
    r"pass|pwd|secret|token|key|credential|auth|mail|phone|ssn|address|cv[vc]", re.IGNORECASE
)
_CODE = re.compile(
    r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+\Z|\$\w+\Z|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z|https?:"
)
_PASSWORD = re.compile(r"pass|pwd", re.IGNORECASE)
_HARMLESS = re.compile(
    r"(?:page|next|continuation|sync|cursor|prev(?:ious)?|max|min|pad|eos|bos|unk|stop|start|end|special|mask)[_-]?\Z",
    re.IGNORECASE,
)
_PREFIX_LENGTH = 16


@dataclass(frozen=True, slots=True)
class AssignmentDetector:
    """Values after secret names in text that is not JSON as a whole: env files, code, query strings, logs.

    Quoted members follow the rules for keys. Bare values must look random (letters and digits, or long), for here
    stand also types, variables and plain words.
    """

    kind: str = "secret"
    replacement: str = label("secret")

    def find(self, text: str) -> Iterator[Span]:
        """Spans of the values alone; the names stay."""
        if _TRIGGERS.search(text) is None:
            return
        for match in _QUOTED.finditer(text):
            rule = rule_for(match["name"])
            if rule is not None and rule.kind != "geo" and rule.accepts(match["value"]):
                start, end = match.span("value")
                yield Span(start, end, rule.kind, rule.replacement, Order.ASSIGNMENT)
        for match in _PLAIN.finditer(text):
            if _looks_secret(match):
                start, end = match.span("value")
                yield Span(start, end, self.kind, self.replacement, Order.ASSIGNMENT, rank=1)


def _looks_secret(match: re.Match[str]) -> bool:
    value = match["value"].rstrip(".!?")
    before = match.string[max(0, match.start() - _PREFIX_LENGTH) : match.start()]
    is_call = match.string.startswith(("(", "["), match.end())
    if is_call or _HARMLESS.search(before) or _CODE.match(value):
        return False
    is_password = _PASSWORD.search(match["name"]) is not None
    if match["sign"].lower() == "is" and not is_password:
        return False
    letters = any(character.isalpha() for character in value)
    digits = any(character.isdigit() for character in value)
    return letters and digits and (is_password or len(value) >= 8)
