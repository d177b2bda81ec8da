"""Chance that depends on what it is asked about, and on nothing else."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Protocol


class Draw(Protocol):
    """A source of chance for one part of a value, and the judgement whether an invented part may be used."""

    def chance(self, about: str) -> random.Random:
        """The same numbers for the same text."""

    def choice(self, about: str, invent: Callable[[random.Random], str]) -> str:
        """The first invention about a text that is no real value of the trajectory."""


def seeded(key: bytes, *parts: object) -> random.Random:
    """Random numbers that are a keyed function of the parts."""
    digest = hashlib.blake2b(key=key, digest_size=16)
    for part in parts:
        encoded = str(part).encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return random.Random(int.from_bytes(digest.digest(), "big"))


def poured(digits: str, places: str) -> str:
    """A text with its letters and digits replaced, one by one; what stands between them stays."""
    ahead = iter(digits)
    return "".join(next(ahead, character) if character.isalnum() else character for character in places)
