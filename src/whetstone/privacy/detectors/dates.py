"""Dates of birth: a date in any writing that the words before it announce."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.placeholders import label

_MONTHS: Final = (
    r"jan(?:uary|uar|vier|eiro)?|j[aä]nner|ene(?:ro)?|gen(?:naio)?|stycznia|tammikuuta|januari|ocak|января|feb(?:ruary|ruar|ruari|rero|braio)?|f[eé]v(?:rier|ereiro)?|lutego|helmikuuta|şubat|февраля"
    r"|mar(?:ch|s|zo|ço|ca|t)?|märz|mrz|maart|mrt|maaliskuuta|марта|apr(?:il|ile|ilis)?|avr(?:il)?|abr(?:il)?|kwietnia|huhtikuuta|nisan|апреля|may|mai|mayo|maggio|mag|mei|maio|maj|maja|toukokuuta|mayıs|мая"
    r"|june?|juni|juin|junio|giu(?:gno)?|junho|czerwca|kesäkuuta|haziran|июня|july?|juli|juil(?:let)?|julio|lug(?:lio)?|julho|lipca|heinäkuuta|temmuz|июля"
    r"|aug(?:ust|usti|ustus)?|ao[uû]t|ago(?:sto)?|sierpnia|elokuuta|ağustos|августа|sept?(?:ember|embre|tiembre)?|set(?:tembre|embro|iembre)?|września|syyskuuta|eylül|сентября"
    r"|o[ck]t(?:ober|obre|ubre)?|ott(?:obre)?|out(?:ubro)?|października|lokakuuta|ekim|октября|nov(?:ember|embre|iembre|embro)?|listopada|marraskuuta|kasım|ноября"
    r"|de[cz](?:ember|iembre|embro)?|d[eé]c(?:embre)?|dic(?:embre|iembre)?|des(?:ember)?|grudnia|joulukuuta|aralık|декабря"
)
_ORDINAL: Final = r"(?:st|nd|rd|th|er|º|ª|\.)?"
_YEAR: Final = r"(?:['’]?\d\d(?!\d)|(?:18|19|20)\d\d(?!\d))"
DATE: Final = (  # one group, to be used in other patterns
    rf"(?:\d{{4}}\s?[-./年년]\s?\d{{1,2}}\s?[-./月월]\s?\d{{1,2}}\s?[日일]?(?:T\d\d:\d\d[\d:.Z]{{0,10}})?"
    rf"|\d{{1,2}}\s?[-./]\s?\d{{1,2}}\s?[-./]\s?(?:\d{{4}}|\d\d)(?!\d)|\d{{1,2}}\s\d{{1,2}}\s\d{{4}}(?!\d)"
    rf"|\d{{1,2}}{_ORDINAL}(?:\s?[-/]\s?|\s?)(?:of\s|de\s|day\sof\s)?(?:{_MONTHS})\b\.?(?:(?:,?\s?(?:de\s|del\s|of\s)?|[-/]){_YEAR})?"
    rf"|(?:{_MONTHS})\b\.?\s?(?:the\s)?\d{{1,2}}(?!\d){_ORDINAL}(?:,?\s{{1,2}}(?:of\s)?{_YEAR})?"
    rf"|\d{{4}}[ -](?:{_MONTHS})[ -]\d{{1,2}}(?!\d)|(?:{_MONTHS})\b\.?,?\s{_YEAR}"
    r"|(?:19|20)\d{6}(?!\d)|[0-3]\d[01]\d(?:19|20)\d\d(?!\d))"
)
# What announces a date of birth, by its last word; a place may stand after the verbs.
_NOUNS: Final = (
    "birthdates", "birthdate", "birthdays", "birthday", "birth date", "birth day", "birth_date", "birth", "b-day", "bday", "dob", "d.o.b", "d o b",
    "geburtsdatum", "geburtstag", "geb", "geboren", "naissance", "anniversaire", "nacimiento", "f. nac", "fecha nac", "cumpleaños", "nascita",
    "compleanno", "nascimento", "data nasc", "aniversário", "geboortedatum", "verjaardag", "urodzenia", "ur", "födelsedatum", "fødselsdato",
    "syntymäaika", "doğum tarihi", "дата рождения", "день рождения", "дата народження", "生年月日", "出生日期", "出生", "생년월일", "생일",
    "誕生日", "生日",
)  # fmt: skip
_VERBS: Final = (
    "born", "né", "née", "ne", "nee", "nacido", "nacida", "nació", "nacio", "nací", "naci", "nato", "nata", "nascido", "nascida", "nasceu", "urodzony", "urodzona",
    "urodził", "urodziła", "urodziłam", "urodziłem", "родился", "родилась", "född", "født", "syntynyt", "geboren",
)  # fmt: skip
_GAP: Final = r"[\"'”’`*_\\]{0,3}[^\w\n]{0,6}(?:\([^()\n]{1,16}\)[^\w\n]{0,4})?\n?[ \t]{0,8}[\"'“`*\\]{0,3}"
_LINK: Final = r"(?:(?:is|was|on|the|in|at|as|of|it|it's|s|my|his|her|their|day|date|am|den|ist|war|lautet|le|el|il|la|est|es|è|é|op|em|dia|de|w|dn|dniu|dnia|id|field|value|mm|dd|yyyy|yy|entered|given|jest|to)\b[^\w\n]{1,4}){0,4}"
_PLACE: Final = r"(?:(?:in|at|à|a|en|em|w|i|på|zu)\s(?:[^\W\d_][\w.'’-]{0,24},?\s){1,4}(?:on|le|el|il|am|op|em|den|dnia)?\s?(?:the\s)?)?"
_AFTER_NOUN: Final = re.compile(rf"(?![^\W_]){_GAP}{_LINK}[\"'“\[(]{{0,2}}(?P<date>{DATE})", re.IGNORECASE)
_AFTER_VERB: Final = re.compile(rf"(?![^\W_])[^\w\n]{{1,4}}{_PLACE}{_LINK}(?P<date>{DATE})", re.IGNORECASE)
# Genealogists and obituaries: `(* 12.05.1980)`
_STAR: Final = re.compile(r"(?<![\w*])\*\s?(?P<date>\d\d?\.\s?\d\d?\.\s?(?:19|20)\d\d)(?!\d)")
_ANNOUNCERS: Final = tuple((word, _AFTER_NOUN) for word in _NOUNS) + tuple(
    (word, _AFTER_VERB) for word in _VERBS
)


@dataclass(frozen=True, slots=True)
class DateOfBirthDetector:
    """Announced dates of birth; other dates and ages stay."""

    kind: str = "date-of-birth"
    replacement: str = label("date-of-birth")

    def find(self, text: str) -> Iterator[Span]:
        """Spans of the dates alone."""
        if not any(map(str.isdecimal, text)):
            return
        lower = _lower(text)
        for word, pattern in _ANNOUNCERS:
            position = lower.find(word)
            while position >= 0:
                end = position + len(word)
                if word.startswith("birth") or not text[position - 1 : position].isalpha():
                    match = pattern.match(text, end)
                    if match is not None:
                        yield self._span(match)
                position = lower.find(word, end)
        if "*" in text:
            yield from map(self._span, _STAR.finditer(text))

    def _span(self, match: re.Match[str]) -> Span:
        start, end = match.span("date")
        return Span(start, end, self.kind, self.replacement, Order.DATE)


def _lower(text: str) -> str:
    """Lower case with all offsets kept; a few capital letters become two characters otherwise."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(one if len(one := character.lower()) == 1 else character for character in text)
