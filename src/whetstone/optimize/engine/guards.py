"""What a candidate must keep and must not contain. One that breaks a rule is rejected and counted, never repaired."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.rows.examples import Example
from whetstone.privacy.gate import PrivacyGate

_PLACEHOLDER = re.compile(
    r"\{\{\{?\s*[#/^&>!]?\s*[\w.@-]+(?:\s+[\w.@\"'=-]+)*\s*\}?\}\}"  # Handlebars, Jinja, Mustache
    r"|\{%-?[^%{}]{1,200}-?%\}"  # Jinja blocks
    r"|\$\{[\w.]+\}"  # shell, JavaScript
    r"|(?<![{$\w])\{[A-Za-z_]\w*\}(?!\})"  # Python's format
    r"|%\([A-Za-z_]\w*\)[sd]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SHINGLE = 40
"""Characters in a row that count as copied."""
_WINDOW = 16
_BASE, _MODULUS = 1_000_003, (1 << 61) - 1
_LEADING = pow(_BASE, _SHINGLE, _MODULUS)
_COMMON_GROUPS = 3
"""A passage found in rows of so many groups is the task's own wording, not one row's."""


def placeholders(text: str) -> Counter[str]:
    """The template placeholders in a text, with how often each occurs."""
    return Counter("".join(match.split()) for match in _PLACEHOLDER.findall(text))


class Guard:
    """The rules of one job.

    `rows` are those whose wording must not be copied, `max_tokens` bounds what a candidate adds to a request
    (estimated). `rejected` counts candidates by the rule that they broke, `accepted` those with another text that
    broke none.
    """

    def __init__(
        self,
        rows: Iterable[Example],
        *,
        max_tokens: int,
        privacy: PrivacyGate | None,
        known: Iterable[str] = (),
    ) -> None:
        self.rejected: Counter[str] = Counter()
        self.accepted = 0
        self.max_tokens = max_tokens
        self._privacy = privacy
        self._private = _row_passages(rows)
        for text in known:  # what the present prompt says is no copy
            self._private.difference_update(_passages(text))

    def problem(self, candidate: Candidate, parent: Candidate) -> str | None:
        """Why `candidate`, made from `parent`, must not be tried; None if nothing speaks against it."""
        found = self._broken(candidate, parent)
        if found is None:
            self.accepted += candidate.texts() != parent.texts()
            return None
        rule, words = found
        self.rejected[rule] += 1
        return words

    def _broken(self, candidate: Candidate, parent: Candidate) -> tuple[str, str] | None:
        if candidate.tokens() > self.max_tokens:
            return "too_long", f"it takes about {candidate.tokens()} tokens; {self.max_tokens} are allowed"
        before = parent.texts()
        for name, text in candidate.texts().items():
            old = before.get(name, "")
            if text == old:
                continue
            if not text.strip():
                return "empty", f"the {name} is empty"
            if _CONTROL.search(text) and not _CONTROL.search(old):
                return "control_characters", f"the {name} contains control characters"
            if problem := _changed_placeholders(old, text):
                return "placeholders", problem
            if self._copies(text):
                return "copied_row", f"the {name} copies text of a row"
            if self._reveals(old, text):
                return "private_data", f"the {name} contains private data"
        return None

    def _copies(self, text: str) -> bool:
        return any(passage in self._private for passage in _passages(text))

    def _reveals(self, old: str, text: str) -> bool:
        """Whether the privacy filter finds more in the text than in the one that it replaces."""
        if self._privacy is None or self._privacy.text(text) == text:
            return False
        return self._privacy.text(old) == old


def _changed_placeholders(old: str, new: str) -> str | None:
    wanted, got = placeholders(old), placeholders(new)
    if wanted == got:
        return None
    lost, added = sorted((wanted - got).elements()), sorted((got - wanted).elements())
    parts = [f"loses {', '.join(lost)}"] if lost else []
    parts += [f"adds {', '.join(added)}"] if added else []
    return f"it {' and '.join(parts)}"


def _passages(text: str) -> list[int]:
    """A hash of each run of `_SHINGLE` characters, by a rolling polynomial (Karp and Rabin, 1987)."""
    folded = " ".join(text.casefold().split())
    if len(folded) < _SHINGLE:
        return []
    value = 0
    found = []
    for place, character in enumerate(folded):
        value = (value * _BASE + ord(character)) % _MODULUS
        if place >= _SHINGLE:
            value = (value - ord(folded[place - _SHINGLE]) * _LEADING) % _MODULUS
        if place >= _SHINGLE - 1:
            found.append(value)
    return found


def _fingerprints(text: str) -> set[int]:
    """The least passage of each window (winnowing: Schleimer et al., 2003): a copy of `_SHINGLE + _WINDOW - 1`
    characters is certain to share one, and equal texts choose the same ones wherever they stand."""
    passages = _passages(text)
    if len(passages) <= _WINDOW:
        return {min(passages)} if passages else set()
    return {min(passages[start : start + _WINDOW]) for start in range(len(passages) - _WINDOW + 1)}


def _row_passages(rows: Iterable[Example]) -> set[int]:
    groups: dict[int, set[str]] = defaultdict(set)
    for row in rows:
        for text in (row.text, row.expected_text):
            for passage in _fingerprints(text):
                if len(groups[passage]) < _COMMON_GROUPS:
                    groups[passage].add(row.group)
    return {passage for passage, members in groups.items() if len(members) < _COMMON_GROUPS}
