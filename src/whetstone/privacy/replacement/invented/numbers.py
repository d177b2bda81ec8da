"""Numbers of cards, accounts and documents: the same shape, checksums where software asks for them, nobody's own."""

from __future__ import annotations

import random
import string
from typing import Final

from stdnum import luhn

from whetstone.privacy.replacement.invented.draw import Draw, poured

# Ranges from which processors of payments take their test cards, by the digits with which a real one begins.
_TEST_CARDS: Final = (
    ("34", "378282"), ("37", "378282"), ("35", "356600"), ("36", "362272"), ("30", "305693"), ("38", "305693"),
    ("62", "620000"), ("5018", "501800"), ("5", "555555"), ("2", "222300"), ("6", "601100"), ("", "400000"),
)  # fmt: skip
_SHORTEST_CARD = 12
_NEVER_ISSUED_AREA = "666"  # of US social security numbers


def shaped(value: str, draw: Draw) -> str | None:
    """Other digits for digits and other letters for letters."""
    clean = "".join(character for character in value if character.isalnum())
    if not clean.isascii() or not clean:
        return None
    return draw.choice(f"shape {clean.lower()}", lambda chance: _other(value, chance))


def card(value: str, draw: Draw) -> str | None:
    """A number of the same length from a range of test cards that passes the Luhn check; short ones keep their shape."""
    digits = "".join(filter(str.isdigit, value))
    if len(digits) < _SHORTEST_CARD or not digits.isascii():
        return shaped(value, draw)
    prefix = next(test for start, test in _TEST_CARDS if digits.startswith(start))

    def invent(chance: random.Random) -> str:
        body = prefix + "".join(str(chance.randrange(10)) for _ in range(len(digits) - len(prefix) - 1))
        return poured(body + luhn.calc_check_digit(body), value)

    return draw.choice(f"card {digits}", invent)


def iban(value: str, draw: Draw) -> str | None:
    """An account with a right checksum at a bank of the same country that does not exist."""
    clean = "".join(filter(str.isalnum, value))
    country, body = clean[:2].upper(), clean[4:]
    if not (clean.isascii() and country.isalpha() and len(body) > 4):
        return shaped(value, draw)

    def invent(chance: random.Random) -> str:
        bank = "".join("0" if character.isdigit() else "X" for character in body[:4])
        account = bank + _other(body[4:].upper(), chance)
        number = int("".join(str(int(character, 36)) for character in f"{account}{country}00"))
        return poured(f"{country}{98 - number % 97:02d}{account}", value)

    return draw.choice(f"iban {clean.upper()}", invent)


def social_security(value: str, draw: Draw) -> str | None:
    """A US number with an area that is never issued."""
    digits = "".join(filter(str.isdigit, value))
    if len(digits) != 9:
        return shaped(value, draw)
    return draw.choice(
        f"ssn {digits}",
        lambda chance: _poured_digits(
            f"{_NEVER_ISSUED_AREA}{chance.randrange(1, 100):02d}{chance.randrange(1, 10_000):04d}", value
        ),
    )


def _other(value: str, chance: random.Random) -> str:
    """Nothing of the value stays but its shape, and whether it begins with a zero."""
    first = next((character for character in value if character.isalnum()), "")
    other = "".join(_other_character(character, chance) for character in value)
    if not first.isdigit():
        return other
    position = value.index(first)
    leading = "0" if first == "0" else chance.choice(string.digits[1:])
    return other[:position] + leading + other[position + 1 :]


def _other_character(character: str, chance: random.Random) -> str:
    if character.isdigit():
        return chance.choice(string.digits)
    if character.isalpha():
        return chance.choice(string.ascii_uppercase if character.isupper() else string.ascii_lowercase)
    return character


def _poured_digits(digits: str, places: str) -> str:
    ahead = iter(digits)
    return "".join(next(ahead, character) if character.isdigit() else character for character in places)
