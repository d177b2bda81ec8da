"""Keys that say what their value is: `email`, `homeLat`, `api_key`, `Authorization`.

One table serves structured data (`{"password": "…"}`) and, through the assignment detector, the same members written
in plain text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from whetstone.privacy.detectors.address import ADDRESS
from whetstone.privacy.detectors.contact import EMAIL, PHONE
from whetstone.privacy.detectors.geo import REPLACEMENT as GEO
from whetstone.privacy.replacement.placeholders import has_placeholder, label

_MAX_KEY_LENGTH = 64
# What stands under such keys in schemas, forms and examples, and is nobody's data.
_TYPE_WORDS: Final = frozenset(
    [
        "string", "str", "text", "varchar", "char", "number", "numeric", "integer", "int", "float", "double",
        "decimal", "bool", "boolean", "true", "false", "yes", "no", "null", "none", "nil", "nan", "undefined",
        "unknown", "n/a", "na", "optional", "required", "missing", "invalid", "valid", "verified",
        "unverified", "hidden", "masked", "redacted", "any", "object", "array", "list", "enum", "date",
        "email", "e-mail", "mail", "phone", "mobile", "telephone", "password", "secret", "token", "key",
        "api_key", "apikey", "authorization", "bearer", "basic", "ssn", "lat", "lng", "latitude", "longitude",
        "changeme", "example", "default", "pending", "sms", "both", "home", "work",
    ]
)  # fmt: skip
_TEMPLATE: Final = re.compile(
    r"\$\{?[A-Za-z_][\w.]*\}?\Z|\{\{[^{}]*\}\}\Z|%[A-Z_]+%\Z|[*•.xX#_-]+\Z|process\.env\.\w+\Z|os\.environ\b.*\Z"
    r"|<(?:your|the|my|an?|insert|enter)[ _-][\w -]*>\Z|your[_-][\w-]*\Z",
    re.IGNORECASE,
)
_NUMERIC: Final = re.compile(r"\s{0,4}[-+−]?\d{1,3}(?:[.,]\d{1,30})?\s{0,2}°?\s{0,2}[NSEWnsew]?\s{0,4}\Z")


@dataclass(frozen=True, slots=True)
class KeyRule:
    """What to do with the value under a telling key."""

    kind: str
    replacement: str
    accepts: Callable[[str], bool]
    numbers: bool = True
    """Whether plain numbers are such values too."""
    holds_value: bool = False
    """Whether an object under the key carries the secret in its member `value`."""


def _meaningful(text: str) -> bool:
    stripped = text.strip()
    return (
        any(map(str.isalnum, stripped))
        and stripped.lower() not in _TYPE_WORDS
        and _TEMPLATE.match(stripped) is None
    )


def _one_line(text: str) -> bool:
    return _meaningful(text) and len(text) <= 254 and "\n" not in text


def _digits_at_least(minimum: int) -> Callable[[str], bool]:
    def accepts(text: str) -> bool:
        return len(text) <= 64 and sum(character.isdigit() for character in text) >= minimum

    return accepts


def _numeric(text: str) -> bool:
    return _NUMERIC.match(text) is not None


def _token_like(text: str) -> bool:
    return _meaningful(text) and len(text.strip()) >= 4


_EMAIL_RULE = KeyRule("email", EMAIL, _one_line, numbers=False)
_PHONE_RULE = KeyRule("phone", PHONE, _digits_at_least(5))
_GEO_RULE = KeyRule("geo", GEO, _numeric)
_ADDRESS_RULE = KeyRule("address", ADDRESS, _one_line, numbers=False)


def _secret(kind: str, accepts: Callable[[str], bool] = _meaningful) -> KeyRule:
    return KeyRule(kind, label(kind), accepts, holds_value=True)


_PASSWORD_RULE = _secret("password")
_TOKEN_RULE = _secret("token", _token_like)
_API_KEY_RULE = _secret("api-key", _token_like)

# Last word, or last two words, of a key.
_RULES: Final[dict[str, KeyRule]] = {
    **dict.fromkeys(
        ("email", "emails", "email address", "email addresses", "e mail", "emailaddress"), _EMAIL_RULE
    ),
    **dict.fromkeys(
        ("phone", "phones", "telephone", "mobile", "cellphone", "tel", "fax", "msisdn"), _PHONE_RULE
    ),
    **dict.fromkeys(
        (
            f"{device} {word}"
            for device in ("phone", "mobile", "telephone", "fax", "cell")
            for word in ("number", "numbers")
        ),
        _PHONE_RULE,
    ),
    "phonenumber": _PHONE_RULE,
    **dict.fromkeys(("lat", "latitude", "lng", "lon", "longitude"), _GEO_RULE),
    **dict.fromkeys(("street address", "postal address", "home address", "mailing address"), _ADDRESS_RULE),
    **dict.fromkeys(("password", "passwd", "pwd", "passphrase", "passcode"), _PASSWORD_RULE),
    **dict.fromkeys(("secret", "secrets", "secret key", "client secret"), _secret("secret")),
    **dict.fromkeys(("token", "jwt"), _TOKEN_RULE),
    **dict.fromkeys(
        ("api key", "apikey", "access key", "account key", "auth key", "api keys"), _API_KEY_RULE
    ),
    **dict.fromkeys(("private key", "privatekey", "signing key", "encryption key"), _secret("private-key")),
    **dict.fromkeys(("authorization", "set cookie"), _secret("authorization", _token_like)),
    **dict.fromkeys(
        ("ssn", "social security", "social security number"), _secret("ssn", _digits_at_least(4))
    ),
    **dict.fromkeys(("cvv", "cvc", "card number"), _secret("card-number", _digits_at_least(3))),
}
# Tokens that are places in a list or units of text, not secrets: nextPageToken, eos_token.
_HARMLESS_TOKENS: Final = frozenset(
    [
        "page", "next", "continuation", "sync", "cursor", "prev", "previous", "max", "min", "pad", "eos",
        "bos", "unk", "stop", "start", "end", "special", "mask", "sep", "cls", "first", "last", "prompt",
        "completion", "input", "output",
    ]
)  # fmt: skip
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@lru_cache(maxsize=8192)
def rule_for(key: str) -> KeyRule | None:
    """The rule of a key, by its last words in any spelling (`userEmail`, `x-api-key`, `START_LAT`); or None."""
    if len(key) > _MAX_KEY_LENGTH or has_placeholder(key):
        return None
    words = [word.lower() for word in _WORDS.findall(key)]
    if not words:
        return None
    if words[-1] == "token" and len(words) > 1 and words[-2] in _HARMLESS_TOKENS:
        return None
    tails = (" ".join(words[-length:]) for length in (3, 2, 1))
    return next((_RULES[tail] for tail in tails if tail in _RULES), None)
