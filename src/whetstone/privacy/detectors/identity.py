"""US social security numbers and bank accounts; all detectors of numbers that identify a person or an account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stdnum import iban

from whetstone.privacy.detectors.announced import AnnouncedDetector
from whetstone.privacy.detectors.cards import card_detectors, is_card_number
from whetstone.privacy.detectors.crypto import crypto_detectors
from whetstone.privacy.detectors.detector import Detector, PatternDetector
from whetstone.privacy.detectors.national_ids import national_id_detectors
from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.detectors.spoken import SpokenNumberDetector
from whetstone.privacy.detectors.vehicles import vehicle_detectors
from whetstone.privacy.replacement.placeholders import label

__all__ = ["IbanDetector", "identity_detectors", "is_card_number"]

_SSN = re.compile(
    r"(?<![\w.+-])(?!000|666|9)\d{3}(?P<gap>[-\u2010-\u2015\u2212])(?!00)\d{2}(?P=gap)(?!0000)\d{4}(?![\w-]|\.\d)"
)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ \u00a0-]?[A-Za-z0-9]{4}){2,7}(?:[ \u00a0-]?[A-Za-z0-9]{1,4})?(?![A-Za-z0-9])"
)
# Bank identifier codes: a bank, a country, a place, perhaps a branch.
_BIC = re.compile(
    r"\b(?:BIC|SWIFT|bic|swift|Swift|Bic)\b[\"'`*]{0,2}[^\w\n]{0,3}(?:(?:code|Code|CODE|BIC|SWIFT|is|ist|number)\b[^\w\n]{1,3}){0,3}[\"'`]?"
    r"(?P<value>[A-Z]{4}(?:A[DEFGILMORTUWXZ]|B[ABDEFGHRSTY]|C[AHILNORUYZ]|D[EKO]|E[EGS]|F[IR]|G[BEIR]|H[KRU]|I[DELNST]|J[OP]|K[RWZ]"
    r"|L[BITUV]|M[CDEKTXY]|N[LOZ]|P[EHKLT]|QA|R[OSU]|S[AEGIKM]|T[HNRW]|U[AS]|V[GN]|XK|ZA)[A-Z0-9]{2}(?:[A-Z0-9]{3})?)(?!\w)"
)


@dataclass(frozen=True, slots=True)
class IbanDetector:
    """International bank account numbers with a right checksum and the structure of their country."""

    kind: str = "iban"
    replacement: str = label("iban")

    def find(self, text: str) -> Iterator[Span]:
        """Spans of valid numbers; a candidate that runs on into following words is cut back."""
        for match in _IBAN.finditer(text):
            candidate = match[0].replace("\u00a0", " ")
            length = len(candidate)
            while length >= 15:
                if iban.is_valid(candidate[:length], check_country=False):
                    yield Span(
                        match.start(), match.start() + length, self.kind, self.replacement, Order.IDENTITY
                    )
                    break
                length = max(candidate.rfind(" ", 0, length), candidate.rfind("-", 0, length))


def identity_detectors() -> list[Detector]:
    """Cards, social security and other national numbers, bank accounts, vehicles, wallets."""
    return [
        *card_detectors(),
        PatternDetector("ssn", label("ssn"), Order.IDENTITY, _SSN, ()),
        IbanDetector(),
        PatternDetector(
            "account-number",
            label("account-number"),
            Order.IDENTITY,
            _BIC,
            ("BIC", "SWIFT", "bic", "wift", "Bic"),
            group="value",
        ),
        *national_id_detectors(),
        *vehicle_detectors(),
        *crypto_detectors(),
        SpokenNumberDetector(),
        AnnouncedDetector(),
    ]
