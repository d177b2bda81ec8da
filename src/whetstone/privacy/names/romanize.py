"""Writes Cyrillic, Greek, Devanagari, Arabic and Hangul with Latin letters, since the model knows names mostly in those.

The tables are coarse on purpose: what matters is that a name looks like its usual Latin spelling.
"""

from __future__ import annotations

import re
from typing import Final

_CYRILLIC: Final = dict(
    zip(
        "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґўђјљњћџёѓќѕ",
        [
            "a", "b", "v", "g", "d", "e", "zh", "z", "i", "y", "k", "l", "m", "n", "o", "p", "r", "s",
            "t", "u", "f", "kh", "ts", "ch", "sh", "shch", "_", "y", "_", "e", "yu", "ya", "i", "yi",
            "ye", "g", "u", "dj", "j", "lj", "nj", "c", "dz", "e", "g", "k", "dz",
        ],
        strict=True,
    )
)  # fmt: skip
_GREEK: Final = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",
        [
            "a", "v", "g", "d", "e", "z", "i", "th", "i", "k", "l", "m", "n", "x", "o", "p", "r", "s",
            "s", "t", "y", "f", "ch", "ps", "o", "a", "e", "i", "i", "o", "y", "o", "i", "y", "i", "y",
        ],
        strict=True,
    )
)  # fmt: skip
_DEVANAGARI: Final = dict(
    zip(
        "अआइईउऊऋएऐओऔकखगघङचछजझञटठडढणतथदधनपफबभमयरलवशषसहािीुूृेैोौंँः़्",
        [
            "a", "a", "i", "i", "u", "u", "ri", "e", "ai", "o", "au", "k", "kh", "g", "gh", "n", "ch",
            "chh", "j", "jh", "n", "t", "th", "d", "dh", "n", "t", "th", "d", "dh", "n", "p", "ph",
            "b", "bh", "m", "y", "r", "l", "v", "sh", "sh", "s", "h", "a", "i", "i", "u", "u", "ri",
            "e", "ai", "o", "au", "n", "n", "h", "_", "_",
        ],
        strict=True,
    )
)  # fmt: skip
_ARABIC: Final = dict(
    zip(
        "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةءأإآؤئپچژگکی",
        [
            "a", "b", "t", "th", "j", "h", "kh", "d", "dh", "r", "z", "s", "sh", "s", "d", "t", "z",
            "a", "gh", "f", "q", "k", "l", "m", "n", "h", "o", "i", "a", "a", "_", "a", "i", "a", "o",
            "i", "p", "ch", "j", "g", "k", "i",
        ],
        strict=True,
    )
)  # fmt: skip
_TABLES: Final = _CYRILLIC | _GREEK | _DEVANAGARI | _ARABIC
_LETTERS: Final = {letter: "" if latin == "_" else latin for letter, latin in _TABLES.items()}
_OTHER_SCRIPT: Final = re.compile(r"[\u0370-\u03ff\u0400-\u052f\u0600-\u06ff\u0900-\u097f\uac00-\ud7a3]")
_VOWELLESS: Final = frozenset("بتثجحخدذرزسشصضطظغفقكلمنهپچژگک")

# Hangul syllables are composed: 588 for each initial, 28 for each vowel.
_INITIALS: Final = [
    "g", "kk", "n", "d", "tt", "r", "m", "b", "pp", "s", "ss", "_", "j", "jj", "ch", "k", "t", "p",
    "h",
]  # fmt: skip
_MEDIALS: Final = [
    "a", "ae", "ya", "yae", "eo", "e", "yeo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo", "we",
    "wi", "yu", "eu", "ui", "i",
]  # fmt: skip
_FINALS: Final = [
    "_", "k", "k", "k", "n", "n", "n", "t", "l", "k", "m", "l", "l", "l", "p", "l", "m", "p", "p", "t",
    "t", "ng", "t", "t", "k", "t", "p", "t",
]  # fmt: skip
_FIRST_SYLLABLE: Final = 0xAC00
_CONSONANTS: Final = frozenset("कखगघङचछजझञटठडढणतथदधनपफबभमयरलवशषसह")


def needs_romanizing(text: str) -> bool:
    """Whether the text has letters of one of the three scripts."""
    return _OTHER_SCRIPT.search(text) is not None


def romanize(text: str) -> tuple[str, list[int]]:
    """The text in Latin letters, and for each of its characters the index of the one it came from."""
    parts: list[str] = []
    origins: list[int] = []
    for index, character in enumerate(text):
        latin = _latin(text, index, character)
        parts.append(latin)
        origins += [index] * len(latin)
    return "".join(parts), origins


def _latin(text: str, index: int, character: str) -> str:
    syllable = ord(character) - _FIRST_SYLLABLE
    if 0 <= syllable < len(_INITIALS) * 588:
        letters = (_INITIALS[syllable // 588], _MEDIALS[syllable % 588 // 28], _FINALS[syllable % 28])
        return "".join(letters).replace("_", "")
    latin = _LETTERS.get(character.lower(), character)
    if latin and character.isupper() and latin is not character:
        return latin.capitalize()
    following = text[index + 1 : index + 2]
    # Vowels that these scripts leave out.
    for consonants in (_CONSONANTS, _VOWELLESS):
        if character in consonants and following and following in consonants:
            return latin + "a"
    return latin
