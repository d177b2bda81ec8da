"""Words of a text, and what the characters around a stretch say: part of a name, of an identifier, of prose."""

from __future__ import annotations

import re
from typing import Final

from whetstone.privacy.names.lexicon import words

WORD: Final = re.compile(r"[^\W\d_](?:[\w]|['’.-](?=[^\W\d_])|[\u0300-\u036f\u0900-\u097f])*")
_NAME_CHARACTERS = frozenset("'’-")
_CODE_BEFORE = frozenset("_$@/\\#%&=<|~^")
_CODE_AFTER = frozenset("_/\\(=@$|~^[{")
_SYMBOLS = re.compile(r"[{}\[\]<>=;_|\\/`$#*+~^&@]")
_ENGLISH = frozenset(
    [
        "the", "a", "an", "is", "are", "was", "were", "to", "of", "and", "in", "for", "with", "that", "this", "my",
        "i", "you", "he", "she", "it", "we", "they", "his", "her", "your", "our", "on", "at", "from", "has",
        "have", "will", "be", "by", "not", "do", "can", "as", "who", "said",
    ]
)  # fmt: skip
_MIN_PROSE_WORDS = 4
_MAX_NEAR = 1000
_MAX_SYMBOLS = 0.03
_MIN_FUNCTION_WORDS = 0.1


def expand(text: str, start: int, end: int) -> tuple[int, int]:
    """The stretch grown to whole words, and shrunk by the punctuation and white space at its ends."""
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum() and not _is_mark(text[end - 1]):
        end -= 1
    while start > 0 and _inside(text, start):
        start -= 1
    while end < len(text) and _inside(text, end):
        end += 1
    return start, end


def _is_mark(character: str) -> bool:
    return "\u0300" <= character <= "\u036f" or "\u0900" <= character <= "\u097f"


def _inside(text: str, index: int) -> bool:
    """Whether a word runs over the border before `text[index]`."""
    before, after = text[index - 1], text[index]
    if after in _NAME_CHARACTERS:
        return (
            before.isalpha()
            and index + 1 < len(text)
            and text[index + 1].isalpha()
            and not _is_possessive(text, index)
        )
    if before in _NAME_CHARACTERS:
        return (
            after.isalpha()
            and index > 1
            and text[index - 2].isalpha()
            and not _is_possessive(text, index - 1)
        )
    return (before.isalnum() or _is_mark(before)) and (after.isalnum() or _is_mark(after))


def _is_possessive(text: str, index: int) -> bool:
    """Whether the apostrophe there begins `'s`, `'ll`, `'d` …: the end of a name."""
    if text[index] not in "'’":
        return False
    tail = WORD.match(text, index + 1)
    return tail is not None and tail[0].lower() in ("s", "ll", "d", "ve", "re", "m", "t")


def in_code(text: str, start: int, end: int) -> bool:
    """Whether the stretch is glued to characters that names are not glued to: part of a path, a call, an id."""
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    if before in _CODE_BEFORE and not (before in "=>" or text[max(0, start - 2) : start] in ("\\n", "\\t")):
        return True
    if after in _CODE_AFTER or before.isdigit() or after.isdigit():
        return True
    if before == "." and start > 1 and (text[start - 2].isalnum() or text[start - 2] in ")]"):
        return True
    if before == "-" and start > 1 and (text[start - 2].isalnum() or text[start - 2] == "-"):
        return True
    dotted = after in ".:-" and end + 1 < len(text) and (text[end + 1].isalnum() or text[end + 1] in "_/:-")
    return dotted and not (after == "." and text[end + 1].isupper())


def is_name_word(word: str) -> bool:
    """Whether a capitalised word may be part of a name, by itself: not one of the ordinary or public ones."""
    folded = word.casefold().rstrip(".")
    if folded in words("names that are words"):
        return True
    return folded not in words("ordinary") and folded not in words("not private")


def line_around(text: str, start: int, end: int | None = None) -> str:
    """The line, or lines, that hold the stretch; of a very long line what is near."""
    end = start if end is None else end
    low, high = max(0, start - _MAX_NEAR), min(len(text), end + _MAX_NEAR)
    first = max(low, text.rfind("\n", low, start) + 1)
    last = text.find("\n", end, high)
    return text[first : last if last >= 0 else high]


def is_prose(line: str) -> bool:
    """Whether a line is English running text: words enough, common ones among them, hardly any symbols."""
    found = [word.lower() for word in re.findall(r"[^\W\d_]+", line)]
    if len(found) < _MIN_PROSE_WORDS or len(_SYMBOLS.findall(line)) > _MAX_SYMBOLS * len(line):
        return False
    return sum(word in _ENGLISH for word in found) >= _MIN_FUNCTION_WORDS * len(found)
