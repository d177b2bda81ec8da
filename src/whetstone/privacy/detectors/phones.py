"""Phone numbers of every country: international, in national writing, and bare ones that a word announces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from whetstone.privacy.detectors.context import Phrases, words_before
from whetstone.privacy.detectors.detector import Match
from whetstone.privacy.detectors.numbering import is_international, is_mobile, is_national
from whetstone.privacy.detectors.spans import Order, Span

PHONE: Final = "[REDACTED_PHONE]"

_DASHES: Final = r"\-\u2010-\u2015\u2212\uff0d"
_SEPARATOR: Final = rf"[ \t\u00a0\u2007\u202f./(){_DASHES}]"
_CANDIDATE: Final = re.compile(
    rf"(?<![\w+＋])(?:\(\s?)?(?:[+＋]\s?\(?\s?)?\d(?:{_SEPARATOR}{{0,3}}+\d){{5,19}}+"
)
_EXTENSION: Final = re.compile(
    r"(?:\s?[,;/]?\s?\(?(?:x|ext(?:ension|n)?|poste|durchwahl|dw|extensión|int|anexo|ramal|toestel)\b\.?:?\s?"
    r"|\s?#\s?|x)\d{1,6}\)?(?!\w)",
    re.IGNORECASE,
)
_VANITY: Final = re.compile(
    r"(?<![\w+-])(?:\+?1[-. ])?8(?:00|33|44|55|66|77|88)-(?:[A-Z]{7}|[A-Z]{3}-[A-Z]{4})(?![\w-])"
)
_NO_DIGITS: Final = re.compile(r"\D+")
_MAX_GROUPS: Final = 7
_GROUP: Final = re.compile(r"\d+")
# Writings that are phone numbers without any word before them; the digits are checked besides.
_NORTH_AMERICAN: Final = re.compile(
    rf"(?:(?:00|\+)?1[{_DASHES}. /]{{0,3}})?(?:\([2-9]\d\d\)[{_DASHES}. ]{{0,3}}|\d{{3}}(?P<sep>[{_DASHES}. /]))\d{{3}}[{_DASHES}. ]?\d{{4}}\Z"
)
_NATIONAL: Final = re.compile(
    rf"\((?!19\d\d|20\d\d)\d{{2,5}}\)[{_DASHES} ]{{0,3}}\d{{3,5}}[{_DASHES} .]?\d{{3,5}}\Z"  # (11) 98765-4321
    rf"|\d\d[ ]?9\d{{4}}[{_DASHES} ]\d{{4}}\Z"  # 11 98765-4321
    rf"|1[3-9]\d[{_DASHES} ]\d{{4}}[{_DASHES} ]\d{{4}}\Z"  # 138 1234 5678
    rf"|[6-9]\d{{4}}[{_DASHES} ]\d{{5}}\Z"  # 98765 43210
    r"|[679]\d\d \d\d \d\d \d\d\Z"  # 612 34 56 78
    rf"|3\d\d[{_DASHES} .]\d{{3}}[{_DASHES} .]?\d{{4}}\Z"  # 347 123 4567
    rf"|[4-9]\d\d-\d{{3}}-\d{{3}}\Z"  # 512-345-678
    rf"|8[{_DASHES} ]{{0,3}}\(?\d{{3}}\)?[{_DASHES} ]{{1,3}}\d{{3}}[{_DASHES} ]\d\d[{_DASHES} ]?\d\d\Z"  # 8 (912) 345-67-89
    r"|1[38]00 \d{3} \d{3}\Z"  # 1300 123 456
    r"|\d\d \d{4} \d{4}\Z"  # 55 1234 5678
)
_DATE: Final = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ](?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])(?P<s>[-./ ])(?:0?[1-9]|[12]\d|3[01])(?P=s)(?:19|20)\d\d)(?!\d)"
)
_SUM: Final = re.compile(r"[+＋]\s")
_DECIMAL: Final = re.compile(r"[+＋]\s?\d+\.\d*\Z")
_NANP: Final = re.compile(r"(?:00)?1?[2-9]\d{2}[2-9]\d{6}\Z")
_STRONG: Final = """
phone|phones|telephone|tel|tele|tlf|mobile|cell|cellphone|cellular|fax|whatsapp|sms|landline|hotline|ph|mob|handset
telefon|telefonnummer|tel nr|handy|handynummer|mobil|mobilnummer|mobiltelefon|rufnummer|festnetz|rückrufnummer|telefonnr
téléphone|telephone|portable|tél|numéro de tél|teléfono|telefono|móvil|movil|celular|tfno|tlfno|cellulare|cell
telefoon|telefoonnummer|mobiel|gsm|telefone|telemóvel|telemovel|fone|zap|komórka|komórkowy|numer telefonu|puhelin|puhelinnumero
matkapuhelin|telefonnumret|mobilnr|mobiltelefonnummer|telefonní|mobilní|telefonszám|telefonul|τηλέφωνο|κινητό
телефон|телефона|тел|моб|мобильный|мобільний|telefonu|numarası|cep|電話|電話番号|携帯|电话|手机|手机号|手机号码|联系电话|전화|전화번호|휴대폰|핸드폰|הטלפון|טלפון|هاتف|الهاتف|جوال|फ़ोन|मोबाइल|msisdn|phonenumber|phone number|contact number|callback number|my number|your number|his number|her number|their number|meine nummer|mi número|mon numéro|mijn nummer|mój numer
"""
_VERBS: Final = "call|calling|dial|text|ring|reach|contact|reached|called|rang|texted|appelez|appeler|llama|llame|llamar|ligue|chiama|anrufen|anruf|bel|ringa|zadzwoń"
_ANNOUNCING: Final[Phrases[bool]] = Phrases(
    {phrase.strip(): (True,) for phrase in re.split(r"[|\n]", _STRONG) if phrase.strip()}
    | dict.fromkeys(_VERBS.split("|"), (False,))
)
# Before a number these say that it is something else.
_OTHER: Final = frozenset(
    [
        "order", "orders", "invoice", "ticket", "isbn", "issn", "ean", "upc", "sku", "asin", "doi",
        "version", "ver", "rev", "build", "tracking", "reference", "ref", "booking", "reservation",
        "confirmation", "amount", "price", "total", "sum", "balance", "size", "timestamp", "ts", "time",
        "date", "epoch", "serial", "model", "part", "case", "index", "port", "pid", "issue", "commit",
        "page", "pages", "line", "lines", "row", "rows", "id", "ids", "uuid", "key", "keys", "seed",
        "hash", "offset", "bytes", "byte", "length", "count", "duration", "ms", "lat", "lng", "lon",
        "coordinates", "score", "range", "account", "acct", "iban", "routing", "card", "pan", "passport",
        "ssn", "tin", "vat", "number_id", "item", "product", "usd", "eur", "gbp", "rfc", "iso", "pmid",
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PhoneDetector:
    """Candidates by a cheap pattern, then by their writing, the words before them, and the numbering plans."""

    kind: str = "phone"
    replacement: str = PHONE

    def find(self, text: str) -> Iterator[Span]:
        """Spans of whole numbers, brackets, plus sign and extension included."""
        for match in _CANDIDATE.finditer(text):
            span = _recognise(match)
            if span is not None:
                start, end = span
                extension = _EXTENSION.match(text, end)
                yield self._span(start, end if extension is None else extension.end())
        if "8" in text:
            for match in _VANITY.finditer(text):
                yield self._span(*match.span())

    def _span(self, start: int, end: int) -> Span:
        return Span(start, end, self.kind, self.replacement, Order.PHONE)


def digits_of(text: str) -> str:
    """The decimal digits of a text, of any script, as ASCII."""
    digits = _NO_DIGITS.sub("", text)
    return digits if digits.isascii() else "".join(str(int(character)) for character in digits)


def _recognise(match: Match) -> tuple[int, int] | None:
    text = match.string
    start, end = match.span()
    candidate = match[0]
    if candidate[0] == "(" and candidate.count("(") > candidate.count(")"):
        start += 1
        candidate = candidate[1:].lstrip()
        start = end - len(candidate)
    length = 0
    if _SUM.match(candidate) and text[max(0, start - 3) : start].rstrip(" ")[-1:].isalnum():
        return None
    if "+" in candidate or "＋" in candidate:
        if _DECIMAL.match(candidate):
            return None
        length = _international_length(candidate)
    elif _continues(text, start, end):
        return None
    elif candidate.startswith("00") and len(candidate) > 10:
        length = _international_length(candidate, prefix=2)
    return (start, start + length) if length else _national_span(text, start, candidate)


def _continues(text: str, start: int, end: int) -> bool:
    """Whether the digits are part of something longer: a decimal, a path, a price, an identifier, a time."""
    before = text[start - 1 : start] if start else ""
    after = text[end : end + 2]
    if before in tuple(".,$€£¥#%=@^~") and not (
        before in tuple("=.,") and text[max(0, start - 2) : start - 1].isalpha()
    ):
        return True
    if before in ("-", "/", "_", ":") and text[max(0, start - 2) : start - 1].isdigit():
        return True
    return (
        (after[:1].isalnum() and after[:1] not in "xXeE")
        or (after[:1] in tuple(".:,-_@%") and after[1:].isalnum() and after[:1] != ",")
        or (after[:1] == "," and after[1:].isdigit())
    )


def _international_length(text: str, prefix: int = 0) -> int:
    """Length of the phone number at the beginning of the candidate, 0 if it is none.

    A candidate may run on into a following number (`+44 20 7946 0958 12 items`): its groups are tried from all to
    fewest. What no numbering plan knows still counts when it is grouped like a phone number.
    """
    ends = [match.end() for match in _GROUP.finditer(text)]
    sizes = [digits_of(text[:end])[prefix:] for end in ends]
    for end, digits in zip(reversed(ends), reversed(sizes), strict=True):
        if len(digits) >= 7 and is_international(digits):
            return end
    digits = sizes[-1]
    if prefix or digits.startswith("0"):
        return 0
    return ends[-1] if len(ends) >= 3 and 8 <= len(digits) <= 15 else 0


def _national_span(text: str, start: int, candidate: str) -> tuple[int, int] | None:
    groups = list(_GROUP.finditer(candidate))
    digits = digits_of(candidate)
    bare = len(groups) == 1
    if bare and not 7 <= len(digits) <= 15:
        return None
    if not bare and "." in candidate and candidate.count(".") == 1 and len(groups) == 2:
        return None  # a decimal number
    words = words_before(text, start)
    announced = _ANNOUNCING.announced(words)
    if announced:
        return _announced_span(start, candidate, groups, strong=any(announced))
    if not _OTHER.isdisjoint(words[-2:]) and "(" not in candidate:
        return None
    if _DATE.search(candidate):
        return None
    for count in range(min(len(groups), _MAX_GROUPS), 0, -1):
        end = groups[count - 1].end()
        part = candidate[:end]
        if _is_phone_like(part, groups[:count]):
            return (start, start + end)
        if (
            count > 2
            and _is_phone_like(candidate[groups[1].start() : end], groups[1:count])
            and len(groups[0][0]) <= 2
            and count == len(groups)
        ):
            return (start + groups[1].start(), start + end)
    return None


def _announced_span(
    start: int, candidate: str, groups: list[Match], *, strong: bool
) -> tuple[int, int] | None:
    """The longest beginning that can be a number; after a noun any, after a verb one of a numbering plan."""
    for count in range(len(groups), 0, -1):
        end = groups[count - 1].end()
        part = candidate[:end]
        digits = digits_of(part)
        if len(digits) < 6:
            break
        if _DATE.fullmatch(part.strip("()")) or len(digits) > 15:
            continue
        sure = strong or count > 1 or len(digits) >= 9
        if sure and (is_national(digits) or _NORTH_AMERICAN.match(part) or _NANP.match(digits)):
            return (start, start + end)
        if (strong or count > 1) and count == len(groups) and len(digits) >= 7:
            return (start, start + end)
    return None


def _is_phone_like(part: str, groups: list[Match]) -> bool:
    digits = digits_of(part)
    if not 7 <= len(digits) <= 13:
        return False
    writing = _NORTH_AMERICAN.match(part)
    if writing is not None and len(digits) >= 10:
        dashed = writing["sep"] is None or writing["sep"] in "-\u2010\u2011\u2012\u2013\u2014\u2212"
        if (dashed and len(groups) >= 3) or _NANP.match(digits) is not None:
            return True
    if digits.startswith("0"):
        return _is_trunk_number(groups, digits)
    return _NATIONAL.match(part) is not None and is_national(digits if len(digits) > 7 else "x")


def _is_trunk_number(groups: list[Match], digits: str) -> bool:
    """National numbers that begin with the zero of the trunk prefix."""
    if not 9 <= len(digits) <= 12 or digits.startswith("00"):
        return False
    if len(groups) == 1:
        return len(digits) in (10, 11) and not digits.startswith("01234") and is_mobile(digits)
    if any(len(group[0]) < 2 for group in groups) or len(groups) > 6:
        return False
    return is_national(digits)
