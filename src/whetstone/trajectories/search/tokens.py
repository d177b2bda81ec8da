r"""Texts as tokens, without loss: a literal substring is a run of tokens whose ends may lie inside a token.

A token is a word, or all that stands between two words. A single space between two words is implied by the
absence of a token. In scripts without spaces each character is a word. In JSON an escape (`\n`) belongs to what
stands between words, so that the words of a string are whole there too.

Kinds of tokens can be told by their first character, and a run of tokens by itself says where its spaces are: two
words have one between them unless one of them is a character of a script without spaces.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from functools import cache

from whetstone.trajectories.search.letters import UNIT_SEPARATOR

SEPARATOR = UNIT_SEPARATOR
"""Stands between two tokens. No folded text holds it."""

BOUNDARY = "_|_"
"""Stands between two texts. No tokenizing yields it: words and what is between them are never one token."""

MAX_TOKEN = 480
"""Characters of a token that are indexed as they are; a lexeme of PostgreSQL has at most 2,046 bytes."""

_DIGEST_MARK = "._"
_FindAll = Callable[[str], list[str]]

# Thai, Lao, Tibetan, Myanmar, Khmer, New Tai Lue, Tai Tham, kana, Bopomofo, Han, Yi, Javanese, Tai Viet, …
_SOLO = (
    (0x0E00, 0x0EFF),
    (0x0F00, 0x0FFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x1950, 0x19DF),
    (0x1A20, 0x1AAF),
    (0x2E80, 0x2FDF),
    (0x3005, 0x3007),
    (0x3021, 0x30FF),
    (0x3100, 0x312F),
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xA000, 0xA4CF),
    (0xA980, 0xA9DF),
    (0xA9E0, 0xA9FF),
    (0xAA60, 0xAADF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x1B000, 0x1B16F),
    (0x20000, 0x3FFFF),
)
# Beyond the basic plane the words are told roughly, because a character class of many ranges there is slow:
# historic scripts, mathematical letters, minority scripts, digits, variation selectors.
_ASTRAL_WORDS = (
    (0x10000, 0x1AFFF),
    (0x1B170, 0x1CFFF),
    (0x1D400, 0x1D7FF),
    (0x1DF00, 0x1EFFF),
    (0x1FBF0, 0x1FBF9),
    (0xE0100, 0xE01EF),
)
_ESCAPE = r"\\(?:u[0-9a-f]{0,4}|[^u])?"


def tokenize(folded: str, *, json: bool = False) -> list[str]:
    """The tokens of a folded text, or of the folded text of a JSON value."""
    if folded.isascii():
        return _ASCII_JSON(folded) if json else _ASCII(folded)
    return _patterns()[json](folded)


def is_word(token: str) -> bool:
    """Whether `token` is a word of a script with spaces, rather than a lone character or something between words."""
    return bool(_word().match(token))


def is_solo(token: str) -> bool:
    """Whether `token` is a character of a script without spaces."""
    return bool(_solo().match(token))


def indexed(token: str) -> str:
    """The form in which a token is indexed: a long one by its beginning and its digest."""
    if len(token) <= MAX_TOKEN:
        return token
    digest = hashlib.sha256(token.encode()).hexdigest()[:32]
    return token[:MAX_TOKEN] + _DIGEST_MARK + digest


def continue_between(folded: str) -> str:
    """The beginning of a folded text that belongs to a token of JSON that began before and is no word."""
    found = _between_json()(folded)
    return found[0] if found else ""


def boundary_before(text: str, limit: int) -> int:
    """The last place at or before `limit`, but at most a few thousand characters back, where a token surely starts.

    0 where there is none. `text` need not be folded.
    """
    last = 0
    for found in _start().finditer(text, max(0, limit - 4000), limit + 1):
        last = found.start()
    return last


def _between(word: str, solo: str) -> str:
    return rf"(?:[^{word}{solo}\\]|{_ESCAPE})+"


def _compile(word: str, solo: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns of all tokens: in plain text, and in JSON."""
    words = f"[{solo}]|[{word}]+" if solo else f"[{word}]+"
    # A space is skipped, as implied, where neither of the two last alternatives takes it.
    implied = f"(?! [{word}])"
    lone = f"(?<![{word}]) "
    between = f"[^{word}{solo}]+"
    between_json = _between(word, solo)
    return (
        re.compile(f"{words}|{implied}{between}|{lone}", re.DOTALL),
        re.compile(f"{words}|{implied}{between_json}|{lone}", re.DOTALL),
    )


_ASCII, _ASCII_JSON = (pattern.findall for pattern in _compile("0-9A-Za-z_", ""))


@cache
def _patterns() -> tuple[_FindAll, _FindAll]:
    plain, json = _compile(_word_class(), _solo_class())
    return plain.findall, json.findall


@cache
def _between_json() -> Callable[[str], re.Match[str] | None]:
    return re.compile(_between(_word_class(), _solo_class()), re.DOTALL).match


@cache
def _word() -> re.Pattern[str]:
    return re.compile(f"[{_word_class()}]")


@cache
def _solo() -> re.Pattern[str]:
    return re.compile(f"[{_solo_class()}]")


@cache
def _start() -> re.Pattern[str]:
    return re.compile(rf"(?<= )[{_word_class()}]|[{_solo_class()}]")


@cache
def _solo_class() -> str:
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in _SOLO)


@cache
def _word_class() -> str:
    """Letters, digits, the underscore and marks, as ranges of a character class; without the lone characters."""
    lone = {code for first, last in _SOLO if first <= 0xFFFF for code in range(first, last + 1)}
    ranges: list[tuple[int, int]] = []
    for code in range(0x10000):
        character = chr(code)
        if code in lone or not (
            character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")
        ):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in (*ranges, *_ASTRAL_WORDS))
