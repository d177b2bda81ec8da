"""Case: which letters count as one. One letter is compared with one letter: `ß` finds `ẞ`, but not `ss`.

ASCII letters have only each other, as SQLite's LIKE has it: `k` does not find the Kelvin sign.
"""

from __future__ import annotations

import re
from functools import cache

MAX_SEARCH = 1000
"""Characters of a search text; keeps patterns below SQLite's limit of 50,000 bytes."""

_LAST_CASED = 0x1E943  # the last letter that has a case, as of Unicode 16
# The index separates tokens by the unit separator, which therefore counts as the record separator in texts.
UNIT_SEPARATOR = "\x1f"
_RECORD_SEPARATOR = "\x1e"
# The only letters that `str.lower` turns into two, or into an ASCII letter.
_IRREGULAR = ("\u0130", "\u212a")


def case_variants(character: str) -> str:
    """All letters that differ from `character` in case only, with itself: `Σσς` for each of them."""
    return _families().get(character, character)


def fold(text: str) -> str:
    """`text` with each letter replaced by one representative of its case variants; its length stays."""
    folded = _fold_regular(text)
    return folded.replace(UNIT_SEPARATOR, _RECORD_SEPARATOR) if UNIT_SEPARATOR in folded else folded


def _fold_regular(text: str) -> str:
    if text.isascii():
        return text.lower()
    if any(letter in text for letter in _IRREGULAR):
        parts = re.split(f"([{''.join(_IRREGULAR)}])", text)
        return "".join(part if part in _IRREGULAR else _fold_regular(part) for part in parts)
    exceptions, table = _exceptions()
    return exceptions.sub(lambda found: table[found[0]], text.lower())


@cache
def _families() -> dict[str, str]:
    """Each letter that has case variants, and the string of them in the order of their code points."""
    by_folded: dict[str, list[str]] = {}
    for code in range(128, _LAST_CASED + 1):
        character = chr(code)
        if not 0xD800 <= code <= 0xDFFF:
            by_folded.setdefault(character.casefold(), []).append(character)
    families = {
        letter: "".join(family) for family in by_folded.values() if len(family) > 1 for letter in family
    }
    for code in range(ord("a"), ord("z") + 1):
        families[chr(code)] = families[chr(code).upper()] = chr(code).upper() + chr(code)
    separators = _RECORD_SEPARATOR + UNIT_SEPARATOR
    return families | dict.fromkeys(separators, separators)


@cache
def _exceptions() -> tuple[re.Pattern[str], dict[str, str]]:
    """Letters that `str.lower` leaves as they are, but whose family has another representative."""
    table = {}
    for letter, family in _families().items():
        lowered = letter.lower()
        representative = next(each for each in family if each.lower() == each)
        if lowered != representative:
            table[lowered] = representative
    return re.compile(f"[{''.join(sorted(table))}]"), table
