"""Whether a value after a telling name is a secret, or a type, a variable, a placeholder, a word of a sentence."""

from __future__ import annotations

import math
import re
from collections import Counter
from enum import Enum
from typing import Final

from whetstone.privacy.detectors.assignments.names import Strength
from whetstone.privacy.detectors.credentials.tokens import made_of_words


class Place(Enum):
    """Where the value stands; code names variables where files and people write the secret itself."""

    QUOTED = "quoted"
    FILE = "file"
    """`NAME=value` of an env file or `name: value` on a line of its own."""
    CODE = "code"
    PROSE = "prose"


_WORDS_OF_TYPES: Final = frozenset(
    [
        "string", "str", "text", "varchar", "char", "number", "integer", "int", "float", "bool", "boolean", "true", "false",
        "yes", "no", "null", "none", "nil", "nan", "undefined", "unknown", "optional", "required", "missing", "invalid", "valid",
        "hidden", "masked", "redacted", "any", "object", "array", "list", "enum", "bytes", "bytearray", "self", "this", "password",
        "passwd", "passphrase", "secret", "token", "key", "apikey", "changeme", "change_me", "change-me", "example", "default",
        "pending", "disabled", "enabled", "empty", "blank", "value", "input", "prompt", "getpass", "todo", "tbd", "n/a", "secretstr",
        "void", "never", "ok", "auto", "test", "foo", "bar", "off", "on", "encrypted", "plain", "plaintext", "field", "file",
    ]
)  # fmt: skip
_TEMPLATE: Final = re.compile(
    r"\$\{|\$\(|\{\{|\{[A-Za-z_][\w.]{0,60}\}|%\(\w|%[A-Z_]{2,}%|<[A-Za-z/!?][\w .:-]{0,60}>?\Z|\$[A-Za-z_][\w:.]*\Z|%[sdr]\Z"
    r"|[*•.xX#_?-]+\Z|\.\.\.|…|(?:your|my|the|an?|insert|enter|some|put|replace)[ _-]|(?:ref|vault|secret|env|file|op)[:+]//|xxxx|\*\*\*"
    r"|(?:process\.)?env[.\[(]|os\.(?:environ|getenv)|getenv|system\.getenv|secrets\.|vars\.",
    re.IGNORECASE,
)
_FILLED_LATER: Final = re.compile(
    r"\$\{|\{\{|\{[a-z_][\w.]*(?:\[\w+\])?\}|\$[A-Z][A-Z_]{4,}|%\(\w+\)s|\{[a-z_]{3,30}\}"
)
_CODE: Final = re.compile(
    r"[A-Za-z_$][\w$]*(?:(?:\.|\?\.|::|->)[A-Za-z_$][\w$]*)+(?:[(\[].*)?\Z|[A-Za-z_$][\w$.]*[(\[].*|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z"
    r"|https?:|[A-Za-z_]\w*\)*\Z(?<![0-9])(?<=[)])|&[A-Za-z_]\w*\Z|@[\w/.-]+\Z|[!~]?[A-Za-z_]\w*\s?(?:\+|\?\?|\|\|)",
)
_NUMBERED_VARIABLE: Final = re.compile(
    r"(?:\w*(?:pass|pwd|pw|word|secret|token|tok|key|arg|var|val|value|line|list|item|field|param|str|user|data|buf|row|col|text|tmp"
    r"|name|node|res|result|utf|sha|md|base|aes|rsa|int|uint|float|b)_?)\d{0,4}\Z",
    re.IGNORECASE,
)
_NAMES_OF_THINGS: Final = re.compile(
    r"(?:[a-z]{2,}\d{0,3}|\d{1,4}|v\d+|[A-Z]+\d{0,2})(?:[-_./:](?:[a-z]{1,}\d{0,3}|\d{1,4}|[A-Z]+\d{0,2}))*\Z"
)
_SPECIAL: Final = frozenset("!@#$%^&*?~+=")
_PREDICATE: Final = re.compile(
    r"(?:\w+(?:ed|ing|ly|able|ible|ous|ful|less|ant|ent|ive|ary)|correct|wrong|not|too|the|an?|in|on|at|to|for|of|and|or|if|it|its|my"
    r"|your|now|still|only|also|just|case|safe|secure|weak|strong|short|long|longer|empty|blank|lost|gone|private|public|secret|right"
    r"|good|bad|same|different|new|old|unique|random|mandatory|optional|necessary|known|unknown|what|that|this|being|stolen|broken"
    r"|set|kept|sent|stored|hashed|shown|always|never|more|less|both|all|no|yes|so|from|by|with|as|only|out|up|down|back|here|there"
    r"|ok|okay|fine|none|null|reset|change|hidden|visible|plain|case-sensitive|incorrect|invalid|valid|due|simple|complex|easy|hard"
    r"|text|login|recovery|manager|protected|field|string|about|one|two|below|above|which|who|how|why|when|where|very|really|quite)\Z",
    re.IGNORECASE,
)
_HEX: Final = re.compile(r"(?:0x)?[0-9a-fA-F]+\Z")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_MAX_SIGNS: Final = 6
_MIN_RANDOM: Final = 20
_MIN_ENTROPY: Final = 3.5
_MIN_HEX_ENTROPY: Final = 3.0


