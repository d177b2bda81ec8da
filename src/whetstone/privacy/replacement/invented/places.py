"""Places: postal addresses, towns and countries, coordinates."""

from __future__ import annotations

import random
import re
from functools import cache

from whetstone.privacy.replacement.invented.draw import Draw
from whetstone.privacy.replacement.invented.locales import LATIN, faker, locale_of
from whetstone.privacy.replacement.invented.numbers import shaped
from whetstone.privacy.replacement.normal import plain, words_of

_CODE = re.compile(r"(?=.*\d)[A-Z0-9][A-Z0-9 -]{1,9}\Z")
_BOX = re.compile(r"\s*p\.?\s?o\.?\s?box\b", re.IGNORECASE)
_TOWN_AND_CODE = re.compile(r"\s*[^\W\d_][^\d\n]*,?\s[A-Z]{2},?\s+\d{5}(?:-\d{4})?\s*\Z")
_COMMA = re.compile(r"(\s*[,;/]\s*|\s*\n\s*)")
_NUMBER = re.compile(r"(?P<whole>\d+)(?:\.(?P<part>\d+))?(?P<mark>\s?[°'′’\"″”])?")
_STATE = re.compile(r"\s*[A-Z]{2}\s*\Z")
_FAR = 4  # degrees that a coordinate moves at least


def address(value: str, draw: Draw) -> str | None:
    """An address of the same form: on as many lines, with or without town and code, or only one of its parts."""
    stripped = value.strip()
    locale = locale_of(value)
    if _CODE.match(stripped):
        return shaped(value, draw)
    if not any(map(str.isdigit, stripped)):
        return location(value, draw)
    about = f"address {' '.join(words_of(value))}"
    if locale != LATIN:
        return draw.choice(about, lambda chance: ", ".join(faker(locale, chance).address().split("\n")))
    return draw.choice(about, lambda chance: _cased(_western(stripped, chance), stripped))


def location(value: str, draw: Draw) -> str | None:
    """Towns for towns, countries for countries, part by part: `Rome, Italy` and `Rome` share theirs."""
    parts = _COMMA.split(value)
    invented = [
        part if index % 2 or not part.strip() else _place(part, draw) for index, part in enumerate(parts)
    ]
    return "".join(invented) if invented != parts else None


def coordinates(value: str, draw: Draw) -> str | None:
    """Every number moved far away, with as many digits; what stands between them stays."""
    degrees = "°" in value

    def moved(match: re.Match[str]) -> str:
        mark = (match["mark"] or "").strip() if degrees else ""
        limit = 59 if mark and mark != "°" else None
        about = f"coordinate {match['whole']}.{match['part'] or ''} {limit}"
        number = draw.choice(about, lambda chance: _moved(match["whole"], match["part"], limit, chance))
        return number + (match["mark"] or "")

    changed = _NUMBER.sub(moved, value)
    return changed if changed != value else None


def _western(value: str, chance: random.Random) -> str:
    fake = faker(LATIN, chance)
    town = f"{fake.city()}, {fake.state_abbr()} {fake.postcode()}"
    if _TOWN_AND_CODE.match(value):
        return town
    box = _BOX.match(value)
    street = (
        f"PO Box {chance.randrange(100, 10_000)}" if box else f"{fake.building_number()} {fake.street_name()}"
    )
    lines = value.count("\n") + 1
    if lines > 1:
        return "\n".join((street, *(fake.secondary_address() for _ in range(lines - 2)), town))
    return f"{street}, {town}" if "," in value else street


def _place(part: str, draw: Draw) -> str:
    locale = locale_of(part)
    form = plain(part).strip()
    if _STATE.match(part) and form not in _countries():
        return draw.choice(f"state {form}", lambda chance: faker(LATIN, chance).state_abbr())
    if locale == LATIN and form in _countries():
        return _cased(draw.choice(f"place {form}", lambda chance: faker(LATIN, chance).country()), part)
    if _CODE.match(part.strip()):
        return shaped(part, draw) or part
    return draw.choice(f"place {form}", lambda chance: _cased(faker(locale, chance).city(), part))


@cache
def _countries() -> frozenset[str]:
    from faker.providers.address.en import Provider

    return frozenset(map(plain, Provider.countries)) | {"usa", "uk", "us"}


def _moved(whole: str, part: str | None, limit: int | None, chance: random.Random) -> str:
    low, high = {1: (0, 9), 2: (10, 89)}.get(len(whole), (100, 179))
    if limit is not None:
        low, high = (0, 9) if len(whole) == 1 else (10, limit)
    candidates = [number for number in range(low, high + 1) if abs(number - int(whole)) >= _FAR]
    moved = str(chance.choice(candidates))
    if part is None:
        return moved
    # The last digit is no zero: numbers lose those.
    return f"{moved}.{''.join(str(chance.randrange(10)) for _ in part[1:])}{chance.randrange(1, 10)}"


def _cased(invented: str, like: str) -> str:
    letters = [character for character in like if character.isalpha()]
    if letters and like.upper() == like and len(letters) > 3:
        return invented.upper()
    return invented.lower() if like.lower() == like and letters else invented
