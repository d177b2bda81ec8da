"""What a value under a telling key must look like to be private data, and not a type, a template or a description."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Final

Accepts = Callable[[str], bool]

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
    r"|<(?:your|the|my|an?|insert|enter)[ _-][\w -]*>\Z|your[_-][\w-]*\Z|\{[A-Za-z_][\w.]*\}\Z",
    re.IGNORECASE,
)
# Words of a sentence about a value: `"email": "The user's email address"`.
DESCRIBING: Final = frozenset(
    [
        "the", "your", "user's", "users", "customer's", "required", "optional", "valid", "invalid", "must",
        "field", "missing", "incorrect", "please", "enter", "of",
    ]
)  # fmt: skip
_DESCRIBING_SECRETS: Final = frozenset(
    ["user's", "required", "invalid", "incorrect", "must", "please", "enter", "password", "token"]
)
_NUMERIC: Final = re.compile(r"\s{0,4}[-+−]?\d{1,3}(?:[.,]\d{1,30})?\s{0,2}°?\s{0,2}[NSEWnsew]?\s{0,4}\Z")
UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z", re.IGNORECASE)
_DECIMAL: Final = re.compile(r"[-+]?\d+[.,]\d+\Z")
_NO_ADDRESS: Final = re.compile(r"\S+@\S+\Z|0x[0-9a-fA-F]+\Z|[a-z][a-z0-9+.-]*://|[0-9a-fA-F:.]+\Z|\S+\Z")
_POSTAL: Final = re.compile(
    r"(?:[A-Za-z]{1,2}[ -]?)?\d{3,8}(?:[ -]\w{2,5})?\Z|[A-Za-z]\w{1,3}\s?\d\w{2}\Z|\d{4}\s?[A-Za-z]{2}\Z|\d{2}[ -.]\d{3}(?:-\d{3})?\Z"
)
_BANK_CODE: Final = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?\Z")
_LOGIN_IN_STRING: Final = re.compile(
    r"://[^\s/]{3,}@|(?:password|pwd|key|secret|token)\s?=\s?[^\s;]", re.IGNORECASE
)
_RANDOM: Final = re.compile(r"(?=[\w+/=-]*[0-9])(?=[\w+/=-]*[A-Za-z])[\w+/=.%~-]{16,}\Z")
_ALNUM: Final = re.compile(r"[A-Za-z0-9]{12,}")
_MAC: Final = re.compile(
    r"(?:[0-9A-Fa-f]{2}[:.-]?){5}[0-9A-Fa-f]{2}\Z|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4}\Z"
)
_TICKER: Final = re.compile(r"[A-Z]{1,10}\Z|0x[0-9a-fA-F]{40}\Z")
_MAX_LINE = 254
_MAX_SIGNS_PER_DIGIT = 5


def meaningful(text: str) -> bool:
    """Not empty, a type, a template, a mask, or a sentence about the value."""
    return secret(text) and not (_begins_with(text, DESCRIBING) and "@" not in text)


def secret(text: str) -> bool:
    """The same for passwords, which may be sentences."""
    stripped = text.strip()
    return (
        any(map(str.isalnum, stripped))
        and stripped.lower() not in _TYPE_WORDS
        and _TEMPLATE.match(stripped) is None
        and not _begins_with(text, _DESCRIBING_SECRETS)
    )


def _begins_with(text: str, words: frozenset[str]) -> bool:
    first = text[:80].lower().split()[:5]
    return len(first) > 2 and not words.isdisjoint(first)


def one_line(text: str) -> bool:
    """Any value of a line."""
    return meaningful(text) and len(text) <= _MAX_LINE and "\n" not in text


def digits_at_least(minimum: int) -> Accepts:
    """A short value with so many digits."""

    def accepts(text: str) -> bool:
        return len(text) <= 64 and sum(character.isdigit() for character in text) >= minimum

    return accepts


def number_of(minimum: int, maximum: int = 34, digits: int = 3) -> Accepts:
    """A number of a document or an account, with letters perhaps; no decimal fraction and no sentence."""

    def accepts(text: str) -> bool:
        signs = sum(map(str.isalnum, text))
        found = sum(map(str.isdigit, text))
        return (
            minimum <= signs <= maximum
            and found >= digits
            and len(text.split()) <= 6
            and found * _MAX_SIGNS_PER_DIGIT >= signs
            and _DECIMAL.match(text) is None
            and UUID.match(text) is None
            and meaningful(text)
        )

    return accepts


def numeric(text: str) -> bool:
    """One coordinate."""
    return _NUMERIC.match(text) is not None


def coordinates(text: str) -> bool:
    """One coordinate, or a pair of them."""
    return (
        len(text) <= 80
        and 1 <= len(parts := text.strip("()[] ").split(",")) <= 3
        and all(map(numeric, parts))
    )


def token_like(text: str) -> bool:
    """A secret of some length."""
    return secret(text) and len(text.strip()) >= 4


def bare_token(text: str) -> bool:
    """Under `token` alone, where units of text and coins stand too."""
    return token_like(text) and not any(map(str.isspace, text.strip())) and _TICKER.match(text) is None


def random_token(text: str) -> bool:
    """A long value of letters and digits that is no UUID: those name sessions in logs."""
    return (
        any(map(_is_mixed, _ALNUM.findall(text)))
        and UUID.match(text) is None
        and _RANDOM.match(text) is not None
    )


def _is_mixed(run: str) -> bool:
    return any(map(str.isdigit, run)) and any(map(str.isalpha, run))


def cookie(text: str) -> bool:
    """Pairs, or a token."""
    return ("=" in text and len(text) >= 8 and meaningful(text)) or random_token(text)


def connection_string(text: str) -> bool:
    """One that holds a password."""
    return _LOGIN_IN_STRING.search(text) is not None


def pin(text: str) -> bool:
    """Four to ten digits, perhaps with gaps or two letters."""
    return 4 <= sum(map(str.isdigit, text)) <= 10 and len(text) <= 14 and _DECIMAL.match(text) is None


def recovery_phrase(text: str) -> bool:
    """Words, or a code."""
    return secret(text) and len(text) >= 6


def bank_code(text: str) -> bool:
    """A BIC: bank, country, town, perhaps a branch."""
    return _BANK_CODE.match(text.strip()) is not None


def address(text: str) -> bool:
    """A postal address by its value: blanks or commas, letters and digits; no e-mail, IP, memory or wallet address."""
    return (
        one_line(text)
        and _NO_ADDRESS.match(text.strip()) is None
        and any(map(str.isalpha, text))
        and (any(map(str.isdigit, text)) or "," in text)
    )


def street(text: str) -> bool:
    """A street, a house, a flat, a line of an address."""
    return one_line(text) and "@" not in text and "://" not in text and not text.strip().startswith("0x")


def postal_code(text: str) -> bool:
    """A postal code of some country."""
    stripped = text.strip()
    return len(stripped) <= 12 and _POSTAL.match(stripped) is not None


def date_of_birth(text: str) -> bool:
    """Any short value with a day or a year."""
    return len(text) <= 40 and any(map(str.isdigit, text)) and meaningful(text)


def ip_address(text: str) -> bool:
    """One or more addresses that are routed somewhere."""
    try:
        found = [ipaddress.ip_address(part.strip()) for part in text.split(",")] if len(text) < 400 else []
    except ValueError:
        return False
    return bool(found) and not any(one.is_loopback or one.is_unspecified for one in found)


def mac_address(text: str) -> bool:
    """Six bytes in hexadecimal."""
    return _MAC.match(text.strip()) is not None and len(set(text)) > 3


def wallet(text: str) -> bool:
    """A long word of letters and digits, or a name that ends like one."""
    stripped = text.strip()
    return (len(stripped) >= 20 and _RANDOM.match(stripped) is not None) or stripped.endswith(
        (".eth", ".sol")
    )
