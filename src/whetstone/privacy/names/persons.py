"""Persons: seeds from both models, checked against ordinary words and code, and grown to the whole name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from whetstone.privacy.names.entity import Entity, Found
from whetstone.privacy.names.lexicon import is_public, words
from whetstone.privacy.names.words import WORD, expand, in_code, is_name_word, is_prose, line_around

_LABELS: Final = frozenset(["PERSON"])
_SURE_CAPITALISED = 0.35
_SURE_SHOUTED = 0.9
_SURE_LOWER = 0.7
_SURE_LOWER_PROSE = 0.45
_SURE_OTHER_SCRIPT = 0.85
_WEAK = 0.25
"""Enough for a word that stands beside one that is sure."""
_MAX_ADDED_WORDS = 3
_MAX_LETTERS = 60
_JOINT = re.compile(r"[ \t]{1,2}|[ \t]?[-'’‘][ \t]?|\.[ \t]?|·")
_NEXT_WORD = re.compile(
    r"(?P<gap>[ \t]{1,2}|-|\.[ \t]?)(?P<particles>(?:(?:van|von|der|den|de|del|della|di|da|dos|du|la|le|al|el|bin|ibn|ben|ter|zu|y|e|af|st)[ \t]){0,3}"
    r"|(?:d|l|o)['’])(?P<word>[^\W\d_][\w'’-]{0,30})"
)
_CAMEL = re.compile(
    r"[a-zß-ÿ](?<!\bMc)(?<!\bMac)(?<!\bDe)(?<!\bDi)(?<!\bDa)(?<!\bLe)(?<!\bLa)(?<!\bVan)(?<!\bFitz)[A-Z]|[A-Z]{2,}[a-z]{2}"
)
_CASED_SCRIPT = re.compile(r"[\u0370-\u03ff\u0400-\u052f]")
_INITIAL_AFTER = re.compile(r"[ \t](?:[^\W\d_]\.[ \t]?){1,2}(?=[^\W\d_a-z])")
_LAST_WORD = re.compile(r"(?P<word>[^\W\d_][\w'’-]{0,30}|(?:[^\W\d_]\.[ \t]?){1,3})(?P<gap>[ \t]{1,2}|-)\Z")
_PARTICLE_BEFORE = re.compile(
    r"(?<![\w-])(?:(?:van|von|der|den|de|del|della|di|da|dos|du|la|le|al|el|bin|ibn|ben|ter|zu)[ \t]){1,3}\Z",
    re.IGNORECASE,
)
_PREFIXES: Final = frozenset(["van", "von", "der", "den", "ter", "bin", "ibn", "della", "di", "da", "dos"])
_INITIALS_BEFORE = re.compile(r"(?<!\w)(?:[A-ZÀ-Þ]\.[ \t]?){1,3}\Z")
_WINDOW = 48
# What is called after its discoverer, and a file's ending behind a name that was taken out.
_EPONYM = re.compile(
    r"(?:['’]s?)?[ -](?:theorem|lemma|conjecture|inequality|algorithm|lymphoma|syndrome|transform|equation)s?\b"
)
_EXTENSION = re.compile(r"(?<![^\W_])\.\Z")


def persons(text: str, rampart: Sequence[Entity], english: Sequence[Entity]) -> list[Found]:
    """Names of persons in the text. `english` holds only what stands in prose."""
    seeds, weak = _seeds(text, rampart)
    seeds += list(_prose_seeds(text, english, seeds + weak))
    seeds += [span for span in weak if any(_adjacent(text, span, seed) for seed in seeds)]
    grown = [_grow(text, start, end) for start, end in _join(text, seeds)]
    found = []
    for start, end in _join(text, grown):
        start, end = _trim(text, start, end)
        if end - start > 1 and _plausible(text, start, end):
            found.append(Found(start, end, "person"))
    return found


def _seeds(text: str, entities: Sequence[Entity]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Stretches that are names by themselves, and those that are if a name stands beside them."""
    sure, weak = [], []
    for entity in entities:
        if entity.label not in _LABELS:
            continue
        labelled = entity.end - entity.start
        for start, end in _stretches(text, *expand(text, entity.start, entity.end)):
            word = text[start:end]
            if (len(word) < 2 and not word.isupper()) or _is_identifier(word) or in_code(text, start, end):
                continue
            if labelled * 2 >= end - start and entity.score >= _threshold(text, start, word):
                sure.append((start, end))
            elif entity.score >= _WEAK:
                weak.append((start, end))
    return sure, weak


