"""Names that people have on machines: in home folders, logs of logins, commands, and where a text tells them.

The accounts of services and the names of examples stay: `root`, `postgres`, `you`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from whetstone.privacy.detectors.spans import Order, Span, Tier
from whetstone.privacy.names.lexicon import is_public, words
from whetstone.privacy.replacement.placeholders import label

_NAME: Final = r"(?P<name>[A-Za-z][\w.-]{1,31})(?![\w@-])"
_QUOTE: Final = r"[\"'`]{0,2}"
# Each with the literals of which one must occur before it is tried.
_PATTERNS: Final = tuple(
    (triggers, re.compile(pattern, re.MULTILINE))
    for triggers, pattern in (
        (("/home/", "/Users/"), rf"(?<![\w./:-])(?:/[\w.]{{1,20}}){{0,3}}/(?:home|Users)/{_NAME}(?=[/\s\"'`:,;)\]}}]|$)"),
        (("Users\\",), r"[A-Za-z]:\\{1,4}Users\\{1,4}(?P<name>[A-Za-z][\w.-]{1,31}(?: [A-Z][\w.-]{1,31}){0,2})(?=[\\\s\"'`]|$)"),
        ((" for ",), rf"\b(?:Failed|Accepted) [a-z/-]{{3,24}} for (?:invalid user |illegal user )?{_NAME}(?= from)"),
        (("for user ",), rf"\bfor user {_NAME}"),
        (("nvalid user ",), rf"\b[Ii]nvalid user {_NAME}"),
        (("uid=",), r"\buid=\d{1,10}\((?P<name>[A-Za-z][\w.-]{1,31})\)"),
        (("ogged in as ", "igned in as ", "og in as ", "ign in as ", "ogin as "), rf"(?:[Ll]ogged|[Ss]igned|[Ll]og|[Ss]ign|\b[Ll]ogin) ?(?:in )?as {_QUOTE}{_NAME}"),
        (("Host",), rf"^[ \t]{{0,8}}User[ \t]{{1,4}}{_NAME}[ \t]*$"),
        (("chown ",), rf"\bchown (?:-[\w-]{{1,12}} ){{0,3}}{_NAME}(?=[:. ])"),
        (("su - ", "su -l ", "sudo -u ", "runuser -u "), rf"\b(?:su -l?|sudo -u|runuser -u) ?{_NAME}"),
        (("ssh ", "scp ", "sftp ", "rsync ", "mosh "), r"\b(?:ssh|scp|sftp|rsync|mosh) (?:[^\s@]{1,60} ){0,8}?(?P<name>[A-Za-z][\w.-]{1,31})@(?=[\w\[])"),
        (("@",), r"^(?:\([\w.-]{1,20}\) )?\[?(?P<name>[a-z][\w.-]{1,31})@[\w.-]{1,40}[: ][~/][^\n$#%]{0,80}[$#%]"),
        (("rw", "r-"), r"^[dlcbps-][rwxsStT-]{9}[.+@]?[ ]{1,8}\d{1,5}[ ]{1,4}(?P<name>[a-z][\w.-]{1,31})[ ]{1,12}\S"),
        (("(",), r"\b(?:TODO|FIXME|XXX|HACK)\(@?(?P<name>[a-z][a-z_.]{2,20}\d{0,4})\)"),
        (("curl ",), r"\bcurl (?:[^\s]{1,80} ){0,6}?(?:-u|--user)[ =][\"']?(?P<name>[A-Za-z][\w.-]{1,31})(?=:)"),
        ((" <",), rf"^\[?[\d:. -]{{5,20}}\]? <[@+ ]?{_NAME}> "),
        # logfmt: other pairs beside it tell it from an assignment
        (("user=", "username=", "login="), rf"(?<![^\s])(?:user|username|login)=[\"']?{_NAME}[\"']?(?=[ \t]{{1,2}}[a-z][\w.]{{0,30}}=\S)"),
        (("(id ", "(ID ", "(id:", "(ID:"), rf"\b(?:[Uu]ser|[Mm]ember|[Pp]layer|[Aa]ccount) {_NAME}(?= \((?:id|ID):? ?\d)"),
        (("sudo:", "sudo["), rf"\bsudo(?:\[\d{{1,9}}\])?:[ ]{{1,8}}{_NAME} : "),
    )
)  # fmt: skip
_TOLD: Final = re.compile(
    rf"(?<![\w-])(?:user[ _-]?(?:id|name)|login(?:[ _-]?(?:name|id))?|account name|screen[ _-]?name|nick(?:name)?)[\"'`]?(?P<sign> is|[ \t]?[:=])[ \t]{{0,4}}{_QUOTE}{_NAME}",
    re.IGNORECASE,
)
_TOLD_TRIGGERS: Final = re.compile(r"user|login|name", re.IGNORECASE)
_TELLING: Final = re.compile(r"\d|[._-][A-Za-z]|[a-z][A-Z]")
_VERBAL: Final = re.compile(r"(?:ed|ing|ly|able|ible|less|ive|ous|ful)\Z", re.IGNORECASE)
_OBJECTS: Final = frozenset([
    "form", "os", "self", "request", "req", "config", "settings", "args",
    "data", "event", "e", "props", "state", "user", "this", "params", "env",
])  # fmt: skip
_CALL: Final = re.compile(r"[(\[=]|\.\w+\(|[ ]?\|\|")


@dataclass(frozen=True, slots=True)
class UsernameDetector:
    """The user names of persons."""

    kind: str = "person"
    replacement: str = label("person")

    def find(self, text: str) -> Iterator[Span]:
        """The names, without what tells them."""
        for start, end in _places(text):
            yield Span(start, end, self.kind, self.replacement, Order.PERSON, 0, Tier.NAMES)


def _places(text: str) -> Iterator[tuple[int, int]]:
    for triggers, pattern in _PATTERNS:
        if any(trigger in text for trigger in triggers):
            for match in pattern.finditer(text):
                yield from _personal(match)
    if _TOLD_TRIGGERS.search(text) is not None:
        for match in _TOLD.finditer(text):
            if _CALL.match(text, match.end("name")) is None and _is_told(match):
                yield from _personal(match)


def _is_told(match: re.Match[str]) -> bool:
    """Whether this is a name and not what is said of names: `username is required`, `login: Boolean`."""
    name, sign = match["name"].rstrip("."), match["sign"]
    quoted = match.string[match.start("name") - 1] in "\"'`"
    if "=" in sign and not quoted and (sign[0].isspace() or name.partition(".")[0].casefold() in _OBJECTS):
        return False  # an assignment from another variable
    if _TELLING.search(name):
        return "." not in name or not name[0].isupper()
    return len(name) > 2 and not _VERBAL.search(name) and name.casefold() not in words("ordinary")


def _personal(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    name = match["name"].rstrip(".-_")
    folded = name.casefold()
    if (
        len(name) > 1
        and folded.rstrip("0123456789") not in words("service accounts")
        and folded not in words("service accounts")
        and not is_public(name)
    ):
        yield match.start("name"), match.start("name") + len(name)
