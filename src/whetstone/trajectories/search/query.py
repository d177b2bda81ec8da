"""The query language: words that must all occur, `"phrases"`, `prefix*`, `-excluded`, `one OR other`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from whetstone.errors import InvalidInputError
from whetstone.trajectories.search.letters import MAX_SEARCH
from whetstone.trajectories.search.needles import Term

SearchMode = Literal["text", "query"]
"""How a search is read: as a literal substring, or in the query language."""

MAX_TERMS = 32
"""Terms of a query."""

_PART = re.compile(r'(?P<no>-)?(?:"(?P<phrase>[^"]*)"(?P<more>\*)?(?=\s|$)|(?P<word>[^\s"]\S*))')
_HELP = (
    'Use words, "a phrase", prefix*, -excluded and OR between two terms; a plain text needs no query syntax.'
)


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Of each group one term must occur, and none of `excluded`."""

    groups: tuple[tuple[Term, ...], ...]
    excluded: tuple[Term, ...] = ()

    def terms(self) -> list[Term]:
        """All terms that are looked for."""
        return [term for group in self.groups for term in group]


def parse(text: str) -> SearchQuery:
    """The meaning of `text` in the query language. Raises InvalidInputError."""
    if len(text) > MAX_SEARCH:
        raise InvalidInputError(f"The search text may have at most {MAX_SEARCH} characters.")
    groups: list[list[Term]] = []
    excluded: list[Term] = []
    joining = False
    for negative, term in _parts(text):
        if term is None:
            if joining or not groups or (excluded and groups[-1] == []):
                raise InvalidInputError(f"OR needs a term on both of its sides. {_HELP}")
            joining = True
        elif negative:
            if joining:
                raise InvalidInputError(f"OR cannot join excluded terms. {_HELP}")
            excluded.append(term)
        elif joining:
            groups[-1].append(term)
            joining = False
        else:
            groups.append([term])
    if joining:
        raise InvalidInputError(f"OR needs a term on both of its sides. {_HELP}")
    if not groups:
        raise InvalidInputError(f"A query needs at least one term that is not excluded. {_HELP}")
    if sum(map(len, groups)) + len(excluded) > MAX_TERMS:
        raise InvalidInputError(f"A query may have at most {MAX_TERMS} terms.")
    return SearchQuery(tuple(tuple(group) for group in groups), tuple(excluded))


def _parts(text: str) -> list[tuple[bool, Term | None]]:
    """The terms with whether they are excluded; None for an OR."""
    parts: list[tuple[bool, Term | None]] = []
    place = 0
    while (place := _skip_space(text, place)) < len(text):
        found = _PART.match(text, place)
        if found is None:
            raise InvalidInputError(
                f"A quotation mark in the query is not closed, or a word follows it. {_HELP}"
            )
        place = found.end()
        if found[0] == "OR":
            parts.append((False, None))
        else:
            parts.append((found["no"] is not None, _term(found)))
    return parts


def _term(found: re.Match[str]) -> Term:
    phrase, word = found["phrase"], found["word"]
    content = phrase.strip() if phrase is not None else word
    prefix = found["more"] is not None or (phrase is None and content.endswith("*"))
    if phrase is None and prefix:
        content = content[:-1]
    if not content or (phrase is None and content == "-"):
        raise InvalidInputError(f"A term of the query is empty. {_HELP}")
    return Term(content, whole=True, prefix=prefix)


def _skip_space(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place
