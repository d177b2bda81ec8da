"""E-mail addresses, also those that are spelled out to escape robots."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from whetstone.privacy.detectors.detector import Match, PatternDetector
from whetstone.privacy.detectors.phones import PHONE, PhoneDetector
from whetstone.privacy.detectors.spans import Order

__all__ = ["EMAIL", "PHONE", "PhoneDetector", "email_detectors"]

EMAIL: Final = "[REDACTED_EMAIL]"

_EMAIL_PATTERN = re.compile(
    r"(?<![\w.%+'&-])[.%+'&-]*+(?P<address>(?P<local>\w[\w.%+'&-]*+)[@＠](?P<domain>(?:[\w-]++[.。．])+[^\W\d_](?:[\w-]*[\w])?))(?![\w-])"
)
_QUOTED_LOCAL = re.compile(
    r"(?<![\w\\=:])\"(?P<q>[^\"\s@\\]{1,64}|[^\"\n@\\:,{}\[\]]{1,64})\"@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])"
)
_LITERAL = re.compile(r"(?<![\w.%+'-])[\w.%+-]{1,64}@\[(?:IPv6:)?[0-9A-Fa-f.:]{7,45}\]")
_TOP: Final = (
    "com|net|org|edu|gov|io|co|ai|app|dev|me|info|biz|xyz|eu|de|fr|es|it|nl|be|ch|at|pl|se|no|dk|fi|pt|br|mx|in|au|nz|za|jp|cn|kr"
    "|tr|ru|ua|ie|sg|il|uk|us|ca|cz|gr|hu|ro|tv"
)
_AT: Final = (
    r"(?:\s?[\[({<]\s?(?:at|@|a|ät|arroba|chez)\s?[\])}>]\s?|\s(?:at|@|arroba|klammeraffe)\s|_at_|-at-)"
)
_DOT: Final = (
    r"(?:\s?[\[({<]\s?(?:dot|\.|punkt|point|punto)\s?[\])}>]\s?|\s(?:dot|punkt|punto)\s|_dot_|-dot-)"
)
_OBFUSCATED = re.compile(
    rf"(?<![\w.%+-])(?P<local>[\w%+-]{{1,40}}(?:(?:\.|{_DOT})[\w%+-]{{1,40}}){{0,4}}?)(?P<at>{_AT})"
    rf"(?P<domain>[\w-]{{1,40}}(?:(?:\.|{_DOT})[\w-]{{1,40}}){{0,3}}?(?P<dot>\.|{_DOT})(?:{_TOP}))(?![\w-])",
    re.IGNORECASE,
)
# `jane@example .com`, `jane @example.com`: typed in haste, sure only with a usual top level.
_SPACED = re.compile(
    r"(?<![\w.%+'-])[\w.%+-]{1,64}(?:\s?@\s[\w-]{2,40}\s?\.\s?|\s@\s?[\w-]{2,40}\s?\.\s?|@[\w-]{2,40}\s\.\s?|@[\w-]{2,40}\.\s)(?:com|net|org|edu|gov|co\.uk|de|fr|es|it)(?![\w-])",
    re.IGNORECASE,
)
_IMAGE_SCALE = re.compile(r"\dx\.(?:png|jpe?g|gif|webp|svg|avif|pdf|heic)\Z", re.IGNORECASE)
_URL_CREDENTIALS = re.compile(r"://[^\s:/@\"'<>]{0,128}:[^\s/\"'<>]{0,256}\Z")
_VERSION = re.compile(r"v?\d+\.\d+")
_WORDS_AT: Final = frozenset(
    [
        "look", "looking", "meet", "me", "us", "work", "works", "working", "arrive", "be", "is", "are",
        "was", "stay", "available", "live", "buy", "find", "see", "sign", "log", "point", "it", "not",
        "up", "start", "only", "out", "down", "over", "here", "there", "now", "today", "yes", "no",
        "and", "or", "hosted", "located", "served",
    ]
)  # fmt: skip


def _is_address(match: Match) -> bool:
    """Not `git@host:path`, not `icon@2x.png`, not `package@1.2.3-beta.rc`, not part of a URL's user information."""
    local, domain = match["local"], match["domain"]
    if local == "git" and match.string.startswith((":", "/"), match.end()):
        return False
    if _URL_CREDENTIALS.search(match.string, max(0, match.start() - 400), match.start()):
        return False  # the password goes by its own rule, the host stays
    if _VERSION.match(domain) or _IMAGE_SCALE.match(domain):
        return False
    return len(re.split(r"[.。．]", domain)[-1]) >= 2


def _is_obfuscated(match: Match) -> bool:
    """With bare words for both signs ("jane at example dot com") it is clear; "look at github.com" is not an address."""
    at, dot, local = match["at"], match["dot"], match["local"]
    if at.strip().lower() in ("at", "@", "arroba") and dot == ".":
        return at.strip() != "at" and local.lower() not in _WORDS_AT
    return local.lower() not in _WORDS_AT or any(sign in at for sign in "[({<")


def email_detectors() -> list[PatternDetector]:
    """Addresses of the usual form in any script, rare forms, spelled-out ones."""

    def detector(
        pattern: re.Pattern[str],
        *triggers: str,
        accept: Callable[[Match], bool] | None = None,
        group: str | int = 0,
        rank: int = 0,
    ) -> PatternDetector:
        return PatternDetector("email", EMAIL, Order.EMAIL, pattern, triggers, accept, group=group, rank=rank)

    spelled = (
        "dot",
        "DOT",
        "Dot",
        "punkt",
        "punto",
        "[at]",
        "(at)",
        "{at}",
        "[AT]",
        "(AT)",
        "<at>",
        "_at_",
        "arroba",
        "[@]",
        "(@)",
        "( at )",
        "[ at ]",
        " @ ",
    )
    return [
        detector(_EMAIL_PATTERN, "@", "＠", accept=_is_address, group="address"),
        detector(_QUOTED_LOCAL, '"@', rank=1),
        detector(_LITERAL, "@[", rank=1),
        detector(_SPACED, "@ ", " @", " .", ". ", rank=1),
        detector(_OBFUSCATED, *spelled, accept=_is_obfuscated, rank=2),
    ]
