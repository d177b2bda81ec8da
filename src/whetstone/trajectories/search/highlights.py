"""The words around a match, and where in them it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from whetstone.trajectories.search.letters import fold
from whetstone.trajectories.search.needles import Term
from whetstone.trajectories.search.tokens import is_word

WIDTH = 160
"""Characters of an excerpt, without the ellipses where it is cut."""

_BEFORE = 60  # characters in front of the first match
_ELLIPSIS = "…"

Excerpt = tuple[str, list[list[int]]]


def highlights(text: str, terms: Sequence[Term]) -> Excerpt | None:
    """About 160 characters around the first match in `text`, and `[start, end]` of the matches in them.

    Offsets count Unicode code points of the excerpt. None where nothing matches.
    """
    folded = fold(text)
    first = min((start for term in terms for start, _ in _places(folded, term, 0, len(folded))), default=None)
    if first is None:
        return None
    start, end = _window(text, first)
    places = sorted(place for term in terms for place in _places(folded, term, start, end))
    before = _ELLIPSIS if start else ""
    after = _ELLIPSIS if end < len(text) else ""
    shift = len(before) - start
    found: list[list[int]] = []
    for begin, finish in places:
        if found and begin + shift <= found[-1][1]:
            found[-1][1] = max(found[-1][1], finish + shift)
        else:
            found.append([begin + shift, finish + shift])
    return before + text[start:end] + after, found


def json_highlights(text: str, terms: Sequence[Term]) -> Excerpt | None:
    """`highlights` in the first string of a JSON value that matches, else in the JSON itself."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    for string in _strings(value):
        if found := highlights(string, terms):
            return found
    return highlights(text, terms)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def _places(folded: str, term: Term, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where `term` begins and ends in a text, as far as it begins within `start` and `end`; cut at `end`."""
    needle = fold(term.text)
    place = folded.find(needle, start)
    while 0 <= place < end:
        behind = place + len(needle)
        if not term.whole or (
            _is_edge(folded, place) and (term.prefix or _is_edge(folded, behind) or behind == place)
        ):
            yield place, min(behind, end)
            place = folded.find(needle, max(behind, place + 1))
        else:
            place = folded.find(needle, place + 1)


def _is_edge(folded: str, place: int) -> bool:
    """Whether no word goes on at this place."""
    return not (0 < place < len(folded) and is_word(folded[place - 1]) and is_word(folded[place]))


def _window(text: str, first: int) -> tuple[int, int]:
    start = max(0, first - _BEFORE)
    if start:  # at the beginning of a word, where there is one
        space = text.find(" ", start, first)
        start = start if space < 0 else space + 1
    return start, min(len(text), start + WIDTH)
