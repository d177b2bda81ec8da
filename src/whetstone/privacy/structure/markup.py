"""XML and the like: the name of an element says of its text what a key says of its value in JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from whetstone.privacy.detectors.spans import Order, Span, Tier
from whetstone.privacy.structure.keys import rule_for

_ELEMENT: Final = re.compile(
    r"<(?:[A-Za-z][\w-]{0,20}:)?(?P<key>[A-Za-z][\w.-]{0,48})(?:\s[^<>\n]{0,200})?>\s{0,8}(?P<value>[^<>\n]{1,250}?)\s{0,8}</(?:[\w-]{1,21}:)?(?P=key)>"
)
# Elements of HTML, whose names say how a text looks and not what it is.
_HTML: Final = frozenset(["address", "code", "title", "label", "data", "time", "name"])
_MAX_SIBLINGS: Final = 64


class MarkupDetector:
    """The text of elements whose names say what it is."""

    kind = "markup"
    replacement = ""

    def find(self, text: str) -> Iterator[Span]:
        """Spans of whole values."""
        if "</" not in text:
            return
        elements = list(_ELEMENT.finditer(text))
        keys = list(dict.fromkeys(element["key"] for element in elements))[:_MAX_SIBLINGS]
        for element in elements:
            if element["key"] in _HTML:
                continue
            rule = rule_for(element["key"], None, keys)
            if rule is not None and rule.kind != "geo" and rule.accepts(element["value"]):
                order = Order.PERSON if rule.names else Order.ASSIGNMENT
                start, end = element.span("value")
                yield Span(start, end, rule.kind, rule.replacement, order, 2, Tier.STRUCTURE)
