"""Identifiers of sessions outside of cookie headers: in logs, addresses and forms."""

from __future__ import annotations

import re
from typing import Final

from whetstone.privacy.detectors.credentials.randomness import entropy, is_name_of_thing, is_path, is_uuid
from whetstone.privacy.detectors.detector import Detector, PatternDetector
from whetstone.privacy.detectors.spans import Order
from whetstone.privacy.replacement.placeholders import label

_SESSION: Final = re.compile(
    r"(?:(?P<server>jsessionid|phpsessid|aspsessionid[a-z]{0,12}|asp\.net_sessionid|connect\.sid)"
    r"|sess(?:ion)?(?:[_.-]?(?:id|cookie))?|(?<![a-z0-9])sid)"
    r"(?:\\{0,3}[\"'`])?[ \t]{0,2}(?:=|:(?![:/]))[ \t]{0,2}(?:\\{0,3}[\"'`])?"
    r"(?:s%3A|s:)?(?P<value>[A-Za-z0-9%._~+/=-]{16,1024}+)",
    re.IGNORECASE,
)
_MIN_DIGITS: Final = 3
_MIN_ENTROPY: Final = 3.0
_MIN_LENGTH: Final = 20


def _is_session(match: re.Match[str]) -> bool:
    """The names that servers give are proof; `session` alone also names conversations, so its value must be random."""
    value = match["value"].rstrip(".")
    digits = sum(map(str.isdigit, value))
    if not digits or not any(map(str.isalpha, value)):
        return False
    if match["server"]:
        return True
    return (
        len(value) >= _MIN_LENGTH
        and digits >= _MIN_DIGITS
        and entropy(value) >= _MIN_ENTROPY
        and not (is_uuid(value) or is_name_of_thing(value) or is_path(value))
    )


def session_detector(rank: int) -> Detector:
    """The detector of `session=…`, `JSESSIONID=…` and the like."""
    return PatternDetector(
        "cookie",
        label("cookie"),
        Order.CREDENTIAL,
        _SESSION,
        ("sess", "Sess", "SESS", "sid", "Sid", "SID"),
        accept=_is_session,
        group="value",
        rank=rank,
    )
