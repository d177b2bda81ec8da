"""National identity, tax and insurance numbers whose shape and checksum tell them from other numbers.

What a country writes in a way that nothing else is written in is found anywhere; numbers of a weak shape belong to
`announced`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from stdnum import luhn
from stdnum.ar import cuit
from stdnum.be import nn
from stdnum.br import cnpj, cpf
from stdnum.ch import ssn as ahv
from stdnum.cl import rut
from stdnum.cn import ric
from stdnum.cz import rc
from stdnum.dk import cpr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.in_ import aadhaar, pan
from stdnum.is_ import kennitala
from stdnum.it import codicefiscale
from stdnum.kr import rrn
from stdnum.mx import curp
from stdnum.my import nric
from stdnum.se import personnummer
from stdnum.us import itin

from whetstone.privacy.detectors.detector import Match, PatternDetector
from whetstone.privacy.detectors.spans import Order
from whetstone.privacy.replacement.placeholders import label

KIND: Final = "national-id"
_DASH: Final = r"[-\u2010-\u2015\u2212]"
_START: Final = r"(?<![\w.+/-])"
_END: Final = r"(?![\w-]|[./]\d)"
_SG_CHECKS: Final = {
    "S": "JZIHGFEDCBA",
    "T": "GFEDCBAJZIH",
    "F": "XWUTRQPNMLK",
    "G": "RQPNMLKXWUT",
    "M": "KLJNPQRTUWX",
}


def is_singapore_id(text: str) -> bool:
    """Whether the check letter of a Singapore NRIC or FIN is right."""
    total = sum(int(digit) * weight for digit, weight in zip(text[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True))
    total += {"T": 4, "G": 4, "M": 3}.get(text[0], 0)
    index = 10 - total % 11 if text[0] == "M" else total % 11
    return _SG_CHECKS[text[0]][index] == text[8]


def _plain_dashes(text: str) -> str:
    return re.sub(_DASH, "-", text)


def _valid(is_valid: Callable[[str], bool]) -> Callable[[Match], bool]:
    def accept(match: Match) -> bool:
        return bool(is_valid(_plain_dashes(match[0])))

    return accept


def _is_nordic(match: Match) -> bool:
    """Six digits of a date and four more: Sweden, Denmark or Iceland."""
    text = _plain_dashes(match[0])
    return any(module.is_valid(text) for module in (personnummer, cpr, kennitala))


def _is_swedish(match: Match) -> bool:
    text = _plain_dashes(match[0])
    return bool(personnummer.is_valid(text)) or luhn.is_valid(re.sub(r"\D", "", text)[2:])


_BY_LETTERS: Final[tuple[tuple[str, Callable[[str], bool]], ...]] = (
    (r"\d{8}[- ]?[A-HJ-NP-TV-Z]", dni.is_valid),
    (r"[XYZ][- ]?\d{7}[- ]?[A-HJ-NP-TV-Z]", nie.is_valid),
    (r"(?i:[A-Z]{6}[ ]?\d\d[A-EHLMPRST]\d\d[ ]?[A-Z]\d{3}[A-Z])", codicefiscale.is_valid),
    (r"(?i:[A-Z]{4}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d)", curp.is_valid),
    # National insurance of the United Kingdom: no checksum, but prefixes that are never given out.
    (
        r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?\d\d[ -]?\d\d[ -]?\d\d[ -]?[A-D]",
        bool,
    ),
    (r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", pan.is_valid),
    (r"[STFGM]\d{7}[A-Z]", is_singapore_id),
    (r"[1-9]\d{16}[\dXx]", ric.is_valid),
)
_BY_GROUPS: Final[tuple[tuple[str, Callable[[str], bool]], ...]] = (
    (rf"\d{{6}}(?:{_DASH}|[+A-FU-Y])\d{{3}}[0-9A-FHJ-NPR-Y]", hetu.is_valid),
    (r"[12][ ]?\d\d[ ]?(?:0[1-9]|1[0-2]|[2-9]\d)[ ]?(?:\d\d|2[AB])[ ]?\d{3}[ ]?\d{3}[ ]?\d\d", nir.is_valid),
    (rf"\d{{3}}\.\d{{3}}\.\d{{3}}{_DASH}\d\d", cpf.is_valid),
    (rf"\d\d\.\d{{3}}\.\d{{3}}/\d{{4}}{_DASH}\d\d", cnpj.is_valid),
    (rf"\d\d\.\d\d\.\d\d{_DASH}\d{{3}}[.-]\d\d", nn.is_valid),
    (r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d\d", ahv.is_valid),
    (rf"\d{{6}}{_DASH}[1-8]\d{{6}}", rrn.is_valid),
    (rf"\d{{1,2}}\.\d{{3}}\.\d{{3}}{_DASH}[\dkK]", rut.is_valid),
    (rf"(?:20|2[3-7]|30|3[34]){_DASH}\d{{8}}{_DASH}\d", cuit.is_valid),
    (r"\d{6}/\d{3,4}", rc.is_valid),
    (rf"\d{{6}}{_DASH}\d\d{_DASH}\d{{4}}", nric.is_valid),
    (r"[2-9]\d{3}(?P<gap>[ -])\d{4}(?P=gap)\d{4}(?![ -]\d)", aadhaar.is_valid),
    (rf"9\d\d{_DASH}[5-9]\d{_DASH}\d{{4}}", itin.is_valid),
)
_NORDIC = re.compile(rf"{_START}\d{{6}}(?:{_DASH}|\+)\d{{4}}{_END}")
_SWEDISH = re.compile(rf"{_START}(?:19|20)\d{{6}}{_DASH}\d{{4}}{_END}")


class _Shapes:
    """Many shapes as one pattern; each alternative has its own check."""

    def __init__(self, shapes: tuple[tuple[str, Callable[[str], bool]], ...]) -> None:
        body = "|".join(f"(?P<s{index}>{shape})" for index, (shape, _) in enumerate(shapes))
        self.pattern = re.compile(rf"{_START}(?:{body}){_END}")
        self._checks = {f"s{index}": _valid(check) for index, (_, check) in enumerate(shapes)}

    def accept(self, match: Match) -> bool:
        """The check of the alternative that matched."""
        groups = match.groupdict()
        return any(check(match) for name, check in self._checks.items() if groups[name] is not None)


_LETTERS: Final = _Shapes(_BY_LETTERS)
_GROUPS: Final = _Shapes(_BY_GROUPS)


def national_id_detectors() -> list[PatternDetector]:
    """Numbers with check letters, numbers in a country's own grouping, and Nordic ones."""
    replacement = label(KIND)
    return [
        PatternDetector(KIND, replacement, Order.IDENTITY, _LETTERS.pattern, (), _LETTERS.accept, rank=3),
        PatternDetector(KIND, replacement, Order.IDENTITY, _GROUPS.pattern, (), _GROUPS.accept, rank=3),
        PatternDetector(KIND, replacement, Order.IDENTITY, _NORDIC, (), _is_nordic, rank=3),
        PatternDetector(KIND, replacement, Order.IDENTITY, _SWEDISH, ("19", "20"), _is_swedish, rank=3),
    ]
