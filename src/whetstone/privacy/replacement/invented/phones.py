"""Phone numbers that ring nowhere: from ranges kept for films and books, else such as no plan of numbers assigns."""

from __future__ import annotations

import random
import re
from typing import Final

import phonenumbers

from whetstone.privacy.replacement.invented.draw import Draw

_EXTENSION = re.compile(r"(?:,?\s?(?:x|ext\.?|extension)\s?)(\d{1,6})\s*\Z", re.IGNORECASE)
_PLUS = re.compile(r"\D*[+＋]")
_AREAS: Final = ("202", "212", "303", "312", "404", "415", "512", "617", "702", "713", "808", "916")
# National digits kept free of subscribers; `#` is any digit. Sources: Ofcom, Arcep and ACMA, numbers for drama use.
_DRAMA: Final = {
    ("44", 10, "7"): ("7700900###",),
    ("44", 10, ""): ("1632960###", "2079460###"),
    ("33", 9, "6"): ("63998####",),
    ("33", 9, "7"): ("63998####",),
    ("33", 9, ""): ("19900####", "26191####", "35301####", "46571####", "53649####"),
    ("61", 9, ""): ("25550####", "35550####", "75550####", "85550####"),
}
_REGIONS: Final = (
    "US", "GB", "DE", "FR", "ES", "IT", "NL", "AU", "IN", "BR", "JP", "CN", "CH", "AT", "PL", "SE", "MX", "ZA",
)  # fmt: skip
_ATTEMPTS = 60


def phone(value: str, draw: Draw) -> str | None:
    """Another number of the same country, length and grouping."""
    extension = _EXTENSION.search(value)
    main = value[: extension.start()] if extension else value
    digits = "".join(character for character in main if character.isdigit())
    if len(digits) < 5 or not digits.isascii():
        return None
    national = _PLUS.match(main) is None
    about = f"phone {digits}"
    try:
        return draw.choice(about, lambda chance: _filled(value, _number(digits, national, chance), chance))
    except _NoneFreeError:
        return None


class _NoneFreeError(Exception):
    """Every number that was tried may have a subscriber."""


def _number(digits: str, national: bool, chance: random.Random) -> str:
    if national:
        return _national(digits, chance)
    if digits.startswith("1") and len(digits) == 11:
        return "1" + _north_american(chance)
    code = _country_code(digits)
    rest = digits[len(code) :]
    for (country, length, start), patterns in _DRAMA.items():
        if (country, length) == (code, len(rest)) and rest.startswith(start):
            return code + _drawn(chance.choice(patterns), chance)
    return _unassigned(code, len(rest), chance, national=False)


def _national(digits: str, chance: random.Random) -> str:
    if len(digits) == 7:
        return f"55501{chance.randrange(100):02d}"
    if len(digits) == 10 and digits[0] != "0":
        return _north_american(chance)
    if len(digits) == 11 and digits[0] == "1":
        return "1" + _north_american(chance)
    if digits[0] == "0" and len(digits) == 11:
        return "0" + _drawn(chance.choice(_DRAMA["44", 10, "7" if digits[1] == "7" else ""]), chance)
    if digits[0] == "0" and len(digits) == 10 and digits[1] in "1234567":
        return "0" + _drawn(chance.choice(_DRAMA["33", 9, "6" if digits[1] in "67" else ""]), chance)
    kept = "0" * (len(digits) - len(digits.lstrip("0")))
    return _unassigned(kept, len(digits) - len(kept), chance, national=True)


def _north_american(chance: random.Random) -> str:
    return f"{chance.choice(_AREAS)}55501{chance.randrange(100):02d}"


def _country_code(digits: str) -> str:
    return next(
        (digits[:n] for n in (1, 2, 3) if int(digits[:n]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE),
        digits[:2],
    )


def _unassigned(kept: str, length: int, chance: random.Random, *, national: bool) -> str:
    for _ in range(_ATTEMPTS):
        number = (
            kept
            + str(chance.randrange(1, 10))
            + "".join(str(chance.randrange(10)) for _ in range(length - 1))
        )
        if not any(_is_valid(number, region) for region in (_REGIONS if national else (None,))):
            return number
    raise _NoneFreeError


def _is_valid(number: str, region: str | None) -> bool:
    try:
        parsed = phonenumbers.parse(number if region else f"+{number}", region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(parsed)


def _drawn(pattern: str, chance: random.Random) -> str:
    return "".join(str(chance.randrange(10)) if character == "#" else character for character in pattern)


def _filled(value: str, digits: str, chance: random.Random) -> str:
    """The value with these digits, and any for its extension."""
    ahead = iter(digits)
    return "".join(
        next(ahead, None) or str(chance.randrange(10)) if character.isdigit() else character
        for character in value
    )
