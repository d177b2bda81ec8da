"""Tells source code from other text, and what may still be a name there.

Models take identifiers for names. JSON, YAML, tables and logs are data, where names are welcome; they are not code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from whetstone.privacy.names.entity import Found
from whetstone.privacy.names.lexicon import words
from whetstone.privacy.names.organizations import has_legal_form
from whetstone.privacy.names.words import is_prose, line_around

_MAX_LINE: Final = 300
"""What a line's end says is not asked of longer ones: they are data or minified."""
_SHARE_CHUNK: Final = 0.4
_SHARE_TEXT: Final = 0.25
_MIN_LINES: Final = 4
_STATEMENT: Final = re.compile(
    r"[ \t]*+(?:(?:async )?(?:def|class|fn|func|function|import|package|namespace|interface|struct|enum|impl|elif|except|finally|raise|assert|yield|await|lambda|const|let|var|public|private|protected|static|typedef|using|export|extends|unset|sudo)\b[ (:{]"
    r"|from [\w.]+ import\b|(?:return|pass|break|continue|try|else|fi|done|esac|then|endif|end)\b[:;]?[ \t]*$|return\b.{0,200}[\w)\]}'\";]$|(?:if|for|while|with|switch|case|match|elif|foreach|catch)\b.{1,200}[:{]$|(?:if|for|while|switch|catch)[ ]?\("
    r"|@[\w.]{2,60}(?:\(|$)|#(?:include|define|ifdef|ifndef|endif|pragma|!/)|>>> |\.\.\. |\$ \w|(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|JOIN|WHERE|GROUP BY|ORDER BY)\b.{1,200}[;,(*=]"
    r"|[\w.\[\]'\"]{1,80}(?::[ \w.\[\]|,]{1,60})?[ \t]*(?:=|:=|\+=|-=|\*=|/=|\|=)[ \t](?![=~])|[.#]?[\w-]{1,40}[ \t]*\{|[\w-]{1,40}:[ \t]?[^;\n]{1,80};[ \t]*$)"
)
_TABLE: Final = re.compile(r"[ \t]*+(?:0x[0-9a-fA-F]{1,8}\b|[ubr]{0,2}'[^'\n]{0,12}'[ \t]*[,:#])")
_SIGNS: Final = re.compile(
    r"==|!=|->|=>|::|&&|\|\||\+\+|<-|\w\(\)|\bself\.|\bthis\.|\w\[[\w'\":-]{1,30}\]|[a-z_\w]\([\w'\"*&\[{.(-][^()\n]{0,160}\)|[A-Za-z_]\w*\.\w+\(|[\w\]]\($|[;{}][ \t]*$|\)[;:,{]?[ \t]*$(?<=[\w'\"\])]\)[;:,{])|\\[nt'\"]|\w+_\w+[(=.]"
)
_TAG: Final = re.compile(r"[ \t]*+</?[a-zA-Z!?][^<>\n]{0,200}>?")
_DATUM: Final = re.compile(
    r"[ \t]*+[\[{][\[{ ]{0,4}\\?\"[^\"\n]{0,60}\"[ \t]*[:,]|[ \t]*+(?:-[ ])?\\?[\"'][^\"'\n]{1,60}[\"'][ \t]*:|[ \t]*+[\[\]{}(),;]{1,6}[ \t]*$"
)
_COMMENT: Final = re.compile(r"[ \t]*+(?:#|//|/\*|\*|--|;|<!--|%|\"\"\"|''')")
_BLOCK: Final = re.compile(r'"""|\'\'\'')
_CAPITALISED: Final = re.compile(
    r"(?:[^\W\d_a-z](?:[a-zß-ÿĀ-ž]|['’-](?=\w)|(?<=Mc)[A-Z]|(?<=Mac)[A-Z]|(?<=['’-])[A-Z])+|[^\W\d_a-z]\.?)"
)
_TOLD: Final = re.compile(r"(?:authors?:?|maintainer:|(?:TODO|FIXME|XXX|HACK|NOTE)\()\s?\Z", re.IGNORECASE)
_HINTED: Final = re.compile(
    r"\b(?:by|from|thanks to|contact:?|copyright[^\n]{0,20}|\(c\)[^\n]{0,12})\s?\Z", re.IGNORECASE
)
_KEY_END: Final = re.compile(r"[^\"'\n:]{0,20}\\{0,3}[\"'][ \t]{0,2}:")
_KEY_START: Final = re.compile(r"[\"'][^\"'\n]{0,20}\Z")
_USER_PART: Final = re.compile(r"(?:user|usr|uid|customer|login|account|id|name)[_./=-]\Z", re.IGNORECASE)
_PART_BEFORE: Final = re.compile(r"(?:[\w.]*[_.$])?\Z")
_PART_AFTER: Final = re.compile(r"(?:[_$]\w*|\.(?=\w)[\w.]*|\d+\w*)?")
_KEYWORD_BEFORE: Final = re.compile(r"\b(?:import|def|class|new|func|fn|struct|type|let|var|const)[ \t]\Z")
_USE_AFTER: Final = re.compile(r"[ \t]?(?:\(|=|\[|\+=|:=|::|->)")
_FIELD_BEFORE: Final = re.compile(
    r"(?:name|author|customer|client|owner|patient|person|employee|passenger|guest|sender|recipient|assignee|contact)[\"'\]]{0,2}[ ]?[=:][ ]?[\"'`]\Z",
    re.IGNORECASE,
)
_QUOTE: Final = re.compile(r"(?<=[\"'`>])[^\"'`<>\n]{2,60}(?=[\"'`<])")
_NUMBERED: Final = re.compile(r"[^\W\d_]{3,}[ ]\d{1,5}\b|\b\d{1,5}[A-Za-z]?[ ][^\W\d_]{3,}")