def is_secret(value: str, strength: Strength, place: Place) -> bool:
    """Whether the value (without its quotes) is a secret, given its name and its place."""
    if max(value.count("="), value.count(":")) > _MAX_SIGNS:
        return False
    if (
        value.lower() in _WORDS_OF_TYPES
        or _TEMPLATE.match(value)
        or _FILLED_LATER.search(value)
        or not any(map(str.isalnum, value))
    ):
        return False
    if place is not Place.QUOTED and _CODE.match(value):
        return False
    if strength is Strength.WEAK:
        return is_random(value)
    if strength is Strength.PASSWORD:
        return _is_password(value, place)
    return _is_key(value, place)


def _is_password(value: str, place: Place) -> bool:
    letters = any(map(str.isalpha, value))
    digits = any(map(str.isdigit, value))
    if place is Place.QUOTED:
        return _is_quoted_password(value)
    if place is Place.CODE:
        return digits and letters and len(value) >= 4 and _NUMBERED_VARIABLE.match(value) is None
    if digits:
        return len(value) >= 4 and (letters or len(value) <= 32)
    if len(value) >= 4 and not _SPECIAL.isdisjoint(value[1:]):
        return True
    if place is Place.FILE:
        return len(value) >= 4 and _PREDICATE.match(value) is None and _NUMBERED_VARIABLE.match(value) is None
    humps = sum(map(str.isupper, value))
    return len(value) >= 6 and (humps >= 3 and not value.isupper()) and not made_of_words(value)


def _is_quoted_password(value: str) -> bool:
    if " " in value:
        # A label or a message of a form speaks about the password; a passphrase does not.
        words = value.lower().split()
        return (
            len(words) <= 12
            and value[-1] not in ".:?!…"
            and not any(
                word.startswith(
                    (
                        "pass",
                        "your",
                        "enter",
                        "the",
                        "must",
                        "please",
                        "is",
                        "not",
                        "and",
                        "or",
                        "a",
                        "for",
                        "to",
                        "of",
                    )
                )
                for word in words
            )
        )
    if any(map(str.isdigit, value)):
        return len(value) >= 3
    return (
        len(value) >= 4
        and _NUMBERED_VARIABLE.match(value) is None
        and _PREDICATE.match(value) is None
        and not (
            "pass" in value.lower()
            or "_" in value
            or "/" in value
            or value[0] in ".#-%:$"
            or value[-1] in ":="
        )
    )


def _is_key(value: str, place: Place) -> bool:
    digits = sum(map(str.isdigit, value))
    letters = any(map(str.isalpha, value))
    if _is_path(value):
        return False
    if place is Place.FILE:
        return (
            len(value) >= 6
            and (digits > 0 or len(value) >= 16 or not value.isalpha())
            and not (digits == 0 and made_of_words(value))
        )
    if len(value) < 8 or _NUMBERED_VARIABLE.match(value):
        return False
    if _NAMES_OF_THINGS.match(value) and not (
        place is not Place.CODE and letters and digits >= 2 and len(value) >= 8
    ):
        return place is not Place.CODE and len(value) >= 24 and not made_of_words(value)
    if letters and digits:
        return place is not Place.CODE or digits >= 2
    return len(value) >= 20 and " " not in value and not made_of_words(value) and is_random(value)


def _is_path(value: str) -> bool:
    return value.startswith(
        ("/", "./", "../", "~/", "http://", "https://", "s3://", "arn:", "projects/", "C:\\")
    ) or value.endswith(
        (".json", ".pem", ".key", ".txt", ".py", ".yaml", ".yml", ".crt", ".env", ".p12", ".pub")
    )


def is_random(value: str) -> bool:
    """Whether a value is of high entropy.

    At least 20 characters of one word with letters and digits: hexadecimal with 3.0 bits a character, else 3.5 bits
    and letters in both cases or a third of digits and signs. Random base64 of 20 characters has 4.1 bits on average
    and identifiers of programs have below 3.5 or lack the digits.
    """
    if len(value) < _MIN_RANDOM or " " in value or _UUID.match(value) or _is_path(value):
        return False
    digits = sum(map(str.isdigit, value))
    if digits < 2 or not any(map(str.isalpha, value)):
        return (
            len(value) >= 32
            and value.isalpha()
            and not value.islower()
            and entropy(value) > 4.0
            and not made_of_words(value)
        )
    if _HEX.match(value):
        return len(value) >= 24 and entropy(value) >= _MIN_HEX_ENTROPY
    both = any(map(str.isupper, value)) and any(map(str.islower, value))
    return (
        entropy(value) >= _MIN_ENTROPY
        and (both or 3 * digits >= len(value))
        and not _NAMES_OF_THINGS.match(value)
    )


def entropy(value: str) -> float:
    """Shannon entropy in bits a character."""
    length = len(value)
    return -sum(count / length * math.log2(count / length) for count in Counter(value).values())
