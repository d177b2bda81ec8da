"""Names that a phrase introduces: "my name is …", "Dear …", "Regards,\\n…", "Dr. …", "Reviewed-by: …".

Rules only; they work in any case and in many languages, and where the models are not installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from whetstone.privacy.detectors.spans import Order, Span, Tier
from whetstone.privacy.names.introductions import (
    CLOSING,
    FIELD,
    JAVADOC,
    LIKELY,
    PHRASES,
    RELATIVE,
    SALUTATION,
    SPELLED,
    TITLE,
    TOLD,
)
from whetstone.privacy.names.lexicon import is_public, words
from whetstone.privacy.names.scripts import foreign_names
from whetstone.privacy.replacement.placeholders import label

_START = re.compile(r"[^\W\d_]+")
_LETTER = re.compile(r"[^\W\d_]")
_MAX_INDENT: Final = 10
_MIN_SPELLED: Final = 3
_TITLES: Final = frozenset(["mr", "mrs", "ms", "mx", "dr", "prof", "miss", "herr", "frau", "mme", "sir"])
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’-](?=[^\W\d_])|[\u0300-\u036f])*")
_INITIAL = re.compile(r"[^\W\d_]\.[ \t]?")
_GAP = re.compile(r"[ \t]{1,2}")
_MAX_WORDS: Final = 4
_FIELD_END = re.compile(r"[ \t]*(?:$|[<(,;|\"'\n[—–-]|\*\*|@)", re.MULTILINE)
# As airlines write passengers: `ROSSI/MEI ANNA MRS`.
_ON_TICKETS = re.compile(
    r"(?<![\w/.-])(?P<name>[A-Z]{2,30}/[A-Z]{3,30}(?: [A-Z]{2,20}){0,2}?) ?(?:MR|MRS|MS|MISS|MSTR|CHD|INF)(?![\w/-])"
)
_MAX_LIST: Final = 20


@dataclass(frozen=True, slots=True)
class PhraseDetector:
    """Persons that a phrase, a title, a greeting, a signature or a field introduces."""

    kind: str = "person"
    replacement: str = label("person")

    def find(self, text: str) -> Iterator[Span]:
        """The names, without what introduces them."""
        for start, end in _places(text):
            if not is_public(text[start:end]) or text[start:end].casefold() in words("given names"):
                yield Span(start, end, self.kind, self.replacement, Order.PERSON, 0, Tier.NAMES)


def _places(text: str) -> Iterator[tuple[int, int]]:
    for word in _START.finditer(text):
        patterns = PHRASES.get(word[0]) or PHRASES.get(word[0].lower())
        if patterns is not None:
            for pattern in patterns:
                yield from _introduced(text, pattern, word.start())
    yield from foreign_names(text)
    if "/" in text:
        for match in _ON_TICKETS.finditer(text):
            if words("ordinary").isdisjoint(re.split(r"[ /]", match["name"].casefold())):
                yield match.span("name")


def _introduced(text: str, pattern: re.Pattern[str], position: int) -> Iterator[tuple[int, int]]:
    """The names that a phrase introduces, if it begins there."""
    if pattern is FIELD:
        position = _line_start(text, position)
    match = pattern.match(text, position) if position >= 0 else None
    if match is None:
        return
    if pattern is TOLD:
        yield from _name(text, match.end(), lower=True)
    elif pattern is LIKELY:
        yield from _likely(text, match)
    elif pattern is TITLE:
        yield from _titled(text, match.end())
    elif pattern is CLOSING:
        yield from _whole_line(text, match.end())
    elif pattern is FIELD:
        yield from _list(text, match.end())
    elif pattern is JAVADOC:
        if text[position - 1 : position] == "@":
            yield from _name(text, match.end())
    elif pattern is SPELLED:
        if _is_spelled(match["name"]):
            yield match.span("name")
    elif match["name"].casefold() in words("given names") or match["name"].istitle():
        yield match.span("name")


def _line_start(text: str, position: int) -> int:
    """Start of the line, if the word is the first of it; else a negative number."""
    start = text.rfind("\n", max(0, position - _MAX_INDENT), position) + 1
    return start if start or position < _MAX_INDENT else -1


def _is_spelled(letters: str) -> bool:
    """Whether the letters are all capitals, or joined by hyphens or dots, or many: `a b c` may be anything."""
    found = _LETTER.findall(letters)
    joints = set(_LETTER.sub("", letters))
    return "".join(found).isupper() or (len(joints) == 1 and joints != {" "}) or len(found) > _MIN_SPELLED


def _titled(text: str, position: int) -> Iterator[tuple[int, int]]:
    following = _WORD.match(text, position)
    if following is None or following[0].casefold() not in _TITLES:
        yield from _name(text, position, ordinary=True)


def _likely(text: str, match: re.Match[str]) -> Iterator[tuple[int, int]]:
    salutation = SALUTATION.fullmatch(match[0]) is not None
    for start, end in _name(text, match.end(), given=True):
        first = text[start:end].split()[0].casefold()
        several = " " in text[start:end]
        closed = salutation and text[end : end + 1] in (",", "!", ":", "\n", ".", "")
        known = first in words("given names")
        sentence = text[match.start()].isupper() or salutation
        if (
            known
            or closed
            or (several and not sentence)
            or (not salutation and match[0].lower().startswith(("my ", "cc", "attn", "spoke", "call")))
            or (text[start].isupper() and RELATIVE.fullmatch(match[0]) is not None)
        ):
            yield start, end


def _name(
    text: str, position: int, *, lower: bool = False, given: bool = False, ordinary: bool = False
) -> Iterator[tuple[int, int]]:
    """The name that begins there, if one does.

    `lower`: one or two words in lower case are a name, too; `given`: in lower case only a common given name is;
    `ordinary`: even an ordinary word is, if it is capitalised.
    """
    start = end = position
    for count in range(_MAX_WORDS):
        initial = _INITIAL.match(text, position)
        word = initial if initial is not None and initial[0][0].isupper() else _WORD.match(text, position)
        if word is None or not _accepts(word[0], count, lower=lower, given=given, ordinary=ordinary):
            break
        if word is not initial or count == 0:
            end = word.end()
        if word is not initial and word[0].casefold() in words("particles") and count:
            end = start if end == start else end
        position = word.end()
        gap = _GAP.match(text, position)
        if gap is None and word is not initial:
            break
        position = gap.end() if gap is not None else position
    end = _without_possessive(text, start, end)
    value = text[start:end].strip(" .")
    if len(value) > 1 and value.casefold() not in words("particles"):
        yield start, start + len(text[start:end].rstrip(" ."))


def _accepts(word: str, count: int, *, lower: bool, given: bool, ordinary: bool) -> bool:
    folded = word.rstrip(". ").casefold()
    if folded.endswith(("'m", "’m", "'ve", "’ve", "'ll", "’ll", "'re", "’re")):
        return False
    if folded in words("particles") and (count or not given):
        return True
    everyday = folded in words("ordinary") or (
        folded in words("not private") and folded not in words("given names")
    )
    if word[0].isupper() or not word[0].islower():
        return (
            not everyday
            or (ordinary and count == 0)
            or (folded in words("names that are words") and not word.islower())
        )
    if everyday or "'" in word or "’" in word:
        return False
    if given and count == 0:
        return folded in words("given names")
    told = lower and count < 2 and folded not in words("brands")
    return told and not folded.endswith(("ing", "ed", "ly"))


def _without_possessive(text: str, start: int, end: int) -> int:
    return end - 2 if text[start:end].lower().endswith(("'s", "’s")) else end


def _whole_line(text: str, position: int) -> Iterator[tuple[int, int]]:
    """A name that is alone on its line, be it with an ordinary word for a surname."""
    for start, end in _name(text, position, lower=True, ordinary=True):
        rest = re.compile(r"[ \t]*(?:,[^\n]{0,40})?(?:\n|\Z)").match(text, end)
        if rest is not None:
            yield start, end


def _list(text: str, position: int) -> Iterator[tuple[int, int]]:
    """Names behind a field's colon, one or several with commas between."""
    for _ in range(_MAX_LIST):
        found = next(_name(text, position), None)
        if found is None or not _FIELD_END.match(text, found[1]):
            return
        value = text[found[0] : found[1]]
        if " " in value or value.casefold() in words("given names"):
            yield found
        following = re.compile(r",[ \t]{0,2}(?:and )?").match(text, found[1])
        if following is None:
            return
        position = following.end()
