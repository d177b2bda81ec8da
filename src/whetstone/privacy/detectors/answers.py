"""Answers that only the question before them gives away: "Your date of birth?" – "3 May 1990, and it's 06870"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from whetstone.privacy.detectors.address import ADDRESS
from whetstone.privacy.detectors.contact import PHONE
from whetstone.privacy.detectors.dates import DATE
from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.placeholders import label

_MAX_QUESTION = 400  # characters, the last ones of its line
_MAX_ANSWER = 160
_LINE: Final = re.compile(r"[^\n]+")
_ASKS: Final = re.compile(
    r"\?|\b(?:please|could you|can you|may i|can i|i(?:'ll| will)? need|provide|confirm|verify|give me|tell me|share|enter|bitte|por favor|s['’]il)\b",
    re.IGNORECASE,
)
# Who speaks, and when.
_SPEAKER: Final = re.compile(
    r"(?:\[[\d:. ]{4,20}\]\s{0,2})?(?:\*\*)?(?:[A-Z][\w .'’-]{0,24}|user|assistant|agent|customer|caller|client|human|ai|bot|me)(?:\s\(\w{1,12}\))?(?:\*\*)?:(?:\*\*)?\s{1,3}",
)


class _Topic(NamedTuple):
    kind: str
    replacement: str
    order: Order
    asked: re.Pattern[str]
    answer: re.Pattern[str]


def _topic(kind: str, replacement: str, order: Order, asked: str, answer: str) -> _Topic:
    return _Topic(
        kind,
        replacement,
        order,
        re.compile(rf"\b(?:{asked})\b", re.IGNORECASE),
        re.compile(rf"(?<![\w-])(?P<value>{answer})(?![\w-])", re.IGNORECASE),
    )


_NUMBER: Final = r"(?=[A-Z0-9 .-]{0,20}\d)[A-Z]{0,3}[ -]?\d[\dA-Z]{0,12}(?:[ .-]\d[\dA-Z]{0,8}){0,5}"
_TOPICS: Final = (
    _topic(
        "date-of-birth", label("date-of-birth"), Order.DATE,
        r"date of birth|birth ?date|birthday|d\.?o\.?b|when were you born|geburtsdatum|wann .{0,10}geboren|date de naissance"
        r"|fecha de nacimiento|data di nascita|data de nascimento|geboortedatum|data urodzenia|doğum tarih\w+",
        DATE,
    ),
    _topic(
        "address", ADDRESS, Order.ADDRESS,
        r"post(?:al)? ?code|zip(?: ?code)?|postleitzahl|plz|code postal|c[oó]digo postal|cap|postcode|kod pocztowy|posta kodu",
        r"(?:\d{5}(?:-\d{4})?|\d{2}-\d{3}|\d{4}\s?[A-Z]{2}|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}|[A-Z]\d[A-Z]\s?\d[A-Z]\d|\d{3}\s\d{2}|\d{4,6}|\d{5}-\d{3})",
    ),
    _topic(
        "phone", PHONE, Order.PHONE,
        r"(?:phone|telephone|mobile|cell|contact|callback|handy|telefon)\s?-?(?:number|nummer)?|number to (?:call|reach)|numéro de téléphone|teléfono|telefone",
        r"\(?\+?\d[\d ().-]{5,18}\d",
    ),
    _topic(
        "account-number", label("account-number"), Order.IDENTITY,
        r"(?:account|member(?:ship)?|policy|customer|client|patient|insurance|employee|student|medical record|sort|routing|card) ?(?:number|no\.?|id|code)"
        r"|kontonummer|kundennummer|número de cuenta|numéro de compte",
        rf"(?=(?:\D{{0,3}}\d){{4}}){_NUMBER}",
    ),
    _topic(
        "national-id", label("national-id"), Order.IDENTITY,
        r"(?:social security|ssn|national (?:id|insurance)|passport|tax|driver'?s? licen[cs]e|licen[cs]e|id card|identity)(?: ?(?:number|no\.?|id))?"
        r"|last (?:four|4)(?: digits)?|ausweisnummer|dni|nie|cpf|pesel|aadhaar",
        rf"(?=(?:\D{{0,3}}\d){{4}}){_NUMBER}",
    ),
    _topic(
        "password", label("password"), Order.ASSIGNMENT,
        r"password|passcode|pass ?phrase|pin(?: code)?|security code|verification code|one-time code|otp|access code|passwort|kennwort|contraseña|mot de passe",
        r"(?=\S{0,40}\d)[^\s,;\"'<>]{4,64}(?<![.!?])",
    ),
)  # fmt: skip


def asks(text: str) -> bool:
    """Whether the end of a text asks for something."""
    return _ASKS.search(text[-_MAX_QUESTION:]) is not None


class AnswerDetector:
    """The line after a question that asks for something private, where it holds what was asked for."""

    kind = "answer"
    replacement = ""

    def find(self, text: str) -> Iterator[Span]:
        """Spans of the values alone."""
        if "\n" not in text or not any(map(str.isdecimal, text)):
            return
        question = ""
        for line in _LINE.finditer(text):
            if line[0].isspace():
                continue
            if question:
                yield from _answered(question, line[0], line.start())
            question = line[0][-_MAX_QUESTION:] if asks(line[0]) else ""


def _answered(question: str, line: str, start: int) -> Iterator[Span]:
    speaker = _SPEAKER.match(line)
    begin = speaker.end() if speaker else 0
    taken: list[tuple[int, int]] = []
    for topic in _TOPICS:
        if topic.asked.search(question) is None:
            continue
        places = (match.span("value") for match in topic.answer.finditer(line, begin, begin + _MAX_ANSWER))
        free = (place for place in places if all(place[1] <= a or b <= place[0] for a, b in taken))
        place = next(free, None)
        if place is not None:
            taken.append(place)
            yield Span(start + place[0], start + place[1], topic.kind, topic.replacement, topic.order, 5)
