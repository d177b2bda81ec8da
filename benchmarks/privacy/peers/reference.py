"""Child process: the rules of the application that Whetstone replaces, written from its documented behaviour."""

from __future__ import annotations

import os
import re

from benchmarks.privacy.child import Spans, serve

_DECIMAL = r"-?\d{1,3}\.\d+"
_STREETS = "Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Parkway|Pkwy|Place|Pl|Way|Terrace|Circle"
_UNIT = r"(?:,? (?:Suite|Ste|Apt|Unit|#) ?\w+)?"
_TOWN = r"(?:, [A-Z][\w ]+)?(?:, [A-Z]{2}(?: \d{5}(?:-\d{4})?)?)?"
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|API|CREDENTIAL", re.IGNORECASE)
_RULES = [
    re.compile(pattern, flags)
    for pattern, flags in (
        (r'"coords"\s*:\s*\{[^{}]*\}', 0),
        (rf'"latitude"\s*:\s*{_DECIMAL}\s*,\s*"longitude"\s*:\s*{_DECIMAL}', 0),
        (
            rf"\b(?:current location|location|coords|coordinates)\s*[:=]\s*{_DECIMAL}\s*,\s*{_DECIMAL}",
            re.IGNORECASE,
        ),
        (
            rf"\b(?:lat|latitude)\b\W{{0,4}}{_DECIMAL}\W{{1,6}}(?:lng|lon|long|longitude)\b\W{{0,4}}{_DECIMAL}",
            re.IGNORECASE,
        ),
        (r"\b\d{1,3}\.\d{2,}\s*,\s*-?\d{1,3}\.\d{2,}", 0),
        (r"sk-ant-[A-Za-z0-9_-]{16,}", 0),
        (r"sk-[A-Za-z0-9_-]{16,}", 0),
        (r"\bBearer [A-Za-z0-9._-]{16,}", 0),
        (r"ghp_[A-Za-z0-9]{20,}", 0),
        (r"AKIA[A-Z0-9]{16}", 0),
        (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}", 0),
        (rf"\b\d{{1,6}} (?:[A-Z][\w.]* ){{1,4}}(?:{_STREETS})\b\.?{_UNIT}{_TOWN}", 0),
        (r"\bP\.?O\.? Box \d+", re.IGNORECASE),
        (r"\b[A-Z][a-z]+(?: [A-Z][a-z]+)*, [A-Z]{2} \d{5}(?:-\d{4})?\b", 0),
        (r"\+\d[\d ().-]{7,18}\d", 0),
        (r"(?<!\d)(?:1[ .-]?)?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)", 0),
    )
]


def detect(text: str) -> Spans:
    """Every match of every rule, and the values of secret-named variables."""
    found = [match.span() for rule in _RULES for match in rule.finditer(text)]
    for name, value in os.environ.items():
        if len(value) >= 8 and _SECRET_NAME.search(name):
            found += [match.span() for match in re.finditer(re.escape(value), text)]
    return found


if __name__ == "__main__":
    serve(detect)
