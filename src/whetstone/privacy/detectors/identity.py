"""Numbers that identify a person or an account and carry their own check: cards, IBAN, US social security."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stdnum import iban, luhn

from whetstone.privacy.detectors.detector import Match, PatternDetector
from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.placeholders import label

_CARD = re.compile(
    r"(?<![\w.+-])(?:\d{13,19}|\d{4}(?P<sep>[ -])\d{4}(?P=sep)\d{4}(?P=sep)\d{1,4}(?:(?P=sep)\d{1,3})?"
    r"|\d{4}(?P<amex>[ -])\d{6}(?P=amex)\d{4,5})(?![\w-]|\.\d)"
)
# Leading digits and lengths of the networks; without them one in ten of all long numbers would pass.
_NETWORKS = re.compile(
    r"(?:4\d{12}|4\d{15}|4\d{18}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
    r"|(?:50[0-9]{2}|5[6-8]\d\d|6304|67\d\d)\d{8,15})\Z"
)


def is_card_number(digits: str) -> bool:
    """Whether a row of digits is the number of a payment card: network prefix, length and Luhn checksum."""
    return _NETWORKS.match(digits) is not None and luhn.is_valid(digits)


def _is_card(match: Match) -> bool:
    return is_card_number(re.sub(r"\D", "", match[0]))


_SSN = re.compile(r"(?<![\w.+-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-]|\.\d)")
_ANNOUNCED_SSN = re.compile(
    r"\b(?:ssn|social\ssecurity)\b\W{1,4}(?:(?:is|number|no)\b\W{1,3}){0,2}(?P<value>\d{3}[ -]?\d{2}[ -]?\d{4})(?![\w-])",
    re.IGNORECASE,
)
_SSN_WORDS = ("ssn", "SSN", "ecurity", "ECURITY")
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,4})?(?![A-Za-z0-9])"
)


@dataclass(frozen=True, slots=True)
class IbanDetector:
    """International bank account numbers with a right checksum and the structure of their country."""

    kind: str = "iban"
    replacement: str = label("iban")

    def find(self, text: str) -> Iterator[Span]:
        """Spans of valid numbers; a candidate that runs on into following words is cut back."""
        for match in _IBAN.finditer(text):
            length = len(match[0])
            while length >= 15:
                if iban.is_valid(match[0][:length], check_country=False):
                    yield Span(
                        match.start(), match.start() + length, self.kind, self.replacement, Order.IDENTITY
                    )
                    break
                length = max(match[0].rfind(" ", 0, length), match[0].rfind("-", 0, length))


def identity_detectors() -> list[PatternDetector | IbanDetector]:
    """Cards, social security numbers and bank accounts."""
    return [
        PatternDetector("card-number", label("card-number"), Order.IDENTITY, _CARD, (), _is_card),
        PatternDetector("ssn", label("ssn"), Order.IDENTITY, _SSN, ("-",)),
        PatternDetector("ssn", label("ssn"), Order.IDENTITY, _ANNOUNCED_SSN, _SSN_WORDS, group="value"),
        IbanDetector(),
    ]
