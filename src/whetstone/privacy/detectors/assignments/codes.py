"""PINs, one-time codes and card security codes, which are digits that a phrase introduces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.placeholders import label

_QUALIFIER: Final = (
    r"(?:verification|verify|security|confirmation|confirm|authentication|authenticator|authorization|auth|login|log-?in|sign-?in|access"
    r"|activation|unlock|recovery|backup|reset|one[- ]?time|single[- ]use|2fa|mfa|sms|otp|pin|door|gate|alarm|entry|vault|safe|lock"
    r"|two[- ]factor|google|whatsapp|telegram|apple id|paypal|bank|passcode|temporary)"
)
_NAME: Final = re.compile(
    rf"(?:{_QUALIFIER}[ -](?:code|password|passcode|pin)|pin(?:[ -]?code|[ -]number)?|otp|totp|passcode|cv[vc]2?)s?(?![a-z])"
    r"(?: (?:code|number|for|to|from|at|of) [\w .'-]{1,30}?)?[\"'`*]{0,3}[ \t]{0,3}"
    r"(?::|=|#|is now|is|was|are|[-–—]|ist|es|est)?[\"'`*]{0,3}[:#]?\s{0,3}[\"'`*<\[(]{0,3}"
    r"(?P<value>(?:[a-z]{1,3}-)?\d{4,8}|\d{3}[ -]\d{3}|\d{2}[- ]\d{2}[- ]\d{2}|\d{3})(?![\w/%]|[.,:-]\d|-[a-z])"
)
_ROOTS: Final = re.compile(r"code|pin|otp|cvv|cvc|password")
_BACKWARD: Final = re.compile(
    rf"(?<![\w.,/-])(?P<value>(?:[a-z]{{1,3}}-)?\d{{4,8}}|\d{{3}}[ -]\d{{3}}) (?:is|as) (?:your|my|the|our|a) (?:[\w.'-]{{1,20}} ){{0,4}}?"
    rf"(?:(?:{_QUALIFIER}[ -])?(?:code|passcode|pin|otp|password))(?!\w)"
)
_KINDS: Final = {"cvv": "card-security-code", "cvc": "card-security-code", "pin": "pin"}
_DEFAULT: Final = "one-time-code"


def find_codes(text: str, lower: str) -> Iterator[Span]:
    """Spans of the codes; `lower` is the text in lower case with the same offsets."""
    if _ROOTS.search(lower) is None or not any(map(str.isdigit, text)):
        return
    for pattern in (_INTRODUCED, _BACKWARD):
        for match in pattern.finditer(lower):
            kind = next((kind for part, kind in _KINDS.items() if match[0].startswith(part)), _DEFAULT)
            digits = sum(map(str.isdigit, match["value"]))
            if digits == 3 and kind != "card-security-code":
                continue
            yield Span(*match.span("value"), kind, label(kind), Order.ASSIGNMENT, rank=2)


_INTRODUCED: Final = re.compile(r"(?<![a-z0-9_])" + _NAME.pattern)
