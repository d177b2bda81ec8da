"""The operator's own patterns, run by RE2: no pattern that it takes can be slow, whatever the text."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import re2

from whetstone.errors import InvalidInputError
from whetstone.privacy.detectors.spans import Order, Span, Tier
from whetstone.privacy.replacement.placeholders import label

VARIABLE: Final = "WHETSTONE_PRIVACY_PATTERNS"
_MAX_LENGTH = 1000
_MAX_NAME = 40
_WINDOW = 1024  # bytes
_VALUE = "value"
_UNLIKE = re.compile(r"[^a-z0-9]+")
# Between them they hold every kind of place at which a pattern without characters can match.
_PROBES: Final = ("", "a", "a 1_é\n\n.-\n")
_ADVICE: Final = {
    "invalid perl operator": "RE2 has no look-around and no atomic groups; match the surroundings too and name what "
    "to replace (?P<value>…)",
    "invalid escape sequence": "RE2 has no back-references and knows fewer escapes than other engines",
    "bad repetition operator": "RE2 has no possessive quantifiers and no stacked ones; write one of * + ? {n,m}",
    "invalid repetition size": "RE2 repeats at most 1000 times",
    "missing )": "close the group",
    "missing ]": "close the set of characters",
    "pattern too large": "write a shorter pattern, with smaller counts in its repetitions",
}


class CustomPatternDetector:
    """All matches of one pattern; only its group `value` goes, when it has one."""

    def __init__(self, name: str, pattern: str) -> None:
        """Raises InvalidInputError when the pattern must not be used, saying why."""
        self.kind = _slug(name)
        self.pattern = pattern
        self.replacement = label(self.kind)
        self._compiled = _compiled(name, pattern)
        self._group = self._compiled.groupindex.get(_VALUE.encode(), 0)

    def find(self, text: str) -> Iterator[Span]:
        """Spans of the matches, in characters."""
        data = text.encode("utf-8", "replace")  # RE2 reads UTF-8; half a surrogate pair becomes one `?`
        place = _Place(data)
        for start, end in self._matches(data):
            if start < end:
                span = Span(
                    place.characters(start), place.characters(end), self.kind, self.replacement, Order.LISTED
                )
                yield span._replace(rank=1, tier=Tier.CUSTOM)

    def _matches(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where the matches are, in bytes.

        One search is linear, but a pattern such as `a(.*b)?` may look at the whole text for each of many short matches.
        So a search sees a window, which grows while nothing is found in it or the match fills it: all searches
        together are linear too. What begins before a short match and ends beyond its window is not seen.
        """
        position, reach = 0, _WINDOW
        while position < len(data):
            end = min(position + reach, len(data))
            match = self._compiled.search(data, position, end)
            if end < len(data) and (match is None or match.end() == end):
                reach *= 2
                continue
            if match is None:
                return
            whole, value = match.span(), match.span(self._group)
            yield value if value[0] >= 0 else whole
            position, reach = max(match.end(), position + 1), _WINDOW


def pattern_detectors(setting: str | None) -> tuple[CustomPatternDetector, ...]:
    """Detectors of the patterns in a setting: a JSON object of names and patterns, or the path of such a file.

    The file may be TOML too. Raises InvalidInputError when it cannot be read or a pattern must not be used.
    """
    if not setting or not setting.strip():
        return ()
    detectors = [CustomPatternDetector(name, pattern) for name, pattern in _read(setting.strip()).items()]
    kinds = [detector.kind for detector in detectors]
    if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
        raise InvalidInputError(f"{VARIABLE}: two names become {', '.join(twice)}; choose others")
    return tuple(detectors)


def _read(setting: str) -> Mapping[str, str]:
    where, text, is_toml = VARIABLE, setting, False
    if not setting.startswith("{"):
        path = Path(setting.removeprefix("@")).expanduser()
        where, is_toml = f"{VARIABLE}: the file {path}", path.suffix.lower() == ".toml"
        try:
            text = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise InvalidInputError(f"{where} cannot be read: {reason}") from error
    try:
        patterns: Any = tomllib.loads(text) if is_toml else json.loads(text)
    except ValueError as error:
        raise InvalidInputError(f"{where} is not {'TOML' if is_toml else 'JSON'}: {error}") from error
    if not isinstance(patterns, dict) or not all(isinstance(pattern, str) for pattern in patterns.values()):
        raise InvalidInputError(f'{where} must map names to patterns, as in {{"order-id": "ORD-[0-9]{{8}}"}}')
    return patterns


def _slug(name: str) -> str:
    slug = _UNLIKE.sub("-", name.lower()).strip("-")
    if not slug or len(slug) > _MAX_NAME:
        raise _refusal(name, f"a name needs 1 to {_MAX_NAME} letters or digits (a to z, 0 to 9)")
    if slug == "handle":
        raise _refusal(name, "handles are counted by themselves; choose another name")
    return slug


def _compiled(name: str, pattern: str) -> Any:
    if len(pattern) > _MAX_LENGTH:
        raise _refusal(name, f"it has {len(pattern)} characters, {_MAX_LENGTH} are the most; split it in two")
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern.encode("utf-8"), options)
    except UnicodeEncodeError as error:
        raise _refusal(
            name, f"at character {error.start + 1} half of a surrogate pair stands alone"
        ) from error
    except re2.error as error:
        raise _refusal(name, _explained(pattern, error)) from error
    if any(match.start() == match.end() for probe in _PROBES for match in compiled.finditer(probe.encode())):
        raise _refusal(name, "it matches the empty string; make it ask for at least one character")
    return compiled


def _explained(pattern: str, error: Exception) -> str:
    """RE2's complaint with the place it speaks of and what to do about it."""
    (raw,) = error.args
    message = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
    problem, _, part = message.partition(": ")
    position = pattern.find(part) if part else -1
    place = f" at character {position + 1} ({part})" if position >= 0 else ""
    advice = next((advice for start, advice in _ADVICE.items() if message.startswith(start)), "")
    return f"{problem}{place}{'. ' + advice if advice else ''}"


def _refusal(name: str, problem: str) -> InvalidInputError:
    return InvalidInputError(f"{VARIABLE}: the pattern {name!r} cannot be used: {problem}")


class _Place:
    """Turns places in UTF-8 into places in its text; asked in rising order it reads the text once."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._bytes = 0
        self._characters = 0

    def characters(self, place: int) -> int:
        """How many characters stand before a place that is not before the last one asked for."""
        self._characters += len(self._data[self._bytes : place].decode("utf-8"))
        self._bytes = place
        return self._characters
