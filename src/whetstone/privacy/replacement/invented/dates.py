"""Dates of birth: some years and months away, written the same way."""

from __future__ import annotations

import random
import re
from typing import Final

from whetstone.privacy.replacement.invented.draw import Draw
from whetstone.privacy.replacement.normal import plain

_FIELD = re.compile(r"\d+|[^\W\d_]+")
_MONTHS: Final = tuple(
    tuple(language.split())
    for language in (
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "januar februar marz april mai juni juli august september oktober november dezember",
        "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro",
        "janv fevr mars avr mai juin juil aout sept oct nov dec",
        "ene feb mar abr may jun jul ago sep oct nov dic",
        "januari februari maart april mei juni juli augustus september oktober november december",
    )
)
_MONTHS_OF_A_YEAR = 12
_LAST_DAY = 31
_SAFE_DAY = 28  # there in every month
_MAX_SHIFT = 9  # years


def date(value: str, draw: Draw) -> str | None:
    """Another date in the same format. The order of day and month is not guessed: the new one is right in both."""
    fields = [match for match in _FIELD.finditer(value) if match[0].isdigit() or _month(match[0])]
    numbers = [match[0] for match in fields if match[0].isdigit()]
    if not numbers or not "".join(numbers).isascii():
        return None
    about = f"date {' '.join(plain(match[0]) for match in fields)}"
    return draw.choice(about, lambda chance: _written(value, fields[:3], chance))


def _written(value: str, fields: list[re.Match[str]], chance: random.Random) -> str:
    named = any(not field[0].isdigit() for field in fields)
    small = [field for field in fields if field[0].isdigit() and len(field[0]) <= 2]
    if len(small) == (2 if named else 3):  # one is a year of two digits: the last, if the first can be a day
        del small[0 if int(small[0][0]) > _LAST_DAY else -1]
    parts: list[str] = []
    position = 0
    for field in fields:
        parts.append(value[position : field.start()])
        text = field[0]
        if not text.isdigit():
            parts.append(_other_month(text, chance))
        elif field in small:
            is_day = named or int(text) > _MONTHS_OF_A_YEAR
            parts.append(_small(text, _SAFE_DAY if is_day else _MONTHS_OF_A_YEAR, chance))
        else:
            parts.append(_years(text, chance))
        position = field.end()
    return "".join((*parts, value[position:]))


def _small(text: str, highest: int, chance: random.Random) -> str:
    """A day or month with as many digits."""
    if len(text) == 1:
        return str(chance.randrange(1, 10))
    lowest = 1 if text[0] == "0" else 10
    return f"{chance.randrange(lowest, highest + 1):02d}"


def _years(text: str, chance: random.Random) -> str:
    """A year of two or four digits, or a whole date of eight, moved by some years."""
    shift = chance.choice([*range(-_MAX_SHIFT, 0), *range(1, _MAX_SHIFT + 1)])
    if len(text) == 8:
        year, rest = text[:4], f"{chance.randrange(1, 13):02d}{chance.randrange(1, 13):02d}"
    else:
        year, rest = text, ""
    size = 10 ** len(year)
    return f"{(int(year) + shift) % size:0{len(year)}d}{rest}"


def _month(word: str) -> tuple[str, ...] | None:
    form = plain(word)
    return next((names for names in _MONTHS if form in names), None)


def _other_month(word: str, chance: random.Random) -> str:
    names = _month(word) or (word,)
    name = chance.choice([each for each in names if each != plain(word)] or [word])
    if word.isupper():
        return name.upper()
    return name if word.islower() else name.capitalize()
