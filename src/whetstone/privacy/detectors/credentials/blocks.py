"""Secrets of many lines or words: private keys in all armours, hashes of passwords, seed phrases."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Final

from whetstone.privacy.detectors.detector import Detector, PatternDetector
from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.placeholders import label

_KIND: Final = "private-key"
_NEWLINE: Final = r"(?:\s|\\[nrt]|\\(?=\s))"
_TITLE: Final = r"(?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?"
_HEADER: Final = r"(?:[A-Za-z][A-Za-z-]{2,24}: [^\n\\]{1,120}(?:\n|\r\n|\\n|\\r\\n))"
_PEM: Final = (
    rf"-----BEGIN {_TITLE}-----"
    rf"(?:(?:[^-]|-(?!----))*+-----END {_TITLE}-----"
    # A block that was cut off ends with its last line of base64.
    rf"|{_NEWLINE}{{0,8}}+{_HEADER}{{0,6}}+(?:{_NEWLINE}|[A-Za-z0-9+/=]{{10,}})*+)"
)
_SSH2: Final = r"---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY ----(?:[^-]|-(?!---))*+(?:---- END SSH2 (?:ENCRYPTED )?PRIVATE KEY ----)?"
_PUTTY: Final = r"PuTTY-User-Key-File-\d:(?:(?!PuTTY-User)[^\n\\]{0,200}(?:\r?\n|\\r?\\n|\\n)){1,400}?Private-(?:MAC|Hash): ?[0-9a-f]{16,}"
_MATERIAL: Final = re.compile(r"[A-Za-z0-9+/=]{8}")
_ARMOUR: Final = re.compile(r"-----(?:BEGIN|END) [A-Z0-9 ]{1,60}-----")


def _holds_material(match: re.Match[str]) -> bool:
    """A mention of the armour, or an example with an ellipsis, holds no key."""
    return _MATERIAL.search(_ARMOUR.sub("", match[0])) is not None


class TruncatedKeyDetector:
    """The end of a private key whose beginning was cut off: lines of base64 before the last line of the armour."""

    kind = _KIND
    replacement = label(_KIND)

    _end = re.compile(rf"-----END {_TITLE}-----")
    _line = re.compile(r"[A-Za-z0-9+/=]{1,80}\Z")

    def find(self, text: str) -> Iterator[Span]:
        """Spans up to and including the last line."""
        if "-----END " not in text:
            return
        for match in self._end.finditer(text):
            start = self._beginning(text, match.start())
            if match.start() - start >= 24:
                yield Span(start, match.end(), self.kind, self.replacement, Order.CREDENTIAL)

    def _beginning(self, text: str, end: int) -> int:
        """Where the lines of base64 begin; each line is looked at once."""
        for newline in ("\n", "\\n"):
            start = end
            while text.endswith(newline, 0, start):
                line_end = start - len(newline)
                line_start = text.rfind(newline, max(0, line_end - 90), line_end)
                first = line_start + len(newline) if line_start >= 0 else max(0, line_end - 80)
                line = text[first:line_end].strip()
                if self._line.match(line) is None:
                    break
                start = first
            if start < end:
                return start
        return end


# Formats of crypt(3) and of frameworks.
_CRYPT: Final = (
    r"(?:(?<![\w$])|(?<=\\[nrt]|[0-9]m))(?:\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{50,53}|\$(?:1|5|6|7|y|gy|apr1|md5|sha1)\$(?:[\w=,.-]{1,32}\$)?"
    r"[./A-Za-z0-9]{1,90}(?:\$[./A-Za-z0-9]{16,128}+)?"
    r"|\$argon2(?:id|i|d)\$v=\d{1,3}\$m=\d{1,9},t=\d{1,5},p=\d{1,4}\$[A-Za-z0-9+/=_-]{8,}+\$[A-Za-z0-9+/=_-]{16,}+"
    r"|pbkdf2_sha\d{1,3}\$\d{3,9}\$[^\s$]{4,64}\$[A-Za-z0-9+/=]{20,}+|\$scrypt\$[\w=,$+/.-]{30,}+"
    r"|scrypt:\d{3,9}:\d{1,3}:\d{1,3}\$[^\s$]{4,64}\$[0-9a-f]{32,}+|\{SSHA\d{0,3}\}[A-Za-z0-9+/=]{20,}+)"
)
_SEED_NAME: Final = (
    r"(?:seed|recovery|mnemonic|backup|wallet)[ _-]{0,2}(?:phrase|words?|seed|mnemonic)|mnemonic|seed"
)
_SEED: Final = re.compile(
    rf"(?<![a-z])(?:{_SEED_NAME})s?(?![a-z])[^a-z0-9\n]{{0,8}}(?:is|are|was|of|for|my|the|wallet|words|twelve|\d\d|[^a-z0-9\n]|\n){{0,24}}+"
    r"(?P<words>(?:\d{1,2}[.):] ?)?[a-z]{3,8}(?:[\s,;|]{1,3}(?:\d{1,2}[.):] ?)?[a-z]{3,8}){11,23})(?![a-z])",
    re.IGNORECASE,
)
# No word of the list of BIP-39, and in any sentence of twelve words.
_PASSPHRASE: Final = re.compile(
    r"(?<![a-z])pass-?phrase[\"'`*]{0,3}[ \t]{0,3}(?::|=|is|was)?[ \t]{0,3}[\"'`]?(?P<words>[a-z]{3,12}(?:[ -][a-z]{3,12}){3,11})(?=[\"'`.,;]?\s{0,4}(?:\n|\Z)|[\"'`])",
    re.IGNORECASE,
)
_PROSE: Final = frozenset(
    [
        "the",
        "and",
        "your",
        "for",
        "are",
        "not",
        "has",
        "was",
        "been",
        "which",
        "should",
        "must",
        "from",
        "have",
        "their",
        "any",
        "its",
        "our",
        "were",
        "but",
    ]
)


def _is_seed_phrase(match: re.Match[str]) -> bool:
    return not _PROSE.intersection(re.findall(r"[a-z]+", match["words"].lower()))


_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _is_wallet_key(match: re.Match[str]) -> bool:
    """Whether the checksum of the wallet import format holds."""
    number = 0
    for character in match[0]:
        number = number * 58 + _BASE58.index(character)
    raw = number.to_bytes(39, "big").lstrip(b"\0")
    payload, checksum = raw[:-4], raw[-4:]
    return hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4] == checksum


def block_detectors(rank: int) -> list[Detector]:
    """Detectors of private keys, seed phrases and hashes of passwords."""

    def pattern(
        kind: str, expression: str | re.Pattern[str], triggers: tuple[str, ...], **options: object
    ) -> PatternDetector:
        compiled = re.compile(expression)
        return PatternDetector(
            kind,
            label(kind),
            Order.CREDENTIAL,
            compiled,
            triggers,
            rank=rank,
            **options,  # type: ignore[arg-type]
        )

    return [
        pattern(_KIND, _PEM, ("PRIVATE KEY",), accept=_holds_material),
        TruncatedKeyDetector(),
        pattern(_KIND, _SSH2, ("BEGIN SSH2",)),
        pattern(_KIND, _PUTTY, ("PuTTY-User-Key-File-",)),
        pattern("password-hash", _CRYPT, ("$", "{SSHA")),
        pattern(
            "seed-phrase",
            _SEED,
            ("seed", "Seed", "SEED", "nemonic", "NEMONIC", "phrase", "Phrase", "PHRASE"),
            accept=_is_seed_phrase,
            group="words",
        ),
        pattern("password", _PASSPHRASE, ("hrase", "HRASE"), accept=_is_seed_phrase, group="words"),
        pattern(
            "crypto-private-key",
            r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]|[0-9]m))[5KL][1-9A-HJ-NP-Za-km-z]{50,51}(?![A-Za-z0-9])",
            ("5", "K", "L"),
            accept=_is_wallet_key,
        ),
    ]
