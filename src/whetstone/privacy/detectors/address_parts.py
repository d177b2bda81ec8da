"""Parts of postal addresses in patterns: houses, units, codes, towns, countries."""

from __future__ import annotations

from typing import Final

UPPER: Final = r"(?-i:[A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĘĚĞĢĪĮİĶĹĻĽŁŃŇŌŐŒŔŘŚŞŠŢŤŪŮŰŹŻŽА-ЯІЇЄΑ-Ω])"
LETTER: Final = r"[^\W\d_]"
NAME: Final = (
    rf"{UPPER}{LETTER}{{0,24}}(?:[.'’-]{LETTER}{{1,24}}){{0,3}}(?:(?:(?<=\b\w)|(?<=\b\w\w))\.(?=\s))?"
)
SMALL: Final = r"(?:de|du|des|da|do|dos|das|del|della|delle|dei|degli|di|la|le|les|los|las|el|d['’]|l['’]|von|vom|van|der|den|am|im|an|et|e|y|i|a\.d\.|ob|nad)"
CITY: Final = rf"{NAME}(?:[ ](?:{SMALL}[ ]?){{0,2}}{NAME}){{0,3}}"
HOUSE: Final = r"(?:\d{1,5}(?:\s?[a-zA-Z](?![a-zA-Z]))?(?:\s?[-–/]\s?\d{1,4}[a-zA-Z]?)?(?:\s(?:bis|ter|quater))?)(?![\w%€$]|[.,:]\d|°)"
UK_CODE: Final = r"(?-i:[A-PR-UWYZ]{1,2}\d[A-Z\d]?\s?\d[ABD-HJLNP-UW-Z]{2})"
CANADA_CODE: Final = r"(?-i:[ABCEGHJ-NPRSTVXY]\d[A-Z][ -]?\d[A-Z]\d)"
CODE: Final = (
    r"(?:(?:[A-Z]{1,3}-)?\d{5}(?:-\d{3,4})?|(?:[A-Z]{1,3}-)?\d{4}(?:\s?(?-i:[A-Z]{2})\b|-\d{3})?|\d{3}\s\d{2}|\d{2}-\d{3}|\d{3}[ -]\d{4}|\d{3}\s?\d{3}"
    rf"|{UK_CODE}|{CANADA_CODE})(?![\w-])"
)
UNIT: Final = (
    r"(?:\d{1,3}\s?[ºªo°.]{0,2}\s?(?:[A-Z]\b|floor|piso|étage|etage|stock|og|izda|dcha|izq|der|esq)|(?:apt|apto|appt|apartment|appartement|flat|unit|suite|ste|floor|fl|room|wohnung|whg|bus|box"
    r"|piso|planta|puerta|portal|esc|escalera|bloco|bl|sala|andar|interno|int|scala|piano|m|lok|lokal|kv|lgh|daire|kat|bât|bâtiment|bat|escalier|étage|hus|leilighet|кв)\.?\s?#?\s?[\w-]{1,10}(?!\w))"
)
STATES: Final = r"(?-i:NSW|VIC|QLD|WA|SA|TAS|ACT|NT|ON|QC|BC|AB|MB|SK|NS|NB|NL|PE|YT|NU|[A-Z]{2})"
COUNTRY: Final = (
    r"(?:usa|u\.s\.a\.?|united states(?: of america)?|germany|deutschland|austria|österreich|switzerland|schweiz|suisse|france|spain|españa|italy|italia|(?:the )?netherlands|nederland|belgium|belgique|belgië|poland|polska"
    r"|portugal|brazil|brasil|sweden|sverige|norway|norge|denmark|danmark|finland|suomi|ireland|uk|u\.k\.|united kingdom|england|scotland|wales|canada|australia|new zealand|india|mexico|méxico|argentina|chile|colombia"
    r"|czechia|japan|singapore|south africa|israel|turkey|türkiye|greece|hungary|romania|россия|україна)"
)
# Between the lines of an address: a comma, a dash, a line break.
GAP: Final = r"(?:\s?,\s{0,2}|\s?\n\s{0,8}|\s[-–]\s|\s?;\s)"
_PLACE: Final = (
    rf"(?:{CODE}(?:\s{CITY}|(?<=\d)\s{LETTER}{{4,24}}(?!\w)|{GAP}{CITY})?(?:\s?\((?-i:[A-Z]{{2}})\))?|{CITY}(?:,?\s{STATES})?(?:,?\s|\s?[-–]\s?){CODE}"
    rf"|{CITY}\s?[-–/]\s?(?-i:[A-Z]{{2}})\b(?:{GAP}{CODE})?)"
)
# After the street: units, a district, a code and a town in either order, a state, a country.
TAIL: Final = rf"(?:{GAP}{UNIT}){{0,3}}(?:{GAP}(?:{SMALL}\s|(?:col|fracc|urb)\.\s|(?:colonia|barrio|bairro)\s)?{CITY}(?={GAP}{_PLACE}))?(?:{GAP}{_PLACE})?(?:{GAP}{COUNTRY}\b)?"