def _stretches(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretch; in Cyrillic and Greek, where the model guesses more, its capitalised words alone."""
    if not _CASED_SCRIPT.match(text, start):
        if start < end:
            yield start, end
        return
    for match in re.finditer(r"\S+", text[start:end]):
        if match[0][0].isupper():
            yield start + match.start(), start + match.end()


def _threshold(text: str, start: int, word: str) -> float:
    if word[0] > "\u036f":
        return _SURE_OTHER_SCRIPT
    if word[0].islower():
        return _SURE_LOWER_PROSE if is_prose(line_around(text, start)) else _SURE_LOWER
    return _SURE_SHOUTED if word.isupper() and " " not in word else _SURE_CAPITALISED


def _is_identifier(word: str) -> bool:
    """Whether the stretch holds an underscore, a digit, or a capital inside a word other than in McX, O'X or DiX."""
    return "_" in word or any(map(str.isdigit, word)) or _CAMEL.search(word) is not None


def _adjacent(text: str, one: tuple[int, int], other: tuple[int, int]) -> bool:
    first, second = sorted((one, other))
    return second[0] <= first[1] or _JOINT.fullmatch(text, first[1], second[0]) is not None


def _prose_seeds(
    text: str, entities: Sequence[Entity], agreed: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Persons of the English model that look like names, or that the other model found too."""
    for entity in entities:
        if entity.label != "PERSON":
            continue
        start, end = expand(text, *_trim(text, entity.start, entity.end))
        value = text[start:end]
        if not value or "\n" in value or in_code(text, start, end) or is_public(value):
            continue
        parts = value.split()
        proper = [part for part in parts if part[0].isupper() and not part.isupper() and is_name_word(part)]
        known = any(start < other_end and other_start < end for other_start, other_end in agreed)
        given = parts[0].casefold() in words("given names")
        if not all(re.fullmatch(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*\.?", part) for part in parts):
            continue
        if (
            (2 <= len(parts) <= 4 and len(proper) == len(parts))
            or (known and proper)
            or (given and proper and len(parts) < 4)
        ):
            yield start, end


def _join(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Overlapping stretches, and those with nothing but a joint of names between them, as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and (start <= joined[-1][1] or _JOINT.fullmatch(text, joined[-1][1], start)):
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _grow(text: str, start: int, end: int) -> tuple[int, int]:
    """Takes the capitalised words, initials and particles that belong to the name."""
    if not text[start:end][:1].isupper():
        initials = _INITIALS_BEFORE.search(text, max(0, start - 12), start)
        led = initials is not None and text[start:end].split()[0] in _PREFIXES
        return (initials.start() if initials is not None and led else start), end
    shouted = text[start:end].isupper()
    for _ in range(_MAX_ADDED_WORDS):
        match = _INITIAL_AFTER.match(text, end, end + _WINDOW)
        base = end
        if match is not None:
            base = match.end() - (text[match.end() - 1] in " \t")
        following = _NEXT_WORD.match(text, base, end + _WINDOW)
        if following is None or len(text[start:end].split()) > 3 or not _belongs(following["word"], shouted):
            break
        if (
            following["gap"][0] == "."
            and not (end - start == 1 or text[end - 2 : end - 1] in (" ", "."))
            and match is None
        ):
            break
        end = expand(text, start, following.end())[1]
    for _ in range(_MAX_ADDED_WORDS):
        before = text[max(0, start - _WINDOW) : start]
        particle = _PARTICLE_BEFORE.search(before)
        position = particle.start() if particle else len(before)
        previous = _LAST_WORD.search(before[:position])
        if (
            previous is None
            or not _belongs(previous["word"], shouted, leading=True)
            or (previous.start() and before[previous.start() - 1] in "_.@/\\$#<")
        ):
            if particle and before[particle.start() : particle.start() + 1].isupper():
                start -= len(particle[0])
            break
        start -= len(before) - previous.start()
    return start, end


def _belongs(word: str, shouted: bool, leading: bool = False) -> bool:
    """Whether a neighbour is part of the name: written like it, and no ordinary word."""
    bare = word.rstrip(".'’-")
    if re.fullmatch(r"(?:[^\W\d_]\.[ \t]?){1,3}", word):
        return word[0].isupper()
    bare = re.sub(r"['’](?:s|ll|d|ve|re)\Z", "", bare)
    if not bare[:1].isupper() or not bare.replace("'", "").replace("’", "").replace("-", "").isalpha():
        return False
    if len(bare) < 2 or bare.isupper() != shouted or not is_name_word(bare):
        return False
    if leading:
        return bare.casefold() in words("given names")
    return bare.casefold() not in words("brands")


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Without titles and ordinary words at the ends, and without the possessive."""
    parts = [match.span() for match in re.finditer(r"[^\s]+", text[start:end])]
    while parts and _is_edge(text[start + parts[0][0] : start + parts[0][1]], len(parts)):
        del parts[0]
    while len(parts) > 1 and _is_edge(text[start + parts[-1][0] : start + parts[-1][1]], len(parts)):
        del parts[-1]
    if not parts:
        return start, start
    first, last = start + parts[0][0], start + parts[-1][1]
    if (match := re.search(r"['’]s?\Z", text[first:last])) is not None:
        last -= len(match[0])
    while last > first and text[last - 1] in ".,;:!?\"'’)(-":
        last -= 1
    return first, last


def _is_edge(word: str, parts: int) -> bool:
    bare = word.strip(".,;:!?\"'’()")
    if parts > 1 and (bare in _PREFIXES or (len(bare) == 1 and word == f"{bare.upper()}.")):
        return False
    if parts > 1 and bare[:1].isupper() and bare.casefold() in words("names that are words"):
        return False
    bare = bare.casefold()
    return bare in words("ordinary") or (parts > 1 and bare in words("not private"))


def _plausible(text: str, start: int, end: int) -> bool:
    value = text[start:end]
    if is_public(value) or len(value) > _MAX_LETTERS or in_code(text, start, end):
        return False
    if _is_eponym(text, start, end) or (
        value.islower() and _EXTENSION.search(text[max(0, start - 2) : start])
    ):
        return False
    parts = WORD.findall(value)
    if not parts or all(part.casefold() in words("ordinary") for part in parts):
        return False
    if len(parts) == 1 and parts[0].islower() and parts[0].isascii():
        return parts[0] not in words("names that are words")
    return True


def _is_eponym(text: str, start: int, end: int) -> bool:
    """Whether the word behind the name, or the last one of it, is what was called after somebody."""
    last = max(text.rfind(" ", start, end), text.rfind("-", start, end))
    return any(_EPONYM.match(text, at) is not None for at in (end, last, last - 1, last - 2) if at > start)
