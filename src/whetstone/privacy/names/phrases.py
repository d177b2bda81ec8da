"""Names that a phrase introduces: "my name is …", "Dear …", "Regards,\\n…", "Dr. …", "Reviewed-by: …".

Rules only; they work in any case and in many languages, and where the models are not installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from whetstone.privacy.detectors.spans import Order, Span, Tier
from whetstone.privacy.names.lexicon import is_public, words
from whetstone.privacy.names.scripts import foreign_names
from whetstone.privacy.replacement.placeholders import label

_KIN = (
    "wife|husband|son|daughter|brother|sister|mother|father|mom|mum|dad|friend|colleague|boss|manager|doctor|lawyer"
    "|partner|kid|girlfriend|boyfriend|fiancée?|neighbou?r|roommate|coworker|assistant|cousin|uncle|aunt|therapist|landlord"
)
# After these comes a name, however it is written.
_TOLD = re.compile(
    r"\b(?:(?:my|his|her|their|whose) (?:(?:first|last|full|given|middle|maiden|family|real|legal|nick)[ -]?)?(?:sur)?name(?:'s|’s| is| was|:)|(?:i am|i'm|i’m|she is|he is|she's|he's|also) (?:called|named)|(?:call|calls|calling) me"
    r"|ich hei(?:ß|ss)e|mein name ist|je m['’]appelle|mon nom est|me llamo|mi nombre es|mi chiamo|il mio nome (?:è|e)"
    r"|meu nome (?:é|e)|(?:eu )?me chamo|ik heet|mijn naam is|jag heter|mitt namn är|jeg heter|jeg hedder|mit navn er"
    r"|nazywam się|mam na imię|jmenuji se|volám sa|(?:benim )?adım|a nevem|mă numesc|nimeni on|minun nimeni on|tên tôi là"
    r"|nama saya|меня зовут|мо[её] имя|мене звати|με λένε|(?:i['’]m|i am|this is|it['’]?s|hey,? it['’]?s)(?= [^\W\d_]+(?: [^\W\d_]+)? (?:here|speaking|calling)\b))\s{1,2}",
    re.IGNORECASE,
)
# After these comes a name if it is written with capitals, or is a common given name.
_LIKELY = re.compile(
    rf"\b(?:my (?:{_KIN}),?|(?:the|card|user|account|first|last|full|maiden) ?name is|calls? me|calling me|(?:signed|written|reviewed|approved|assigned|reported|submitted|prepared|created|authored|requested|recommended) (?:by|to)"
    r"|on behalf of|regards to|cc|attn:?|spoke (?:with|to)|(?:this|it) is|i am|i['’]m|im|its|it['’]s|ich bin|je suis|soy|sono|eu sou|sou|ik ben|jag är|jestem|já jsem|ben"
    r"|thanks|thank you|thx|hi|hello|hey|dear|good (?:morning|afternoon|evening)|bonjour|hallo|hola|ciao|olá|hej|merhaba|liebe[r]?|estimad[oa]|querid[oa]|cher|chère|caro|cara|gentile|beste)[ \t]{1,2}",
    re.IGNORECASE,
)
_SALUTATION = re.compile(
    r"(?:hi|hello|hey|dear|good \w+|thanks|thank you|thx|bonjour|hallo|hola|ciao|olá|hej|merhaba|lieber?|estimad[oa]|querid[oa]|ch(?:er|ère)|car[oa]|gentile|beste)\s+\Z",
    re.IGNORECASE,
)
_TITLE = re.compile(
    r"(?<![\w.])(?:(?:Mr|MR|Mrs|MRS|Ms|MS|Mx|Dr|DR|Prof|Sig|Sra|Srta|Dott|Hr|Fr|Mme|Mlle|Rev)\.?|Miss|Professor|Doctor|Sir|Madam|Dame|Herr|Herrn|Frau|Señor|Señora|Senhora?|Monsieur|Madame|Mademoiselle|Signora?|Pan|Pani|Paní|Mevrouw|Meneer|De heer|Sr\.|St\.(?= John))[ \t]{1,2}"
)
_CLOSING = re.compile(
    r"(?:regards|sincerely|cheers|thanks|thank you|wishes|yours|love|respectfully|truly|faithfully|best|grü(?:ß|ss)en?|gr(?:uß|uss)|mfg|cordialement|amicalement|sentiments"
    r"|saludos?|atentamente|saluti|cordialmente|atenciosamente|abraços?|groeten?|groet|hälsningar|mvh|hilsen|pozdrawiam|poważaniem|pozdravem|saygılarımla|уважением|пожеланиями)"
    r"[,.! ]{0,3}\n\s{0,8}[-–—~]{0,3}[ \t]{0,2}",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"^[ \t>*#/|\"'-]{0,8}(?:author|committer|commit by|reviewed-by|signed-off-by|co-authored-by|reported-by|acked-by|tested-by|suggested-by|helped-by|from|to|cc|bcc|attn|attention"
    r"|assignee|assigned to|reporter|reviewers?|contact(?: person)?|owner|maintainer|customer(?: name)?|client|patient(?: name)?|passengers?|employee|name|full[ _-]?name|signed by|signature|sender|recipient|attendees|participants|present"
    r"|requester|prepared by|approved by|ship to|bill to|cardholder|beneficiary|tenant|landlord|guest|speaker|interviewer|candidate|student|teacher|doctor|physician|agent|manager|ansprechpartner|nom|nombre|nome|naam|namn)\**[ \t]{0,2}:\**[ \t]{1,4}",
    re.IGNORECASE | re.MULTILINE,
)
_TODO = re.compile(r"\b(?:TODO|FIXME|XXX|HACK|NOTE)\((?P<name>[A-Za-z]{3,20})\)")
_JAVADOC = re.compile(r"@author[ \t]{1,4}")

_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’-](?=[^\W\d_])|[\u0300-\u036f])*")
_INITIAL = re.compile(r"[^\W\d_]\.[ \t]?")
_GAP = re.compile(r"[ \t]{1,2}")
_MAX_WORDS: Final = 4
_FIELD_END = re.compile(r"[ \t]*(?:$|[<(,;|\"'\n[—–-]|\*\*|@)", re.MULTILINE)
_MAX_LIST: Final = 20


@dataclass(frozen=True, slots=True)
class PhraseDetector:
    """Persons that a phrase, a title, a greeting, a signature or a field introduces."""

    kind: str = "person"
    replacement: str = label("person")

    def find(self, text: str) -> Iterator[Span]:
        """The names, without what introduces them."""
        for start, end in self._places(text):
            if not is_public(text[start:end]):
                yield Span(start, end, self.kind, self.replacement, Order.PERSON, 0, Tier.NAMES)

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        for match in _TOLD.finditer(text):
            yield from _name(text, match.end(), lower=True)
        for match in _LIKELY.finditer(text):
            yield from _likely(text, match)
        for match in _TITLE.finditer(text):
            yield from _name(text, match.end(), ordinary=True)
        for match in _CLOSING.finditer(text):
            yield from _whole_line(text, match.end())
        for match in _FIELD.finditer(text):
            yield from _list(text, match.end())
        for match in _JAVADOC.finditer(text):
            yield from _name(text, match.end())
        for match in _TODO.finditer(text):
            if match["name"].casefold() in words("given names") or match["name"].istitle():
                yield match.span("name")
        yield from foreign_names(text)


def _likely(text: str, match: re.Match[str]) -> Iterator[tuple[int, int]]:
    salutation = _SALUTATION.fullmatch(match[0]) is not None
    for start, end in _name(text, match.end(), given=True):
        first = text[start:end].split()[0].casefold()
        several = " " in text[start:end]
        closed = salutation and text[end : end + 1] in (",", "!", ":", "\n", ".", "")
        known = first in words("given names")
        sentence = text[match.start()].isupper() or salutation
        if (
            known
            or closed
            or (several and not sentence)
            or (not salutation and match[0].lower().startswith(("my ", "cc", "attn", "spoke", "call")))
        ):
            yield start, end


def _name(
    text: str, position: int, *, lower: bool = False, given: bool = False, ordinary: bool = False
) -> Iterator[tuple[int, int]]:
    """The name that begins there, if one does.

    `lower`: one or two words in lower case are a name, too; `given`: in lower case only a common given name is;
    `ordinary`: even an ordinary word is, if it is capitalised.
    """
    start = end = position
    for count in range(_MAX_WORDS):
        initial = _INITIAL.match(text, position)
        word = initial if initial is not None and initial[0][0].isupper() else _WORD.match(text, position)
        if word is None or not _accepts(word[0], count, lower=lower, given=given, ordinary=ordinary):
            break
        if word is not initial or count == 0:
            end = word.end()
        if word is not initial and word[0].casefold() in words("particles") and count:
            end = start if end == start else end
        position = word.end()
        gap = _GAP.match(text, position)
        if gap is None and word is not initial:
            break
        position = gap.end() if gap is not None else position
    end = _without_possessive(text, start, end)
    value = text[start:end].strip(" .")
    if len(value) > 1 and value.casefold() not in words("particles"):
        yield start, start + len(text[start:end].rstrip(" ."))


def _accepts(word: str, count: int, *, lower: bool, given: bool, ordinary: bool) -> bool:
    folded = word.rstrip(". ").casefold()
    if folded in words("particles") and (count or not given):
        return True
    everyday = folded in words("ordinary") or folded in words("not private")
    if word[0].isupper() or not word[0].islower():
        return (
            not everyday
            or (ordinary and count == 0)
            or (folded in words("names that are words") and not word.islower())
        )
    if everyday or "'" in word or "’" in word:
        return False
    if given and count == 0:
        return folded in words("given names")
    told = lower and count < 2 and folded not in words("brands")
    return told and not folded.endswith(("ing", "ed", "ly"))


def _without_possessive(text: str, start: int, end: int) -> int:
    return end - 2 if text[start:end].lower().endswith(("'s", "’s")) else end


def _whole_line(text: str, position: int) -> Iterator[tuple[int, int]]:
    """A name that is alone on its line, be it with an ordinary word for a surname."""
    for start, end in _name(text, position, lower=True, ordinary=True):
        rest = re.compile(r"[ \t]*(?:,[^\n]{0,40})?(?:\n|\Z)").match(text, end)
        if rest is not None:
            yield start, end


def _list(text: str, position: int) -> Iterator[tuple[int, int]]:
    """Names behind a field's colon, one or several with commas between."""
    for _ in range(_MAX_LIST):
        found = next(_name(text, position), None)
        if found is None or not _FIELD_END.match(text, found[1]):
            return
        value = text[found[0] : found[1]]
        if " " in value or value.casefold() in words("given names"):
            yield found
        following = re.compile(r",[ \t]{0,2}(?:and )?").match(text, found[1])
        if following is None:
            return
        position = following.end()
