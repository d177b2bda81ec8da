"""The phrases, titles, greetings, signatures and fields that introduce a name, and the words they begin with."""

from __future__ import annotations

import re
from typing import Final

_KIN: Final = (
    "wife|husband|son|daughter|brother|sister|mother|father|mom|mum|dad|friend|colleague|boss|manager|doctor|lawyer"
    "|partner|kid|girlfriend|boyfriend|fiancée?|neighbou?r|roommate|coworker|assistant|cousin|uncle|aunt|therapist|landlord"
)
# After these comes a name, however it is written.
TOLD: Final = re.compile(
    r"\b(?:(?:my|his|her|their|whose) (?:(?:first|last|full|given|middle|maiden|family|real|legal|nick)[ -]?)?(?:sur)?name(?:'s|’s| is| was|:)|(?:i am|i'm|i’m|she is|he is|she's|he's|also) (?:called|named)|(?:call|calls|calling) me"
    r"|ich hei(?:ß|ss)e|mein name ist|je m['’]appelle|mon nom est|me llamo|mi nombre es|mi chiamo|il mio nome (?:è|e)"
    r"|meu nome (?:é|e)|(?:eu )?me chamo|ik heet|mijn naam is|jag heter|mitt namn är|jeg heter|jeg hedder|mit navn er"
    r"|nazywam się|mam na imię|jmenuji se|volám sa|(?:benim )?adım|a nevem|mă numesc|nimeni on|minun nimeni on|tên tôi là"
    r"|nama saya|меня зовут|мо[её] имя|мене звати|με λένε|(?:i['’]m|i am|this is|it['’]?s|hey,? it['’]?s)(?= [^\W\d_]+(?: [^\W\d_]+)? (?:here|speaking|calling)\b))\s{1,2}",
    re.IGNORECASE,
)
_OTHER_KIN: Final = (
    r"(?:his|her|our|your|their) (?:" + _KIN + ")"
    r"|meine?[mnr]? (?:mann|frau|sohn|tochter|bruder|schwester|mutter|vater|cousine?|onkel|tante|opa|oma|freund(?:in)?|chef(?:in)?|nachbar(?:in)?|enkel(?:in)?)"
    r"|(?:mi|su|tu) (?:herman[ao]|novi[ao]|marido|mujer|espos[ao]|hij[ao]|madre|padre|prim[ao]|tí[ao]|abuel[ao]|jef[ae]|vecin[ao]|amig[ao])"
    r"|(?:mon|ma|son|sa) (?:mari|femme|fils|fille|frère|sœur|soeur|mère|père|cousine?|oncle|tante|copine|copain|chef|voisine?|amie?)"
    r"|mi[oa] (?:marito|moglie|figli[oa]|fratello|sorella|madre|padre|zi[oa]|nonn[oa]|capo|amic[oa])"
    r"|(?:meu|minha) (?:marido|esposa|filh[oa]|irmã|irmão|mãe|pai|ti[oa]|avó|avô|chefe|amig[oa])"
    r"|mijn (?:man|vrouw|zoon|dochter|broer|zus|moeder|vader|oom|tante|opa|oma|vriend(?:in)?|baas|buurman|buurvrouw)"
    r"|min (?:man|fru|son|dotter|bror|syster|mamma|pappa|sambo|chef)"
)
# After these comes a name if it is written with capitals, or is a common given name.
LIKELY: Final = re.compile(
    rf"\b(?:my (?:{_KIN}),?|(?:{_OTHER_KIN}),?|(?:the|card|user|account|first|last|full|maiden) ?name is|calls? me|calling me|(?:signed|written|reviewed|approved|assigned|reported|submitted|prepared|created|authored|requested|recommended) (?:by|to)"
    r"|on behalf of|regards to|cc|attn:?|spoke (?:with|to)|(?:this|it) is|i am|i['’]m|im|its|it['’]s|ich bin|je suis|soy|sono|eu sou|sou|ik ben|jag är|jestem|já jsem|ben"
    r"|ping|groetjes|groeten|thanks|thank you|thx|hi|hello|hey|dear|good (?:morning|afternoon|evening)|bonjour|hallo|hola|ciao|olá|hej|merhaba|liebe[r]?|estimad[oa]|querid[oa]|cher|chère|caro|cara|gentile|beste)[ \t]{1,2}",
    re.IGNORECASE,
)
RELATIVE: Final = re.compile(rf"(?:my (?:{_KIN})|{_OTHER_KIN}),?\s+\Z", re.IGNORECASE)
SALUTATION: Final = re.compile(
    r"(?:hi|hello|hey|dear|good \w+|thanks|thank you|thx|groetjes|groeten|bonjour|hallo|hola|ciao|olá|hej|merhaba|lieber?|estimad[oa]|querid[oa]|ch(?:er|ère)|car[oa]|gentile|beste)\s+\Z",
    re.IGNORECASE,
)
TITLE: Final = re.compile(
    r"(?<![\w.])(?:(?:Mr|MR|Mrs|MRS|Ms|MS|Mx|Dr|DR|Prof|Sig|Sra|Srta|Dott|Hr|Fr|Mme|Mlle|Rev)\.?|(?:[Aa]vv|[Dd]ott|[Dd]ott\.ssa|[Ii]ng|[Ss]ig|[Ss]ig\.ra|[Dd]r|[Pp]rof|[Dd]on[ae]?)\.|Miss|Professor|Doctor|Sir|Madam|Dame|Herr|Herrn|Frau|Señor|Señora|Senhora?|Monsieur|Madame|Mademoiselle|Signora?|Pan|Pani|Paní|Mevrouw|Meneer|De heer|[Hh]eer|Sr\.|St\.(?= John))[ \t]{1,2}"
)
CLOSING: Final = re.compile(
    r"(?:regards|sincerely|cheers|thanks|thank you|wishes|yours|love|respectfully|truly|faithfully|best|grü(?:ß|ss)en?|gr(?:uß|uss)|mfg|cordialement|amicalement|sentiments"
    r"|saludos?|atentamente|saluti|cordialmente|atenciosamente|abraços?|groetjes|groeten?|groet|hälsningar|mvh|hilsen|pozdrawiam|poważaniem|pozdravem|saygılarımla|уважением|пожеланиями)"
    r"[,.! ]{0,3}\n\s{0,8}[-–—~]{0,3}[ \t]{0,2}",
    re.IGNORECASE,
)
FIELD: Final = re.compile(
    r"^[ \t>*#/|\"'-]{0,8}(?:author|committer|commit by|reviewed-by|signed-off-by|co-authored-by|reported-by|acked-by|tested-by|suggested-by|helped-by|from|to|cc|bcc|attn|attention"
    r"|assignee|assigned to|reporter|reviewers?|contact(?: person)?|owner|maintainer|customer(?: name)?|client|patient(?: name)?|passengers?|employee|name|full[ _-]?name|signed by|signature|sender|recipient|attendees|participants|present"
    r"|requester|prepared by|approved by|ship to|bill to|cardholder|beneficiary|tenant|landlord|guest|speaker|interviewer|candidate|student|teacher|doctor|physician|agent|manager|ansprechpartner|nom|nombre|nome|naam|namn)\**[ \t]{0,2}:\**[ \t]{1,4}",
    re.IGNORECASE | re.MULTILINE,
)
TODO: Final = re.compile(r"\b(?:TODO|FIXME|XXX|HACK|NOTE)\((?P<name>[A-Za-z]{3,20})\)")
JAVADOC: Final = re.compile(r"author[ \t]{1,4}")
# A name letter by letter: "that's S-M-I-T-H", "spelled D U R M U Ş".
SPELLED: Final = re.compile(
    r"\b(?:(?:spell(?:ed|s|ing)?|spelt|buchstabier(?:t|e|en)|geschrieben|s['’]écrit|écrit|épelle|deletrea|deletreo|deletreado|escribe|scrive|soletra|pisze|yazılır|gespeld|stavas)\b[^\n\w]{0,4}(?:[^\W\d_]{2,12} ){0,3}"
    r"|(?:that|it)['’]?s |name is |name[:,] )(?P<name>[^\W\d_](?:(?:[ \t]?[-–.,][ \t]?|[ \t])[^\W\d_](?![^\W_])){2,29})",
    re.IGNORECASE,
)

