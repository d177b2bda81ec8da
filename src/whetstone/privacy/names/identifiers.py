"""Numbers and ids that no rule of the other tiers knows, where the model is precise enough to be trusted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from whetstone.privacy.names.entity import Entity, Found
from whetstone.privacy.names.words import expand, in_code

_KINDS: Final = {
    "PHONE": "phone",
    "TAX_ID": "national-id",
    "GOVERNMENT_ID": "national-id",
    "PASSPORT": "passport",
    "DRIVERS_LICENSE": "driver-license",
    "BANK_ACCOUNT": "account-number",
    "ROUTING_NUMBER": "account-number",
}
_SURE = 0.9
_MIN_DIGITS = 6
# The word that names such a number must stand before it: without one, ids of orders and builds are taken too.
_CONTEXT: Final = {
    "phone": r"phone|tel|mobile|cell|fax|call|contact|whatsapp|sms|dial|reach|ring|handy|móvil|telefon|teléfono|téléphone",
    "national-id": r"tax|tin\b|ein\b|vat|ssn|social|national|id card|identity|identification|insurance|citizen|nino|pan\b|aadhaar|cpf|dni|nif|curp|pesel|personal",
    "passport": r"passport|passeport|pasaporte|reisepass|travel document",
    "driver-license": r"licen[cs]e|driver|driving|dl\b|führerschein|permis",
    "account-number": r"account|acct|a/c|iban|bank|routing|sort code|bsb|aba\b|konto|cuenta|compte",
}
_PATTERNS: Final = {kind: re.compile(rf"\b(?:{words})", re.IGNORECASE) for kind, words in _CONTEXT.items()}
_WINDOW = 48


def identifiers(text: str, rampart: Sequence[Entity]) -> list[Found]:
    """Phones, national ids, passports, licences and accounts of which the model is sure and the text speaks."""
    found = []
    for entity in rampart:
        kind = _KINDS.get(entity.label)
        if kind is None or entity.score < _SURE:
            continue
        start, end = expand(text, entity.start, entity.end)
        while kind == "phone" and start and text[start - 1] in "+(":
            start -= 1
        value = text[start:end]
        if sum(map(str.isdigit, value)) < _MIN_DIGITS or "\n" in value or in_code(text, start, end):
            continue
        if _PATTERNS[kind].search(text, max(0, start - _WINDOW), start):
            found.append(Found(start, end, kind))
    return found
