"""Surrogates: invented values that look real, the same for the same value in every trajectory."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from whetstone.privacy.detectors.spans import Span
from whetstone.privacy.replacement.invented.dates import date
from whetstone.privacy.replacement.invented.draw import Draw, seeded
from whetstone.privacy.replacement.invented.network import ip_address, mac_address
from whetstone.privacy.replacement.invented.numbers import card, iban, shaped, social_security
from whetstone.privacy.replacement.invented.people import email, organization, person
from whetstone.privacy.replacement.invented.phones import phone
from whetstone.privacy.replacement.invented.places import address, coordinates, location
from whetstone.privacy.replacement.normal import normal, plain
from whetstone.privacy.replacement.placeholders import has_placeholder
from whetstone.privacy.replacement.pseudonyms import Pseudonyms

Inventor = Callable[[str, Draw], str | None]
_INVENTORS: Final[Mapping[str, Inventor]] = MappingProxyType(
    {
        "person": person,
        "organization": organization,
        "location": location,
        "email": email,
        "phone": phone,
        "address": address,
        "geo": coordinates,
        "date-of-birth": date,
        "card-number": card,
        "iban": iban,
        "ssn": social_security,
        "ip-address": ip_address,
        "mac-address": mac_address,
        **dict.fromkeys(("national-id", "passport", "driver-license", "account-number", "vehicle"), shaped),
    }
)
_ATTEMPTS = 40
_WORD = re.compile(r"[^\W_]+")
_MAX_VALUE = 2000  # characters; what is longer was not one value


class Surrogates:
    """The invented values of one trajectory. Not safe for concurrent use.

    A value becomes the same with the same seed and key, whatever stands around it and in whatever order; only where
    the invention is itself a real value of the trajectory the next one is taken. Without a key anybody who guesses a
    value can check the guess, so give the service's salt. Credentials keep their labels; kinds that have no good
    surrogate, and values that none fits, get numbered pseudonyms.
    """

    def __init__(self, seed: int = 0, key: str = "") -> None:
        self._key = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        self._seed = seed
        self._written: set[str] = set()
        self._real: set[str] = set()
        self._given: dict[tuple[str, str], str] = {}
        self._pseudonyms = Pseudonyms()

    def reserve(self, text: str) -> None:
        """Note the words of a text that could be real values, so that none of them is invented."""
        self._written.update(word for word in _WORD.findall(text) if not word.islower())
        self._pseudonyms.reserve(text)

    def introduce(self, kind: str, value: str) -> None:
        """Note a real value before the first replacement."""
        self._real.update(map(plain, _WORD.findall(value)))
        self._pseudonyms.introduce(kind, value)

    def replacement(self, span: Span, value: str) -> str:
        """An invented value; the label of the span for credentials and handles."""
        inventor = _INVENTORS.get(span.kind)
        if inventor is None or len(value) > _MAX_VALUE or has_placeholder(value):
            return self._pseudonyms.replacement(span, value)
        key = (span.kind, value)
        if key not in self._given:
            invented = inventor(value, _Draw(self, span.kind))
            if invented is None or self._repeats(invented, value, span.kind):
                return self._pseudonyms.replacement(span, value)
            self._given[key] = invented
        return self._given[key]

    def chance(self, kind: str, about: str, attempt: int) -> random.Random:
        """Numbers that depend on the seed, the key and the arguments."""
        return seeded(self._key, self._seed, kind, about, attempt)

    def is_free(self, invented: str) -> bool:
        """Whether no text of the trajectory can hold the invented value."""
        words = _WORD.findall(invented)
        return not all(word in self._written or plain(word) in self._real for word in words)

    def _repeats(self, invented: str, value: str, kind: str) -> bool:
        return normal(kind, invented) == normal(kind, value) or not self.is_free(invented)


class _Draw:
    """The chance for the parts of one value. Names are told apart by their words, whatever kind they occur in."""

    def __init__(self, surrogates: Surrogates, kind: str) -> None:
        self._surrogates = surrogates
        self._kind = "name" if kind in ("person", "email") else kind

    def chance(self, about: str) -> random.Random:
        return self._surrogates.chance(self._kind, about, 0)

    def choice(self, about: str, invent: Callable[[random.Random], str]) -> str:
        invented = ""
        for attempt in range(_ATTEMPTS):
            invented = invent(self._surrogates.chance(self._kind, about, attempt))
            if self._surrogates.is_free(invented) and plain(invented) not in plain(about).split():
                break
        return invented
