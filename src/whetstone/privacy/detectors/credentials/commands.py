"""Passwords in command lines and in files of clients: `curl -u`, `mysql -p`, `.pgpass`, credentials next to a key id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from whetstone.privacy.detectors.detector import Detector, PatternDetector
from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.placeholders import label

_LINE: Final = r"[^\n|;]{0,300}?[ \t]"
_VALUE: Final = r"(?P<q>[\"']?)(?P<value>(?![-<${*%])[^\s\"'`]{3,128})(?P=q)"
_COMMANDS: Final = (
    (("curl", "wget", "http", "lftp", "xh "), rf"\b(?:curl|wget|http|https|lftp|wget2|xh)\b{_LINE}(?:-u|--user|--proxy-user)[ =]?[\"']?[^\s:\"'$]{{1,64}}:{_VALUE}"),
    (("mysql", "mariadb"), rf"\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mysqlsh)\b{_LINE}-p{_VALUE}"),
    (("mongo", "login", "twine upload"), rf"\b(?:mongo|mongosh|mongodump|mongorestore|docker login|podman login|helm registry login|twine upload|az login)\b{_LINE}-p[ =]{_VALUE}"),
    (("sshpass",), rf"\bsshpass[ ]{{1,3}}-p[ ]?{_VALUE}"),
    (("redis-cli",), rf"\bredis-cli\b{_LINE}-a[ ]{{1,3}}{_VALUE}"),
    (("sqlcmd", "bcp ", "zip ", "isql "), rf"\b(?:sqlcmd|bcp|zip|unzip|isql)\b{_LINE}-P[ ]{{1,3}}{_VALUE}"),
    (("ldap",), rf"\bldap(?:search|modify|add|delete|whoami|passwd)\b{_LINE}-w[ ]{{1,3}}{_VALUE}"),
    (("pass:",), rf"(?<=[ =:\"'])pass:{_VALUE}"),
    (("sudo -S",), rf"\becho[ ]{{1,3}}{_VALUE}[ ]{{0,3}}\|[ ]{{0,3}}sudo -S"),
    (("chpasswd",), r"\becho[ ]{1,3}[\"']?[\w.-]{1,40}:(?P<q>)(?P<value>[^\s\"'|]{3,128})[\"']?[ ]{0,3}\|[ ]{0,3}(?:sudo )?chpasswd"),
    (("IDENTIFIED", "identified"), r"(?i:\bidentified\s{1,4}(?:with\s{1,4}\S{1,40}\s{1,4})?by\s{1,4}(?:password\s{1,4})?)(?P<q>[\"'])(?P<value>[^\"'\n]{3,128})(?P=q)"),
    (("SecureString",), r"ConvertTo-SecureString\s{1,4}(?:-String\s{1,4})?(?P<q>[\"'])(?P<value>[^\"'\n$]{3,128})(?P=q)"),
    (("smb",), rf"\b(?:smbclient|smbmap|rpcclient)\b{_LINE}-U[ ]{{1,3}}[\"']?[^\s%\"']{{1,64}}%{_VALUE}"),
)  # fmt: skip
_PGPASS: Final = re.compile(
    r"^(?:[\w.*-]{1,100}|/[\w./-]{1,80}):(?:54\d\d|6432|\*):[\w.*-]{1,64}:[\w.*@-]{1,64}:(?P<value>[^\s:]{3,128})[ \t]*$",
    re.MULTILINE,
)
_UID: Final = re.compile(r"\d{1,6}\Z")


def _is_password(match: re.Match[str]) -> bool:
    """A number after `-u 1000:` is a group, not a password, unless it is a long one."""
    return _UID.match(match["value"]) is None or "curl" in match[0]


class NeighbourDetector:
    """The secret access key that stands within some lines of an AWS access key id, under whatever name."""

    kind = "aws-secret-key"
    replacement = label("aws-secret-key")

    _id = re.compile(r"(?<![A-Za-z0-9])A(?:KIA|SIA|BIA|CCA)[0-9A-Z]{16}(?![0-9A-Za-z])")
    _secret = re.compile(
        r"(?<![A-Za-z0-9/+=])(?=[^A-Z]{0,39}[A-Z])(?=[^a-z]{0,39}[a-z])(?=[^0-9]{0,39}[0-9])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
    )
    _distance = 240

    def __init__(self, rank: int) -> None:
        self._rank = rank

    def find(self, text: str) -> Iterator[Span]:
        """Spans of the secret keys; windows around several ids are joined, so that nothing is read twice."""
        if not any(prefix in text for prefix in ("AKIA", "ASIA", "ABIA", "ACCA")):
            return
        first = last = -1
        for match in self._id.finditer(text):
            start, end = max(0, match.start() - self._distance), match.end() + self._distance
            if start > last:
                yield from self._within(text, first, last)
                first = start
            last = end
        yield from self._within(text, first, last)

    def _within(self, text: str, first: int, last: int) -> Iterator[Span]:
        if last < 0:
            return
        for match in self._secret.finditer(text, first, last):
            yield Span(*match.span(), self.kind, self.replacement, Order.CREDENTIAL, self._rank)


def command_detectors(rank: int) -> list[Detector]:
    """Detectors of secrets by the place they have in a command or a file."""
    commands = [
        PatternDetector(
            "password",
            label("password"),
            Order.CREDENTIAL,
            re.compile(pattern),
            triggers,
            accept=_is_password,
            group="value",
            rank=rank,
        )
        for triggers, pattern in _COMMANDS
    ]
    pgpass = PatternDetector(
        "password",
        label("password"),
        Order.CREDENTIAL,
        _PGPASS,
        (":543", ":544", ":545", ":6432:", ":*:"),
        group="value",
        rank=rank,
    )
    return [*commands, pgpass, NeighbourDetector(rank)]