# The words, in lower case, with which the phrases begin. A phrase is tried nowhere else.
_STARTS: Final[dict[re.Pattern[str], str]] = {
    TOLD: "my his her their whose i she he also call calls calling ich mein je mon me mi il meu eu ik mijn jag mitt jeg mit nazywam"
    " mam jmenuji volám benim adım a mă nimeni minun tên nama меня мое моё мене με this it hey im",
    LIKELY: "my the card user account first last full maiden call calls calling signed written reviewed approved assigned reported"
    " submitted prepared created authored requested recommended on regards cc attn spoke this it i im its ich je soy sono eu sou"
    " ik jag jestem já ben thanks thank thx hi hello hey dear good bonjour hallo hola ciao olá hej merhaba liebe lieber estimado"
    " estimada querido querida cher chère caro cara gentile beste ping groetjes groeten his her our your their mein meine"
    " meinem meinen meiner mi su tu mon ma son sa mio mia meu minha mijn min",
    TITLE: "mr mrs ms mx dr prof sig sra srta dott hr fr mme mlle rev avv ing don dona done miss professor doctor sir madam dame herr herrn"
    " frau señor señora senhor senhora monsieur madame mademoiselle signor signora pan pani paní mevrouw meneer de heer sr st",
    CLOSING: "regards sincerely cheers thanks thank wishes yours love respectfully truly faithfully best grüßen grüssen grüße grüsse"
    " gruß gruss mfg cordialement amicalement sentiments saludo saludos atentamente saluti cordialmente atenciosamente abraço"
    " abraços groet groete groeten groetjes hälsningar mvh hilsen pozdrawiam poważaniem pozdravem saygılarımla уважением пожеланиями",
    FIELD: "author committer commit reviewed signed co acked tested suggested helped from to cc bcc attn attention assignee assigned"
    " reporter reviewer reviewers contact owner maintainer customer client patient passenger passengers employee name full fullname"
    " signature sender recipient attendees participants present requester prepared approved ship bill cardholder beneficiary"
    " tenant landlord guest speaker interviewer candidate student teacher doctor physician agent manager ansprechpartner nom"
    " nombre nome naam namn",
    TODO: "todo fixme xxx hack note",
    JAVADOC: "author",
    SPELLED: "spell spelled spells spelling spelt buchstabiert buchstabiere buchstabieren geschrieben s écrit épelle deletrea deletreo"
    " deletreado escribe scrive soletra pisze yazılır gespeld stavas that it thats its name",
}  # fmt: skip


def _table() -> dict[str, tuple[re.Pattern[str], ...]]:
    table: dict[str, tuple[re.Pattern[str], ...]] = {}
    for pattern, starts in _STARTS.items():
        for word in starts.split():
            table[word] = (*table.get(word, ()), pattern)
    return table


PHRASES: Final = _table()
"""Which patterns may match where a word stands."""
