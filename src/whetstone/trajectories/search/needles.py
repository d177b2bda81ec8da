"""From a search text to runs of tokens: a run is found in the tokens of a text where the search text is in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from whetstone.trajectories.search.letters import MAX_SEARCH, fold
from whetstone.trajectories.search.tokens import (
    SEPARATOR,
    continue_between,
    is_solo,
    is_word,
    tokenize,
)

MAX_TERMS = 500
"""Terms into which one open end may be expanded."""

MAX_RUNS = 2000
"""Runs into which one search text may be expanded."""

MAX_RUN = 100
"""Tokens of a run; a longer search text is found by its beginning and then compared as a whole. The same holds for
one of more than 1,000 characters, as a text may have inside a JSON string."""

_ESCAPES = re.compile(r'["\\/bfnrt]|u[0-9a-f]{0,4}')
_HEX_DIGITS = re.compile(r"[0-9a-f]{1,4}")


@dataclass(frozen=True, slots=True)
class Term:
    """What is searched for: `text` as it is typed.

    `whole`: not inside of words. `prefix`: as `whole`, but the last word may go on.
    """

    text: str
    whole: bool = False
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Tokens in a row. An open end may be a part of a longer token.

    `between`: the token that the open beginning is a part of is no word.
    """

    tokens: tuple[str, ...]
    left_open: bool = False
    right_open: bool = False
    between: bool = False

    def is_in(self, document: str) -> bool:
        """Whether this run is in a document as `documents.joined` makes it; `between` is not regarded."""
        text = SEPARATOR.join(self.tokens)
        if not self.left_open:
            text = SEPARATOR + text
        return (text if self.right_open else text + SEPARATOR) in document


@dataclass(frozen=True, slots=True)
class Runs:
    """The runs of which each means a match; with `verify`, only a possible one. None of them: anything may match."""

    runs: tuple[Run, ...]
    verify: bool


def runs_of(term: Term, forms: list[str]) -> Runs:
    """The runs of a term, whose text has `forms` (`scan.forms_of`)."""
    found: dict[Run, None] = {}
    verify = False
    for form in forms:
        text, left_closed, right_closed = _without_spaces(fold(form))
        verify = verify or left_closed or right_closed
        for tokens, between in _tokenizations(text):
            if between and (left_closed or (term.whole and _begins_with_word(text))):
                continue
            first, last = tokens[0], tokens[-1]
            run = Run(
                tokens,
                left_open=not (is_solo(first) or (is_word(first) and (left_closed or term.whole))),
                right_open=not (
                    is_solo(last) or (is_word(last) and (right_closed or (term.whole and not term.prefix)))
                ),
                between=between and is_word(first),
            )
            if len(beginning := _beginning(tokens)) < len(tokens):
                run, verify = replace(run, tokens=beginning, right_open=False), True
            found[run] = None
        if not text:
            return Runs((), verify=True)
    return Runs(tuple(found), verify)


def _beginning(tokens: tuple[str, ...]) -> tuple[str, ...]:
    characters = 0
    for index, token in enumerate(tokens[:MAX_RUN]):
        characters += len(token) + 1
        if characters > MAX_SEARCH and index:
            return tokens[:index]
    return tokens[:MAX_RUN]


def _without_spaces(text: str) -> tuple[str, bool, bool]:
    """`text` without a space at an end that the tokens cannot tell: whether it is implied is not known."""
    left = len(text) > 1 and text[0] == " " and _begins_with_word(text[1:])
    text = text[1:] if left else text
    right = len(text) > 1 and text[-1] == " " and is_word(text[-2])
    text = text[:-1] if right else text
    return ("" if text == " " else text), left, right


def _begins_with_word(text: str) -> bool:
    return is_word(text[:1])


def _tokenizations(text: str) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The tokens of `text` as it may stand in a plain text and in JSON; whether its beginning is inside an escape."""
    if not text:
        return
    yield tuple(tokenize(text)), False
    yield tuple(tokenize(text, json=True)), False
    for tail in _escape_tails(text):
        between = tail + continue_between(text[len(tail) :])
        yield (between, *tokenize(text[len(between) :], json=True)), True


def _escape_tails(text: str) -> Iterator[str]:
    """The beginnings of `text` that can be the rest of an escape in JSON whose backslash stands in front."""
    if (found := _ESCAPES.match(text)) and (found[0][0] != "u" or len(found[0]) in {5, len(text)}):
        yield found[0]
    if found := _HEX_DIGITS.match(text):
        for length in range(1, len(found[0]) + 1):
            yield text[:length]
