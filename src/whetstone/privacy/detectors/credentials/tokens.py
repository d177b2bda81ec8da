"""Tokens that begin with a prefix their provider chose: one scan of the text finds the prefixes of all rules.

A prefix only says which rules to try; the rule's pattern decides. Bodies are possessive runs, and the scan goes on
behind a token, so that the time is linear.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.placeholders import label

# A token does not start in the middle of a word, or `task-…` would hold an `sk-…` key. The letter of an escape
# (`\n`), of a colour code (`ESC[32m`) or of a percent escape (`%3D`) is no part of a word.
_START: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf]|[0-9]m)|(?<=%[0-9A-F][0-9A-F]))"
_WORDS: Final = re.compile(
    r"(?:[a-z]{2,24}|[A-Z][a-z]{1,24}|[A-Z]{2,24})(?:[-_.]{1,2}(?:[a-z]{1,24}|[A-Z][a-z]{0,24}|[A-Z]{1,24}))+[-_.]?\Z"
)
# The classes of the waiting signs of SpinKit and of scikit-learn's pictures of estimators: their first word, then
# small words. Everything else after `sk-` is a key.
_STYLE_CLASS: Final = re.compile(
    r"sk-(?:bounce|chase|circle|container|cube|dashed|double|estimator|fading|fade|flow|folding|global|grid|hidden|item|label|learn"
    r"|parallel|plane|pulse|rotating|serial|spinner|swing|text|three|toggleable|top|visually|wandering|wave)"
    r"(?:[-_]{1,2}[a-z]{1,12}){1,6}\Z"
)
_BASE64: Final = re.compile(r"(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])[A-Za-z0-9+/]{24}\Z")
_BLOB_BEFORE: Final = 24


class TokenRule(NamedTuple):
    """Tokens of one provider."""

    kind: str
    prefixes: tuple[str, ...]
    body: str
    """Pattern of what follows the prefix."""
    mixed: bool = False
    """For prefixes that ordinary words have too: the token must hold digits and must not be made of words."""
    words: bool = False
    """For `sk-`, which the classes of two style sheets begin with: those stay."""


def made_of_words(text: str) -> bool:
    """Whether a text is words joined by hyphens, underscores or dots: a class name, a constant, a placeholder."""
    return _WORDS.match(text) is not None


def trie(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first, that shares their beginnings."""
    branches: dict[str, list[str]] = defaultdict(list)
    ends = False
    for word in sorted(set(words)):
        if word:
            branches[word[0]].append(word[1:])
        else:
            ends = True
    if not branches:
        return ""
    options = [re.escape(first) + trie(rests) for first, rests in branches.items()]
    body = options[0] if len(options) == 1 and not ends else f"(?:{'|'.join(options)})"
    return f"{body}?" if ends else body


@dataclass(frozen=True, slots=True)
class _Compiled:
    kind: str
    replacement: str
    pattern: re.Pattern[str]
    rank: int
    mixed: bool
    words: bool
    in_base64: bool
    """Whether the prefix may occur in base64 by chance."""


class TokenDetector:
    """All tokens of a table of rules. Earlier rules win where two match the same place."""

    kind = "provider-token"
    replacement = label("provider-token")

    def __init__(self, *tables: tuple[int, Sequence[TokenRule]]) -> None:
        """Each table with the rank of its first rule."""
        self._by_prefix = _by_prefix(tables)
        self._prefix = re.compile(_START + trie(self._by_prefix))

    def find(self, text: str) -> Iterator[Span]:
        """Spans of whole tokens, each with the kind of its provider."""
        search = self._prefix.search
        hit = search(text)
        while hit is not None:
            end = hit.end()
            for rule in self._by_prefix[hit[0]]:
                match = rule.pattern.match(text, hit.start())
                if match is None:
                    continue
                # A run that is no token after all is passed over too, or its every part would be tried.
                end = max(end, match.end())
                if _is_token(match, rule):
                    yield Span(*match.span(), rule.kind, rule.replacement, Order.CREDENTIAL, rule.rank)
                    break
            hit = search(text, end)


def _by_prefix(tables: Iterable[tuple[int, Sequence[TokenRule]]]) -> dict[str, tuple[_Compiled, ...]]:
    """The rules to try at each prefix: its own, then those of the shorter prefixes it begins with."""
    own: dict[str, list[_Compiled]] = defaultdict(list)
    for rank, rule in (pair for first, rules in tables for pair in enumerate(rules, first)):
        pattern = re.compile(trie(rule.prefixes) + rule.body)
        for prefix in rule.prefixes:
            compiled = _Compiled(
                rule.kind, label(rule.kind), pattern, rank, rule.mixed, rule.words, prefix.isalnum()
            )
            own[prefix].append(compiled)
    return {
        prefix: tuple(rule for length in range(len(prefix), 0, -1) for rule in own.get(prefix[:length], ()))
        for prefix in tuple(own)
    }


def _is_token(match: re.Match[str], rule: _Compiled) -> bool:
    start = match.start()
    if rule.in_base64:
        # A long run of base64 (an image, a hash) holds short prefixes by chance.
        before = match.string[max(0, start - _BLOB_BEFORE) : start]
        if _BASE64.match(before):
            return False
    token = match[0]
    if not rule.mixed:
        return not (rule.words and _STYLE_CLASS.match(token))
    return any(map(str.isdigit, token)) and not made_of_words(token)
