"""Whether a value looks random: what a machine made up, against names, paths and words that people choose."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise
from typing import Final

from whetstone.privacy.detectors.credentials.tokens import made_of_words

_NAMES_OF_THINGS: Final = re.compile(
    r"(?:[a-z]{2,}\d{0,3}|\d{1,4}|v\d+|[A-Z]+\d{0,2})(?:[-_./:](?:[a-z]{1,}\d{0,3}|\d{1,4}|[A-Z]+\d{0,2}))*\Z"
)
_HEX: Final = re.compile(r"(?:0x)?[0-9a-fA-F]+\Z")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_BEGINNINGS_OF_PATHS: Final = ("./", "../", "~/", "http://", "https://", "s3://", "arn:", "projects/", "C:\\")
_ENDS_OF_PATHS: Final = (
    ".json", ".pem", ".key", ".txt", ".py", ".yaml", ".yml", ".crt", ".env", ".p12", ".pub",
)  # fmt: skip
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}\Z")
# A path is made of words; random base64 of 40 characters has so many small letters in a row once in a hundred times.
_LONG_WORD: Final = re.compile(r"[a-z]{8}")
_MIN_RANDOM: Final = 20
_MIN_SCRAMBLED: Final = 10
_SYNTAX: Final = frozenset(" ()[]{}<>$,;:/.\\")
_MIN_ENTROPY: Final = 3.5
_MIN_HEX_ENTROPY: Final = 3.0


def is_random(value: str) -> bool:
    """Whether a value is of high entropy.

    At least 20 characters of one word with letters and digits: hexadecimal with 3.0 bits a character, else 3.5 bits
    and letters in both cases or a third of digits and signs. Random base64 of 20 characters has 4.1 bits on average
    and identifiers of programs have below 3.5 or lack the digits.
    """
    if len(value) < _MIN_RANDOM or " " in value or is_uuid(value) or is_path(value):
        return False
    digits = sum(map(str.isdigit, value))
    if digits < 2 or not any(map(str.isalpha, value)):
        return (
            len(value) >= 32
            and value.isalpha()
            and not value.islower()
            and entropy(value) > 4.0
            and not made_of_words(value)
        )
    if _HEX.match(value):
        return len(value) >= 24 and entropy(value) >= _MIN_HEX_ENTROPY
    return (
        entropy(value) >= _MIN_ENTROPY
        and (_in_both_cases(value) or 3 * digits >= len(value))
        and not is_name_of_thing(value)
    )


def is_scrambled(value: str) -> bool:
    """Whether capitals and small letters change as often as in a generated password, not once a word.

    Random letters change every other time, identifiers in camel case every fourth time at most.
    """
    if len(value) < _MIN_SCRAMBLED or not _SYNTAX.isdisjoint(value):
        return False
    letters = [character.isupper() for character in value if character.isalpha()]
    changes = sum(left != right for left, right in pairwise(letters))
    return changes >= 3 and 4 * changes >= len(value)


def is_name_of_thing(value: str) -> bool:
    """Whether a value is a name such as `users-table-2` or `v1/models`."""
    return _NAMES_OF_THINGS.match(value) is not None


def is_uuid(value: str) -> bool:
    """Whether a value is a UUID, which names things and seldom opens them."""
    return _UUID.match(value) is not None


def is_path(value: str) -> bool:
    """Whether a value is the path or the address of a file; base64 may begin with a slash too."""
    if value.startswith(_BEGINNINGS_OF_PATHS) or value.endswith(_ENDS_OF_PATHS):
        return True
    return value.startswith("/") and not (
        _BASE64.match(value) is not None
        and sum(map(str.isdigit, value)) >= 2
        and _in_both_cases(value)
        and _LONG_WORD.search(value) is None
    )


def entropy(value: str) -> float:
    """Shannon entropy in bits a character."""
    length = len(value)
    return -sum(count / length * math.log2(count / length) for count in Counter(value).values())


def _in_both_cases(value: str) -> bool:
    return any(map(str.isupper, value)) and any(map(str.islower, value))
