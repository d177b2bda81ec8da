"""Labels that stand in for removed data, and how to recognise them again."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

NUMBERED: Final = MappingProxyType(
    {
        "person": "PERSON",
        "location": "LOCATION",
        "organization": "ORGANIZATION",
        "date-of-birth": "DATE_OF_BIRTH",
        "card-number": "CARD_NUMBER",
        "iban": "IBAN",
        "national-id": "NATIONAL_ID",
        "ssn": "SSN",
        "passport": "PASSPORT",
        "driver-license": "DRIVER_LICENSE",
        "account-number": "ACCOUNT_NUMBER",
        "vehicle": "VEHICLE",
        "ip-address": "IP_ADDRESS",
        "mac-address": "MAC_ADDRESS",
        "crypto-address": "CRYPTO_ADDRESS",
        "deny-list": "DENY_LIST",
    }
)
"""Kinds whose values get numbered pseudonyms, with the stem of those: `<PERSON_1>`."""

VEIL: Final = "SURROGATE"
"""Stem of the tokens that stand for a surrogate while a trajectory is being filtered."""

_STEMS = "|".join((*NUMBERED.values(), VEIL))
PLACEHOLDER: Final = re.compile(
    r"<REDACTED:[a-z0-9-]{1,40}>|\[REDACTED_[A-Z]{2,20}\]|<entity:[A-Za-z0-9_-]{1,64}>"
    rf"|<(?:{_STEMS})_[1-9]\d{{0,6}}>"
)
ENTITY: Final = re.compile(r"<entity:([A-Za-z0-9_-]{1,64})>")
NUMBERED_PLACEHOLDER: Final = re.compile(rf"<(?P<stem>{_STEMS})_(?P<number>[1-9]\d{{0,6}})>")


def label(kind: str) -> str:
    """The label of a kind that has no label of its own in the wire contract."""
    return f"<REDACTED:{kind}>"


def has_placeholder(text: str) -> bool:
    """Whether some part of the text was removed before."""
    return _may_hold_one(text) and PLACEHOLDER.search(text) is not None


def mask_placeholders(text: str) -> str:
    """The text with every placeholder blanked out, all offsets kept.

    Line breaks are used because no detector bridges more than a few of them: what was removed neither matches
    again nor joins what stands left and right of it.
    """
    if not _may_hold_one(text):
        return text
    return PLACEHOLDER.sub(lambda match: "\n" * len(match[0]), text)


def only_placeholders(text: str) -> bool:
    """Whether nothing but placeholders and punctuation is left of a value."""
    if not has_placeholder(text):
        return False
    return not any(character.isalnum() for character in PLACEHOLDER.sub("", text))


def _may_hold_one(text: str) -> bool:
    return "[REDACTED_" in text or ("<" in text and ">" in text)
