"""Secrets in HTTP headers: bearer tokens anywhere, authorization of every scheme, cookies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from whetstone.privacy.detectors.credentials.tokens import made_of_words
from whetstone.privacy.detectors.detector import Detector, PatternDetector
from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.placeholders import label

_CONTEXT: Final = 48
_WORD: Final = r"(?=[b-df-hj-np-tv-xz]{0,4}[aeiouy])[a-z]{1,14}"
_NO_TOKEN: Final = re.compile(
    rf"(?:\s|%20|\+)(?:{_WORD}(?:[-_]{_WORD}){{1,6}}[.-]?|(?=[A-Z_]*(?:YOUR|TOKEN|KEY|JWT|SECRET))[A-Z]{{2,12}}(?:_[A-Z]{{1,12}}){{1,6}})\Z"
)


def _is_bearer(match: re.Match[str]) -> bool:
    """Bearer is an ordinary word: small words of a sentence, and a placeholder in capitals, are no token."""
    return _NO_TOKEN.search(match[0]) is None


def bearer_detector(rank: int) -> Detector:
    """The rule of the wire contract (§11.2): the word and the token, replaced as a whole.

    It deviates in two points. What follows may be plain small words that are joined by hyphens and hold a vowel each
    (`the bearer authentication-scheme`), or a placeholder in capitals that names what belongs there
    (`Bearer YOUR_ACCESS_TOKEN_HERE`): both stay. A digit, letters in both cases, or a single run of letters always go.
    """
    return PatternDetector(
        "bearer",
        label("bearer"),
        Order.CREDENTIAL,
        re.compile(r"\bbearer(?:\s|%20|\+){1,4}[A-Za-z0-9._-]{16,}+[A-Za-z0-9._~+/=-]*+", re.IGNORECASE),
        ("earer", "EARER"),
        accept=_is_bearer,
        rank=rank,
    )


_AUTHORIZATION: Final = re.compile(
    r"(?:authorization|x-auth|x-authorization)(?:\\{0,3}[\"'`])?[ \t]{0,4}(?::|=>|=|,)[ \t]{0,4}(?:\\{0,3}[\"'`])?"
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9_-]{1,24})(?:[ \t]{1,4}|%20|=(?=\S)))?(?P<value>[^\s\"'`<>\\{}$]{4,2048}+)(?![${<])(?P<more>(?:,[ \t]{0,3}[^\s\"'`<>\\{}]{3,300}|[ \t][\w-]{2,30}=[^\s<>{}]{1,300}){0,12}+)",
    re.IGNORECASE,
)
_SCHEMES: Final = frozenset(
    [
        "basic", "bearer", "token", "apikey", "api-key", "api_key", "digest", "negotiate", "ntlm", "hawk", "oauth", "ssws",
        "key", "bot", "jwt", "splunk", "geniekey", "aws4-hmac-sha256", "aws", "snowflake", "hmac", "signature", "kubernetes",
        "mac", "dpop", "vapid", "sso-key", "zoho-oauthtoken", "deepgram", "klaviyo-api-key", "goog", "googlelogin", "secret",
        "access_token", "access-token", "mutual", "scram-sha-256", "private-token", "linear", "user", "client", "key-pair",
    ]
)  # fmt: skip


class AuthorizationDetector:
    """Values of `Authorization:` headers; the name of the header and the scheme stay."""

    kind = "authorization"
    replacement = label("authorization")

    def __init__(self, rank: int) -> None:
        self._rank = rank

    def find(self, text: str) -> Iterator[Span]:
        """Spans of the values."""
        if not any(part in text for part in ("uthorization", "UTHORIZATION", "-Auth", "-auth")):
            return
        for match in _AUTHORIZATION.finditer(text):
            scheme = (match["scheme"] or "").lower()
            if not _is_value(match["value"], scheme):
                continue
            kind = "basic-auth" if scheme == "basic" else self.kind
            end = match.end("more") if scheme in _SCHEMES else match.end("value")
            yield Span(match.start("value"), end, kind, label(kind), Order.CREDENTIAL, self._rank)


def _is_value(value: str, scheme: str) -> bool:
    if value.lower() in _SCHEMES:
        return False
    digits = sum(map(str.isdigit, value))
    if not scheme and "(" in value:
        return False
    if scheme in _SCHEMES:
        return not made_of_words(value) and (digits > 0 or len(value) >= 8) and value.strip(".*xX") != ""
    return digits >= 2 and len(value) >= 8 and not made_of_words(value)


_BASIC: Final = re.compile(r"(?<=basic )\s{0,3}(?P<value>[A-Za-z0-9+/]{12,}+={0,2})(?![\w-])", re.IGNORECASE)


def _is_basic(match: re.Match[str]) -> bool:
    """Basic is an ordinary word: its value counts only where a header is written, or when it is plainly base64."""
    before = match.string[max(0, match.start() - _CONTEXT) : match.start()].lower()
    value = match["value"]
    mixed = any(map(str.isdigit, value)) and any(map(str.isupper, value)) and any(map(str.islower, value))
    return ("auth" in before and not value.isalpha()) or (mixed and (value.endswith("=") or len(value) >= 20))


_COOKIES: Final = re.compile(
    r"(?<![A-Za-z])(?P<set>set-)?cookie2?s?(?:\\{0,3}[\"'`])?[ \t]{0,3}[:=][ \t]{0,3}(?:\\{0,3}[\"'`])?(?P<pairs>[^\s=;,\"'`]{1,80}=[^\n\"'`]{1,8192}+)",
    re.IGNORECASE,
)
_OPTION: Final = re.compile(
    r"(?<=\s)(?:-b|--cookie)[ =][\"']?(?P<set>(?!))?(?P<pairs>[\w.-]{1,80}=[^\n\"'`]{1,8192}+)"
)
_PAIR: Final = re.compile(r"(?P<name>[^\s=;,]{1,80})=(?P<value>[^;,\s\\]{1,4096}+)")
_PLAIN_VALUE: Final = re.compile(
    r"(?:[A-Za-z][A-Za-z_-]{0,24}|\d{1,5}|[A-Za-z]{2}[-_][A-Za-z]{2}|\d{1,4}x\d{1,4})\Z"
)
_ATTRIBUTES: Final = frozenset(["path", "domain", "expires", "max-age", "samesite", "priority", "version"])


class CookieDetector:
    """Values of cookies; their names, attributes and plain settings (`theme=dark`) stay."""

    kind = "cookie"
    replacement = label("cookie")

    def __init__(self, rank: int) -> None:
        self._rank = rank

    def find(self, text: str) -> Iterator[Span]:
        """Spans of the values."""
        if not any(part in text for part in ("ookie", "OOKIE", "-b ")):
            return
        for pattern in (_COOKIES, _OPTION):
            for header in pattern.finditer(text):
                offset = header.start("pairs")
                for pair in _PAIR.finditer(header["pairs"]):
                    if pair["name"].lower() in _ATTRIBUTES or _PLAIN_VALUE.match(pair["value"]):
                        continue
                    start, end = (offset + position for position in pair.span("value"))
                    if pair["value"][0] not in "${<*[%(":
                        yield Span(start, end, self.kind, self.replacement, Order.CREDENTIAL, self._rank)


def header_detectors(rank: int) -> list[Detector]:
    """Authorization, Basic and cookies; they rank behind all tokens of known shape."""
    basic = PatternDetector(
        "basic-auth",
        label("basic-auth"),
        Order.CREDENTIAL,
        _BASIC,
        ("asic ", "ASIC "),
        accept=_is_basic,
        group="value",
        rank=rank,
    )
    return [basic, AuthorizationDetector(rank + 1), CookieDetector(rank + 2)]
