"""Filters free content: any JSON value in which an agent or a user can have put anything."""

from __future__ import annotations

from collections import Counter
from typing import Any

from whetstone.privacy.cache import RedactionCache
from whetstone.privacy.detectors.geo import plausible_pair
from whetstone.privacy.detectors.identity import is_card_number
from whetstone.privacy.replacement.placeholders import label, only_placeholders
from whetstone.privacy.scanner import UNFILTERABLE, Redaction, TextScanner
from whetstone.privacy.structure import embedded
from whetstone.privacy.structure.keys import KeyRule, rule_for

Counts = Counter[str]

MAX_DEPTH = 100
_MAX_ROUNDS = 4
_GEO_NUMBERS = (2, 3)  # latitude and longitude, perhaps an altitude
_CARD_LENGTHS = range(13, 20)


class TooDeepError(Exception):
    """A document nested deeper than anything that is written on purpose."""


class ContentFilter:
    """Replaces private data in strings, keys, numbers and JSON inside strings; builds new containers throughout.

    Not safe for concurrent use (it caches).
    """

    def __init__(self, scanner: TextScanner) -> None:
        self._scanner = scanner
        self._cache = RedactionCache()

    def text(self, text: str) -> Redaction:
        """A string's replacement: as JSON when it holds JSON, as plain text otherwise. Filtering again is idle."""
        cached = self._cache.get(text)
        if cached is not None:
            return cached
        result = self._settle(text)
        self._cache.put(text, result)
        return result

    def value(self, value: Any, counts: Counts, rule: KeyRule | None = None, depth: int = 0) -> Any:
        """A filtered copy of any JSON value; `rule` is that of the key it stands under.

        Raises TooDeepError, and TypeError for what is not JSON.
        """
        if isinstance(value, str):
            return self._string(value, counts, rule)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return _number(value, counts, rule)
        if depth >= MAX_DEPTH:
            raise TooDeepError
        if isinstance(value, dict):
            return self._object(value, counts, rule, depth + 1)
        if isinstance(value, list | tuple):
            return self._array(value, counts, rule, depth + 1)
        msg = f"a trajectory document holds JSON values only, not {type(value).__name__}"
        raise TypeError(msg)

    def key(self, key: str, counts: Counts) -> str:
        """A filtered object key."""
        redaction = self._scanner.redact(key) if len(key) > 3 else Redaction(key)
        counts.update(redaction.counts)
        return redaction.text

    def _settle(self, text: str) -> Redaction:
        """Filters until nothing changes: a replacement can turn a text into JSON, or change what JSON says."""
        counts: Counts = Counter()
        for _ in range(_MAX_ROUNDS):
            once = self._once(text)
            counts += once.counts
            if once.text == text or embedded.parse(once.text) is None:
                return Redaction(once.text, counts)
            text = once.text
        counts[UNFILTERABLE] += 1
        return Redaction(label(UNFILTERABLE), counts)

    def _once(self, text: str) -> Redaction:
        document = embedded.parse(text)
        if document is not None:
            counts: Counts = Counter()
            try:
                filtered = self.value(document, counts)
                return Redaction(embedded.write(filtered, text), counts) if counts else Redaction(text)
            except TooDeepError:
                pass  # then it is text like any other
        return self._scanner.redact(text)

    def _string(self, text: str, counts: Counts, rule: KeyRule | None) -> str:
        redaction = self.text(text)
        if (
            rule is None
            or only_placeholders(redaction.text)
            or not rule.accepts(text)
            or self._scanner.allows(text)
        ):
            counts.update(redaction.counts)
            return redaction.text
        counts[rule.kind] += 1
        return rule.replacement

    def _object(
        self, members: dict[Any, Any], counts: Counts, rule: KeyRule | None, depth: int
    ) -> dict[str, Any]:
        result: dict[str, Any] = {}
        named = _rule_of_named_value(members)
        for key, value in members.items():
            if not isinstance(key, str):
                raise TypeError("keys of a trajectory document are strings")
            own = rule_for(key) if not _is_exempt(key, members) else None
            if own is None and key == "value":
                own = named or (rule if rule is not None and rule.holds_value else None)
            own = own or _bare_long(key, members)
            filtered = self.value(value, counts, own, depth)
            result[free_key(self.key(key, counts), result)] = filtered
        return result

    def _array(self, items: Any, counts: Counts, rule: KeyRule | None, depth: int) -> list[Any]:
        if rule is None and _is_place(items):
            rule = rule_for("latitude")
        return [self.value(item, counts, rule, depth) for item in items]


def free_key(key: str, taken: dict[str, Any]) -> str:
    """The key, with a number if a redacted one would take the place of another."""
    if key not in taken:
        return key
    number = 2
    while f"{key}_{number}" in taken:
        number += 1
    return f"{key}_{number}"


def _number(value: int | float, counts: Counts, rule: KeyRule | None) -> int | float | str:
    if rule is not None and rule.numbers and rule.accepts(str(value)):
        counts[rule.kind] += 1
        return rule.replacement
    if isinstance(value, int) and len(str(value)) in _CARD_LENGTHS and is_card_number(str(value)):
        counts["card-number"] += 1
        return label("card-number")
    return value


def _is_place(items: Any) -> bool:
    """Whether an array is a GeoJSON-like position: two or three numbers, the first two with decimals, in range."""
    if len(items) not in _GEO_NUMBERS or not all(isinstance(item, int | float) for item in items):
        return False
    pair = items[:2]
    if not all(isinstance(number, float) and embedded.has_coordinate_digits(number) for number in pair):
        return False
    return plausible_pair(pair[0], pair[1])


def _rule_of_named_value(members: dict[Any, Any]) -> KeyRule | None:
    """Members such as `{"name": "Authorization", "value": "…"}`: headers, form fields, variables."""
    if "value" not in members:
        return None
    names = (members.get(key) for key in ("name", "key", "header", "field", "type", "system"))
    rules = (rule_for(name) for name in names if isinstance(name, str))
    return next((rule for rule in rules if rule is not None), None)


def _is_exempt(key: str, members: dict[Any, Any]) -> bool:
    """The `token` of a log-probability is a piece of text."""
    return key == "token" and ("logprob" in members or "bytes" in members)


def _bare_long(key: str, members: dict[Any, Any]) -> KeyRule | None:
    """`long` is a coordinate only next to a latitude."""
    if key.lower() == "long" and any(str(other).lower() in ("lat", "latitude") for other in members):
        return rule_for("longitude")
    return None
