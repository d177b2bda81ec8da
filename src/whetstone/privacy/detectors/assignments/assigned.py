"""Values after telling names in text that is not JSON as a whole: env files, code, query strings, logs, sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from whetstone.privacy.detectors.assignments.codes import find_codes
from whetstone.privacy.detectors.assignments.names import Name, Strength, find_names, lowered
from whetstone.privacy.detectors.assignments.values import Place, is_secret
from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.placeholders import label
from whetstone.privacy.structure.keys import rule_for

_QUOTED: Final = re.compile(
    r"(?P<q>\\{0,3}[\"'])(?P<name>[A-Za-z0-9_. -]{2,64})(?P=q)\s{0,3}(?::|=>)\s{0,3}(?P=q)"
    r"(?P<value>[^\"'\\\n]{1,512})(?P=q)"
)
_SIGN: Final = re.compile(
    r"(?P<close>\\{0,3}[\"'`]|[*_]{1,3})?[\])]{0,2}(?:[ \t]{0,4}\([^()\n]{1,40}\))?"
    r"(?:"
    r"[ \t]{0,4}:[ \t]{0,4}(?:str|string|String|bytes|SecretStr|Optional\[str\]|str \| None|&?(?:'static )?str|any)[ \t]{0,4}=[ \t]{0,4}(?P<typed>)"
    r"|[ \t]{0,16}(?P<assign>=>|:=|={1,3}|!={1,2}|:{1,2}|->|→|：|＝|(?<=[ \t])\|)(?:\*{1,3}|__)?[ \t]{0,16}(?:\r?\n[ \t]{0,16}(?![\s-]))?"
    r"|(?P<call>\((?=[\"'`]))"
    r"|(?P<member>,?\s{1,40}\\{0,3}[\"']?value\\{0,3}[\"']?[ \t]{0,4}[:=][ \t]{0,4})"
    r"|(?P<pair>,[ \t]{0,4}(?=\\{0,3}[\"'`]))"
    r"|(?P<xml>>)(?=[^\s<>])"
    r"|(?P<attribute>[ \t]{1,4}value[ \t]?=[ \t]?(?=[\"']))"
    r"|[ \t]{1,4}(?P<prose>is now|is|was|will be|has been (?:changed|set|reset) to|(?:changed |set |reset |updated )?to|ist|lautet|est|es"
    r"|é|is still)(?:[ \t]{0,2}:)?[ \t]{1,3}"
    r"|[ \t]{1,4}(?P<gap>)"
    r")"
)
_STRING: Final = re.compile(
    r"[rRbBuUfF@]{0,2}(?:"
    r"(?P<q>\\{1,3}[\"'`])(?P<escaped>[^\"'`\\\n]{1,512})(?P=q)"
    r"|\"\"\"(?P<long>[^\"\n]{1,512})\"\"\""
    r"|\"(?P<double>(?:[^\"\\\n]|\\[^\n]){1,512})\""
    r"|'(?P<single>(?:[^'\\\n]|\\[^\n]){1,512})'"
    r"|`(?P<back>[^`\n]{1,512})`)"
)
_WIDE: Final = re.compile(r"[\"'`*]{0,3}(?P<value>[^\s\"'`]{1,256})")
_NARROW: Final = re.compile(r"[\"'`*]{0,3}(?P<value>[^\s\"'`,;&<>{}()\[\]|\\]{1,256})")
_REST: Final = re.compile(r"[^\s\"'`,;&<>{}()\[\]|\\]*+")
# Where a password ends though no space follows: the next field of a query, of a connection string, of a tag.
_CUT: Final = re.compile(
    r"&(?=[\w.\[\]%-]{1,40}=)|&amp;|[,;](?=[\"']?[A-Za-z_][\w .-]{0,30}[\"']?[:=])|;|</?[A-Za-z]|\\+[nrt]|\\+\Z|\||[}\]]+[,;]?\Z|[)}\]]+[.;,:]"
)
_BEFORE_LINE: Final = re.compile(
    r"(?:^|\n)[ \t>#/*+-]{0,12}(?:export |set |setx |env |ENV |ARG |- |-e |--env |let |const |var )?[\"'`]?\Z"
)
_LOGIN: Final = re.compile(
    r"(?:login|user(?:name)?|machine|with|use|using|the|my|try|enter|identified by|and)[ \t:=]{1,3}(?:\S{1,64}[ \t]{1,3})?\Z",
    re.IGNORECASE,
)
_BACKWARD: Final = re.compile(
    r"(?<![^\s\"'`(])(?P<value>[^\s\"'`]{6,60})[\"'`]? (?:is|as) (?:my|your|the|our|a|her|his|their) (?:[\w.'-]{1,16} ){0,2}\Z"
)
_ENV_LINE: Final = re.compile(r"(?:^|\n)[ \t]{0,8}(?:ENV|ARG|setx|set -g?x|setenv|export)[ \t]{1,3}\Z")
_ENDS_LINE: Final = re.compile(r"[\"'`]?[ \t]{0,8}(?:\r?\n|#|//|\Z|\\n)")
_ENDS_SENTENCE: Final = re.compile(
    r"[\"'`]?[.!)]{0,2}(?:\s{0,2}\Z|\n|[.,;!)] |[.,;!]\Z| (?:and|but|for|please|thanks|if|so)\b)"
)
_REACH: Final = 72


@dataclass(frozen=True, slots=True)
class AssignmentDetector:
    """Secrets that are told by their names.

    Quoted members follow the rules for keys. Bare values must look like a secret, for here stand also types,
    variables and plain words.
    """

    kind: str = "secret"
    replacement: str = label("secret")

    def find(self, text: str) -> Iterator[Span]:
        """Spans of the values alone; the names stay."""
        yield from _members(text)
        lower = lowered(text)
        yield from find_codes(text, lower)
        name = find_names(text, lower, 0)
        while name is not None:
            span = _value_of(text, name)
            if span is not None:
                kind = f"{name.provider}-{name.strength.value}" if name.provider else self.kind
                yield Span(*span, kind, label(kind), Order.ASSIGNMENT, rank=1)
            elif (before := _value_before(text, name)) is not None:
                yield Span(*before, self.kind, self.replacement, Order.ASSIGNMENT, rank=1)
            name = find_names(text, lower, name.end if span is None else max(name.end, span[1]))


def _members(text: str) -> Iterator[Span]:
    """Quoted keys with quoted values, as the rules for keys have it."""
    if ":" not in text and "=>" not in text:
        return
    for match in _QUOTED.finditer(text):
        rule = rule_for(match["name"])
        if rule is not None and rule.kind != "geo" and rule.accepts(match["value"]):
            start, end = match.span("value")
            yield Span(start, end, rule.kind, rule.replacement, Order.ASSIGNMENT)


def _value_before(text: str, name: Name) -> tuple[int, int] | None:
    """Where the secret stands in `… is my password`."""
    first = max(0, name.start - _REACH)
    if text.find(" is ", first, name.start) < 0 and text.find(" as ", first, name.start) < 0:
        return None
    match = _BACKWARD.search(text, first, name.start)
    if match is None or not any(map(str.isdigit, match["value"])):
        return None
    return match.span("value") if is_secret(match["value"], name.strength, Place.PROSE) else None


def _value_of(text: str, name: Name) -> tuple[int, int] | None:
    """Where the secret stands that the name announces, if one does."""
    sign = _SIGN.match(text, name.end)
    if sign is None:
        return None
    before = text[max(0, name.start - _REACH) : name.start]
    kind = sign.lastgroup
    if kind == "close" or (kind == "gap" and sign["close"]):
        return None
    if kind == "pair" and not (
        sign["close"] and (before.rstrip("\\\"'`").endswith("(") or text.startswith("--", name.start))
    ):
        return None
    # The word for a ticket or a verb is the name of a password only where a value is assigned to it.
    if kind in ("prose", "gap") and text[name.start : name.end].lower() == "pass":
        return None
    if kind == "xml" and not before.rstrip("/\\").endswith(("<", ":")):
        return None
    if kind == "assign" and sign["assign"] in ("|", "->", "→", "::") and name.strength is Strength.WEAK:
        return None
    string = _STRING.match(text, sign.end())
    if string is not None:
        return _quoted(string, name, kind or "", before)
    return _bare(text, name, sign, before)


def _quoted(string: re.Match[str], name: Name, kind: str, before: str) -> tuple[int, int] | None:
    group = string.lastgroup or ""
    if group == "q":
        group = "escaped"
    value = string[group]
    if (
        kind == "gap"
        and string.string[name.start] != "-"
        and not _LOGIN.search(before)
        and not any(map(str.isdigit, value))
    ):
        return None
    place = Place.QUOTED
    if kind == "prose" and " " in value:
        return None
    stripped = value.strip()
    return string.span(group) if stripped and is_secret(stripped, name.strength, place) else None


def _bare(text: str, name: Name, sign: re.Match[str], before: str) -> tuple[int, int] | None:
    kind = sign.lastgroup
    if kind in ("call", "pair", "attribute") or sign["assign"] in ("==", "===", "!=", "!=="):
        return None
    wide = name.strength is Strength.PASSWORD and not before.endswith(("?", "&"))
    match = (_WIDE if wide else _NARROW).match(text, sign.end())
    if match is None:
        return None
    start = match.start("value")
    value = _clip(match["value"], wide)
    end = start + len(value)
    place = _place(text, name, sign, before, (start, end))
    if place is None or not value:
        return None
    if not wide and text.startswith(("(", "["), end):
        return None
    if not (is_secret(value, name.strength, place) or _is_plain_password(text, name, sign, value, end)):
        return None
    if end - start >= 256:
        rest = _REST.match(text, end)
        end = rest.end() if rest else end
    return start, end


def _clip(value: str, wide: bool) -> str:
    """The value without what belongs to the sentence or the syntax around it."""
    if wide and (cut := _CUT.search(value, 1, 100)):
        value = value[: cut.start()]
    value = value.rstrip(".,;:?" if wide else ".,;:?!")
    if value.endswith("!") and value.rstrip("!").isalpha():
        value = value.rstrip("!")
    while (
        value
        and value[-1] in ")]}>"
        and value.count(value[-1]) > value.count("([{<"[")]}>".index(value[-1])])
    ):
        value = value[:-1].rstrip(".,;:")
    return value


def _place(text: str, name: Name, sign: re.Match[str], before: str, value: tuple[int, int]) -> Place | None:
    """What kind of text the bare value stands in; None where no bare value can stand."""
    start, end = value
    kind = sign.lastgroup
    if kind == "gap":
        if text[name.start] == "-" or _ENV_LINE.search(before):
            return Place.FILE
        if name.strength is Strength.SECRET:
            return Place.CODE
        plain = not any(map(str.isdigit, text[start:end])) or not any(map(str.isalpha, text[start:end]))
        return None if plain or end - start < 6 else Place.PROSE
    if kind == "prose":
        return Place.PROSE
    if kind in ("xml", "member"):
        return Place.FILE
    spaced = sign[0].endswith((" ", "\t")) and "=" in sign[0]
    if "\n" in sign[0] and (")" in sign[0] or "]" in sign[0] or not _ENDS_LINE.match(text, end)):
        return None
    if name.constant and not spaced and "=" in sign[0]:
        return Place.FILE
    if ":" in sign[0] and _BEFORE_LINE.search(before) and _ENDS_LINE.match(text, end):
        return Place.FILE
    return Place.CODE if spaced and not _ENDS_LINE.match(text, end) else Place.PROSE


_PLAIN: Final = re.compile(r"[A-Za-z]{5,32}\Z")


def _is_plain_password(text: str, name: Name, sign: re.Match[str], value: str, end: int) -> bool:
    """`my password is swordfish.`: a plain word, at the end of a sentence about a password, that says nothing of it."""
    return (
        name.strength is Strength.PASSWORD
        and sign.lastgroup == "prose"
        and _PLAIN.match(value) is not None
        and _ENDS_SENTENCE.match(text, end) is not None
        and is_secret(value, name.strength, Place.FILE)
    )