def kept_in_code(
    text: str, pieces: Iterable[tuple[int, str, list[Found]]]
) -> Iterator[tuple[int, list[Found]]]:
    """The pieces of a text with their findings, less what in code is no name. Offsets stay those of the piece."""
    if text.isascii() and text.isalpha() and text.islower() and text not in words("given names"):
        return  # a key, or the name of a setting
    whole: bool | None = None
    for offset, piece, every in pieces:
        found = [item for item in every if not is_key(piece, item.start, item.end)]
        if not found:
            yield offset, found
            continue
        if whole is None:
            whole = is_code(text)
        inside = is_code(piece, _SHARE_CHUNK)
        if not inside and not whole:
            yield offset, found
            continue
        yield (
            offset,
            [
                item
                for item in found
                if _counts(piece, item) or (not inside and _is_running(text, offset + item.start))
            ],
        )


def is_key(text: str, start: int, end: int) -> bool:
    """Whether the stretch, no full name, is part of the quoted word before a colon: the key of an object."""
    value = text[start:end]
    if _KEY_END.match(text, end) is None or _KEY_START.search(text, max(0, start - 24), start) is None:
        return False
    return " " not in value or not all(part[0].isupper() for part in value.split())


def is_identifier(text: str, start: int, end: int) -> bool:
    """Whether a word is, or is part of, what a program gave a name to: neither prose nor the id of a user."""
    value = text[start:end]
    if (
        _USER_PART.search(text, max(0, start - 12), start)
        or text[start - 1 : start] == "@"
        or text[end : end + 1] == "@"
    ):
        return False
    first = start - len(_PART_BEFORE.search(text, max(0, start - 40), start)[0])  # type: ignore[index]
    last = _PART_AFTER.match(text, end, end + 40).end()  # type: ignore[union-attr]
    if (first, last) != (start, end):
        return not any(map(str.isdigit, text[first:last])) or "." in text[first:last]
    if value.isupper() or value.islower():
        return True
    return (
        _KEYWORD_BEFORE.search(text, max(0, start - 12), start) is not None
        or _USE_AFTER.match(text, end) is not None
    )


def is_code(text: str, share: float = _SHARE_TEXT) -> bool:
    """Whether so many of the lines that say something are statements of a programming or markup language."""
    return _share(text) >= share


@lru_cache(maxsize=4096)
def _share(text: str) -> float:
    code = other = 0
    for line in text.splitlines():
        if len(line) < 2 or line.isspace() or _COMMENT.match(line) or _DATUM.match(line):
            continue
        if _is_statement(line):
            code += 1
        else:
            other += 1
    if not code or (code < 2 and other + code >= _MIN_LINES):
        return 0.0
    return code / (code + other)


def _is_statement(line: str) -> bool:
    if len(line) > _MAX_LINE:
        line = line[:_MAX_LINE]
    stripped = line.rstrip()
    if (tag := _TAG.match(stripped)) is not None:
        return not is_prose(re.sub(r"<[^<>]{0,200}>", " ", stripped)) and tag.end() > 3
    if _TABLE.match(stripped) is not None:
        return True
    if _STATEMENT.match(stripped) is not None:
        return not is_prose(stripped)
    return len(_SIGNS.findall(stripped)) > is_prose(stripped) * 2


def _is_running(text: str, position: int) -> bool:
    """Whether the place lies in prose around the code: a line that is neither indented nor a comment nor quoted."""
    line = line_around(text, position)
    if not line[:1].isalpha() or not is_prose(line):
        return False
    return sum(1 for _ in _BLOCK.finditer(text, 0, position)) % 2 == 0


def _counts(text: str, item: Found) -> bool:
    value = text[item.start : item.end]
    if item.kind == "person":
        return _is_person(text, item, value)
    if item.kind == "location":
        return False
    if item.kind == "organization":
        return has_legal_form(value) and not value.isupper()
    if item.kind == "address":
        return _NUMBERED.search(value) is not None and not any(sign in value for sign in "\"'#\\{}()=<>_")
    return True


def _is_person(text: str, item: Found, value: str) -> bool:
    parts = [part for part in value.split() if part.casefold() not in words("particles")]
    if not all(_CAPITALISED.fullmatch(part) for part in parts):
        return False
    if sum(len(part) > 2 for part in parts) >= 1 and len(parts) > 1:
        return True
    window = max(0, item.start - 32), item.start
    given = len(parts) == 1 and parts[0].casefold() in words("given names")
    if (
        _TOLD.search(text, *window)
        or text[item.end : item.end + 2] == " <"
        or (given and _HINTED.search(text, *window))
    ):
        return len(value) > 2
    return _is_quoted_name(text, item, value)


def _is_quoted_name(text: str, item: Found, value: str) -> bool:
    """A literal of its own, for a field of persons or in a line that has a common given name as a literal."""
    if text[item.start - 1 : item.start] not in ('"', "'", ">") or text[item.end : item.end + 1] not in (
        '"',
        "'",
        "<",
    ):
        return False
    if _FIELD_BEFORE.search(text, max(0, item.start - 40), item.start):
        return len(value) > 1
    literals = _QUOTE.findall(line_around(text, item.start, item.end))
    return len(value) > 2 and any(
        literal.split()[0].casefold() in words("given names") and literal[0].isupper()
        for literal in literals
        if literal.strip()
    )
