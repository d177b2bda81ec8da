"""Whether a value after a telling name is a secret, or a type, a variable, a placeholder, a word of a sentence."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from whetstone.privacy.detectors.assignments.names import Strength
from whetstone.privacy.detectors.credentials.randomness import (
    is_name_of_thing,
    is_path,
    is_random,
    is_scrambled,
)
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
    r"|[*•.xX#_?-]+\Z|\.\.\.|…|(?:your|insert|enter|put|replace)[ _-]|(?:my|the|an?|some)(?:[ _-][a-z]{1,16}){1,8}\Z|(?:change|replace)[_-]?(?:me|this|it)(?:[_-][a-z]{1,16}){0,6}\Z|(?:ref|vault|secret|env|file|op)[:+]//|xxxx|\*\*\*"
    r"|(?:process\.)?env[.\[(]|os\.(?:environ|getenv)|getenv|system\.getenv|secrets\.|vars\.",
    re.IGNORECASE,
)
_FILLED_LATER: Final = re.compile(
    r"\$\{|\{\{|\{[a-z_][\w.]*(?:\[\w+\])?\}|\$[A-Z][A-Z_]{4,}|%\(\w+\)s|\{[a-z_]{3,30}\}"
)
_CODE: Final = re.compile(
    r"[A-Za-z_$][\w$]*(?:(?:\.|\?\.|::|->)[A-Za-z_$][\w$]*)+(?:[(\[].*)?\Z|[A-Za-z_$][\w$.]*[(\[].*|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z"
    r"|https?:|[A-Za-z_]\w*\)*\Z(?<![0-9])(?<=[)])|&[A-Za-z_]\w*\Z|@[\w/.-]+\Z|[!~]?[A-Za-z_]\w*\s?(?:\?\?|\|\|)",
)
_NUMBERED_VARIABLE: Final = re.compile(
    r"(?=\w{1,40}\Z)(?:[A-Za-z_]+\d{0,3}_)?[A-Za-z_]*(?:pass|pwd|pw|word|secret|token|tok|key|arg|var|val|value|line|list|item|field|param|str|user|data|buf|row|col|text|tmp"
    r"|name|node|res|result|utf|sha|md|base|aes|rsa|int|uint|float|b)_?\d{0,4}\Z",
    re.IGNORECASE,
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
_MAX_SIGNS: Final = 6
_DIGITS_OF_TOKENS: Final = 4
# Ends like an expression, or is nothing but names with dots between.
_CLOSED: Final = re.compile(
    r"[)\](\[]\Z|\A[A-Za-z_$][\w$]*(?:(?:\.|\?\.|::|->)[A-Za-z_$][\w$]*)+\Z|\A[A-Z][A-Z0-9_]*\Z|\Ahttps?:"
)


def is_secret(value: str, strength: Strength, place: Place) -> bool:
    """Whether the value (without its quotes) is a secret, given its name and its place."""
    if max(value.count("="), value.count(":")) > _MAX_SIGNS:
        return False
    if strength is not Strength.WEAK and place in (Place.QUOTED, Place.FILE) and is_scrambled(value):
        return True
    if (
        value.lower() in _WORDS_OF_TYPES
        or _TEMPLATE.match(value)
        or _FILLED_LATER.search(value)
        or not any(map(str.isalnum, value))
    ):
        return False
    if place is not Place.QUOTED and _is_code(value, strength, place):
        return False
    if strength is Strength.WEAK:
        return is_random(value)
    if strength is Strength.PASSWORD:
        return _is_password(value, place)
    return _is_key(value, place)


def _is_code(value: str, strength: Strength, place: Place) -> bool:
    """Whether a bare value is an expression: a name with parts, a call, a constant, a sum of variables."""
    digits = sum(map(str.isdigit, value))
    if "+" in value and not (place is Place.FILE and strength is Strength.PASSWORD):
        operands = [operand for operand in value.split("+") if operand]
        if all(_is_variable(operand) for operand in operands):
            return True
    if _CODE.match(value) is None:
        return False
    if place is Place.FILE and strength is Strength.PASSWORD and digits and not _CLOSED.search(value):
        return False
    # A token of several parts, such as `a1B2….c3D4…`, has more digits than any name.
    return not (digits >= _DIGITS_OF_TOKENS and "(" not in value and "[" not in value and is_random(value))


def _is_variable(operand: str) -> bool:
    return operand.isidentifier() and (
        not any(map(str.isdigit, operand)) or _NUMBERED_VARIABLE.match(operand) is not None
    )


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


# Words in labels and messages of forms.
_FORM_WORDS: Final = frozenset(
    [
        "your", "yours", "enter", "entered", "the", "must", "please", "is", "isn't", "not", "and", "or", "a", "an",
        "for", "to", "of",
    ]
)  # fmt: skip


def _is_quoted_password(value: str) -> bool:
    if " " in value:
        # A label or a message of a form speaks about the password; a passphrase does not.
        words = value.lower().split()
        return (
            len(words) <= 12
            and value[-1] not in ".:?!…"
            and _FORM_WORDS.isdisjoint(words)
            and not any(word.startswith("pass") for word in words)
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
    if is_path(value):
        return False
    if place is Place.FILE:
        return (
            len(value) >= 6
            and (digits > 0 or len(value) >= 16 or not value.isalpha())
            and not (digits == 0 and made_of_words(value))
        )
    if len(value) < 8 or _NUMBERED_VARIABLE.match(value):
        return False
    if is_name_of_thing(value) and not (
        place is not Place.CODE and letters and digits >= 2 and len(value) >= 8
    ):
        return place is not Place.CODE and len(value) >= 24 and not made_of_words(value)
    if letters and digits:
        return place is not Place.CODE or digits >= 2
    return len(value) >= 20 and " " not in value and not made_of_words(value) and is_random(value)
