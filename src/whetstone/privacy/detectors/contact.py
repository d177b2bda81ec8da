"""E-mail addresses and phone numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import phonenumbers

from whetstone.privacy.detectors.detector import Match, PatternDetector
from whetstone.privacy.detectors.spans import Order, Span

EMAIL: Final = "[REDACTED_EMAIL]"
PHONE: Final = "[REDACTED_PHONE]"

_EMAIL_PATTERN = re.compile(
    r"(?<![\w.%+'-])[.%+'-]*+(?P<address>(?P<local>\w[\w.%+'-]*+)@(?P<domain>(?:[\w-]++\.)+[^\W\d_](?:[\w-]*[\w])?))(?![\w-])"
)
_IMAGE_SCALE = re.compile(r"\dx\.(?:png|jpe?g|gif|webp|svg|avif)\Z", re.IGNORECASE)
_URL_CREDENTIALS = re.compile(r"://[^\s:/@\"'<>]{0,128}:[^\s/\"'<>]{0,256}\Z")
_VERSION = re.compile(r"\d+\.\d+")


def _is_address(match: Match) -> bool:
    """Not `git@host:path`, not `icon@2x.png`, not `package@1.2.3-beta.rc`, not part of a URL's user information."""
    local, domain = match["local"], match["domain"]
    if local == "git" and match.string.startswith(":", match.end()):
        return False
    if _URL_CREDENTIALS.search(match.string, max(0, match.start() - 400), match.start()):
        return False  # the password goes by its own rule, the host stays
    if _VERSION.match(domain) or _IMAGE_SCALE.match(domain):
        return False
    return len(domain.rpartition(".")[2]) >= 2


def email_detector() -> PatternDetector:
    """Addresses of the usual form, in any script."""
    return PatternDetector("email", EMAIL, Order.EMAIL, _EMAIL_PATTERN, ("@",), _is_address, group="address")


_SEPARATORS = r"[ \t\u00a0\u2011.()/-]"
_EXTENSION = r"(?:,?\s?(?:x|ext\.?|extension)\s?\d{1,6}\b)?"
_INTERNATIONAL = re.compile(
    rf"(?<![\w+])[+＋]\s?\(?[1-9](?:{_SEPARATORS}{{0,3}}\d){{6,16}}(?!\d){_EXTENSION}"
)
_NORTH_AMERICAN = re.compile(
    r"(?:(?<![\w.+-])1[-. ])?(?:(?<!\w)\(\d{3}\)[ .-]{0,2}|(?<![\w.+/-])\d{3}(?P<sep>[-. ]))\d{3}[-. ]\d{4}(?!\w|-\w|\.\d)"
    + _EXTENSION
)
_ANNOUNCED = re.compile(
    r"\b(?:phone|telephone|tel|mobile|cell|fax|whatsapp|sms|call|dial|text)\b[^\w\n+]{1,4}"
    r"(?:(?:number|no|nr|me|us|him|her|at|on|is|it)\b[^\w\n+]{1,4}){0,3}"
    rf"(?P<number>\(?\d(?:{_SEPARATORS}{{0,3}}\d){{6,14}})(?![\w]|[.:,-]\d)",
    re.IGNORECASE,
)
_ANNOUNCEMENTS = ("hone", "HONE", "el", "EL", "obile", "ax", "sms", "SMS", "all", "ial", "hatsApp", "hatsapp")
_NANP = re.compile(r"[2-9]\d{2}[2-9]\d{6}\Z")
_MAX_DIGITS = 15  # E.164


@dataclass(frozen=True, slots=True)
class PhoneDetector:
    """Numbers with a plus sign, North-American numbers with separators, and numbers that a word announces."""

    kind: str = "phone"
    replacement: str = PHONE

    def find(self, text: str) -> Iterator[Span]:
        """Spans of whole numbers, extension included."""
        if "+" in text or "＋" in text:
            for match in _INTERNATIONAL.finditer(text):
                length = _international_length(match[0])
                if length:
                    yield self._span(match.start(), match.start() + length)
        for match in _NORTH_AMERICAN.finditer(text):
            if _is_north_american(match):
                yield self._span(*match.span())
        if any(word in text for word in _ANNOUNCEMENTS):
            for match in _ANNOUNCED.finditer(text):
                yield self._span(*match.span("number"))

    def _span(self, start: int, end: int) -> Span:
        return Span(start, end, self.kind, self.replacement, Order.PHONE)


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _is_north_american(match: Match) -> bool:
    """Dashes and brackets are written in phone numbers only; blanks and dots also part other numbers."""
    separator = match["sep"]
    if separator is None or separator == "-":
        return True
    number = _digits(re.split(r"[,xe]", match[0], maxsplit=1)[0])
    return _NANP.match(number[-10:]) is not None


def _international_length(text: str) -> int:
    """Length of the phone number at the beginning of the candidate, 0 if it is none.

    A candidate may run on into a following number (`+44 20 7946 0958 12 items`): its groups are tried from all to
    fewest. What no numbering plan knows still counts when it is grouped like a phone number.
    """
    if _possible(text):
        return len(text)
    ends = [match.start() for match in re.finditer(r"[\s.()/-]+(?=\d)", text)]
    for end in reversed(ends):
        if len(_digits(text[:end])) < 7:
            break
        if _possible(text[:end]):
            return end
    return len(text) if len(ends) >= 2 and 8 <= len(_digits(text)) <= _MAX_DIGITS else 0


def _possible(text: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        return False
