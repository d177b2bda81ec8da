"""Which words announce which identifier, and what its value looks like."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stdnum import luhn
from stdnum.us import rtn


@dataclass(frozen=True, slots=True)
class Announcement:
    """A kind of identifier with the shape of its values; the shape is matched where a value begins."""

    kind: str
    shape: re.Pattern[str]
    check: Callable[[str], bool] | None = None


_END: Final = r"(?![^\W_]|[-/]\d|[.,:]\d)"
_DIGITS: Final = r"\d(?:[ .\-/]?\d)"


def _shape(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{pattern}){_END}", re.IGNORECASE)


def _digits(text: str) -> int:
    return sum(map(str.isdecimal, text))


def _no_date(text: str) -> bool:
    """Not a date, and digits enough for an identifier."""
    return _digits(text) >= 5 and _DATE.fullmatch(text) is None


def _is_routing(text: str) -> bool:
    return bool(rtn.is_valid(re.sub(r"\D", "", text)))


def _is_imei(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return len(digits) == 14 or luhn.is_valid(digits[:15])


def _is_plate(text: str) -> bool:
    return any(map(str.isdecimal, text)) and any(map(str.isalpha, text))


_DATE: Final = re.compile(
    r"(?:19|20)\d\d[-./]\d\d?[-./]\d\d?|\d\d?[-./]\d\d?[-./](?:19|20)\d\d|(?:19|20)\d\d[ -/](?:19|20)?\d\d"
)
_NATIONAL: Final = Announcement(
    "national-id",
    _shape(
        rf"[A-Z]{{0,4}}[ -]?{_DIGITS}{{4,17}}(?:[/-]?[A-Z]\d{{0,3}}[A-Z]?|[ ](?-i:[A-Z])\d{{0,3}}(?-i:[A-Z])?)?|(?=(?:[A-Z]{{0,6}}\d){{4}})[A-Z0-9]{{6,18}}"
    ),
    _no_date,
)
_TAX: Final = Announcement(
    "national-id",
    _shape(
        rf"[A-Z]{{0,3}}[ -]?{_DIGITS}{{6,13}}(?:[ ]?(?-i:[A-Z])\d{{0,2}}|[a-z]\d{{0,2}})?|(?=(?:[A-Z]{{0,6}}\d){{4}})[A-Z0-9]{{8,16}}"
    ),
    _no_date,
)
_RFC: Final = Announcement("national-id", _shape(r"[A-ZÑ&]{3,4}-?\d{6}-?[A-Z0-9]{2,3}"))
_SSN: Final = Announcement("ssn", _shape(r"\d{3}[ .-]?\d\d[ .-]?\d{4}|[Xx*]{3}-?[Xx*]{2}-?\d{4}"))
_SSN_TAIL: Final = Announcement("ssn", _shape(r"\d{4}"))
_PASSPORT: Final = Announcement(
    "passport",
    _shape(
        r"[A-Z]{1,3}[ -]?\d{5,9}[A-Z]?\d?|\d{2}[ ]?[A-Z]{2}[ ]?\d{5}|\d{2}[ ]\d{2}[ ]\d{6}|\d{7,10}|(?=(?:[A-Z]{0,4}\d){4})[A-Z0-9]{8,10}"
    ),
)
_LICENSE: Final = Announcement(
    "driver-license",
    _shape(
        r"(?-i:[A-Z]{2}) (?-i:[A-Z])\d{6,8}|[A-Z]{1,2}[ -]?\d{3}[ -]\d{3,4}[ -]\d{2,4}(?:[ -]\d{1,4})?|(?=(?:[A-Z]{0,9}\d){4})[A-Z0-9]{5,19}|[A-Z]{0,3}[ -]?\d{2,4}(?:[ -]\d{2,6}){1,4}"
    ),
    _no_date,
)
_ACCOUNT: Final = Announcement("account-number", _shape(r"\d{6,17}|\d{2,6}(?:[ -]\d{2,6}){1,4}"), _no_date)
_MEMBER: Final = Announcement(
    "account-number",
    _shape(r"(?=(?:[A-Z]{0,5}[ -]?\d){4})[A-Z]{0,5}[ -]?\d[A-Z0-9]{2,14}(?:-[A-Z0-9]{1,12}){0,3}"),
    _no_date,
)
# Airlines' record locators, and whatever else has six signs.
_LOCATOR: Final = Announcement("account-number", _shape(r"(?-i:(?=[A-Z]{0,5}\d)(?=\d{0,5}[A-Z])[A-Z0-9]{6})"))
_TAIL: Final = Announcement("account-number", _shape(r"\d{4}"))
_CARD_TAIL: Final = Announcement("card-number", _shape(r"\d{4}"))
_UK_PLATE: Final = Announcement("vehicle", _shape(r"(?-i:[A-Z]{2}\d\d ?[A-Z]{3})"))
_ROUTING: Final = Announcement("account-number", _shape(r"\d{9}|\d{4}-\d{4}-\d"), _is_routing)
_SORT: Final = Announcement(
    "account-number", _shape(r"\d\d[ -]?\d\d[ -]?\d\d|\d{3}[ -]\d{3}|\d{8}|\d{5}-\d{3}|[A-Z]{4}0[A-Z0-9]{6}")
)
_IBAN: Final = Announcement("iban", _shape(r"[A-Z]{2}\d\d(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?"))
_IMEI: Final = Announcement("account-number", _shape(r"\d{2}[ -]?\d{6}[ -]?\d{6}(?:[ -]?\d{1,2})?"), _is_imei)
_PLATE: Final = Announcement(
    "vehicle",
    _shape(
        r"[A-ZÄÖÜ]{1,3}[ -][A-Z]{1,2}[ -]?\d{1,4}[EH]?|(?=[A-Z-]{0,5}\d)(?=\d{0,4}[ -]?[A-Z]|[A-Z])[A-Z0-9]{2,8}(?:[ -][A-Z0-9]{1,5}){0,2}"
    ),
    _is_plate,
)
_VIN: Final = Announcement("vehicle", _shape(r"[A-HJ-NPR-Z0-9]{17}"))

_TABLE: Final[tuple[tuple[str, tuple[Announcement, ...]], ...]] = (
    (
        """social security|social sec|social security number|ssn|ssns|soc sec|social insurance|my social|his social|her social|their social|your social""",
        (_SSN, _NATIONAL),
    ),
    (
        """four of my social|four of social|digits of my social|digits of ssn|digits of my ssn|four of ssn|four of my ssn|four ssn|ssn last|ssn ending|social ending|social security ending|ssn ends""",
        (_SSN_TAIL,),
    ),
    (
        """national id|national identity|national identification|national insurance|identity card|identity document|identity number|personal number
        personal identification|personal identity|personal id|citizen id|citizen number|citizenship number|id card|nino|ni no|ni number|n i number|nhs|nhs no|sin
        dni|nie|nif|cpf|rg|pesel|aadhaar|aadhar|adhaar|bsn|burgerservicenummer|personalausweis|personalausweisnummer|ausweisnummer|ausweis
        sozialversicherungsnummer|versicherungsnummer|rentenversicherungsnummer|svnr|ahv|ahv nr|avs|codice fiscale|carta d identità|carta identità
        sécurité sociale|securite sociale|numéro de sécu|nir|insee|carte d identité|seguridad social|documento de identidad|cédula|cedula
        personnummer|samordningsnummer|fødselsnummer|fodselsnummer|cpr|cpr nr|henkilötunnus|hetu|kennitala|rijksregisternummer|registre national
        rodné číslo|rodné cislo|rč|rodné cislo|cod numeric personal|cod numeric|osobni identifikacijski|identifikacijski broj|jmbg|emšo|matični broj|isikukood|isiku kood|asmens kodas|personas kods|personal code|fødselsnr|fnr|rvnr|személyi szám|taj|cnp|egn|егн|oib|amka|αμκα|tc kimlik|t c kimlik|kimlik|tckn|curp|rut|cuit|cuil|rrn|my number card|マイナンバー|身份证|身份证号|身份证号码|주민등록번호
        teudat zehut|תעודת זהות|emirates id|nric|mykad|pps|ppsn|ktp|nik|voter id|nin|nrc|snils|снилс|инн|паспорт
        medicare|medicare card|medicaid|ihi|health card|health insurance|insurance number|krankenversicherungsnummer|krankenversichertennummer|versichertennummer|carte vitale|green card|alien registration|uscis""",
        (_NATIONAL,),
    ),
    (
        """tax id|tax identification|taxpayer id|taxpayer identification|tax number|tax file|tfn|tin|itin|ein|atin|employer identification|vat|vat id|vat reg|vat registration|utr|gstin|abn
        steuer id|steuerid|steuernummer|steuer nr|steueridentifikationsnummer|steuerliche identifikationsnummer|idnr|ust id|ust idnr|u st id|u st id nr|u st idnr|ustid|umsatzsteuer id|mwst
        numéro fiscal|numero fiscal|tva|siret|siren|cif|partita iva|p iva|btw|btw nummer|contribuinte|nip|regon|momsnummer|cnpj|gst|pan|pan card""",
        (_TAX,),
    ),
    (
        """passport|passports|passport no|reisepass|reisepassnummer|passnummer|pass nr|passeport|pasaporte|passaporto|paspoort|paspoortnummer|paszport|paszportu|passaporte|passi|загранпаспорт|护照|护照号|パスポート|여권번호
        reisedokument|travel document""",
        (_PASSPORT,),
    ),
    (
        """driver license|drivers license|driver s license|driver licence|drivers licence|driver s licence|driving license|driving licence|dl|dln|license id|licence number|license number
        führerschein|führerscheinnummer|fuehrerschein|permis de conduire|permis|licencia de conducir|permiso de conducir|carnet de conducir|patente di guida|patente|rijbewijs|rijbewijsnummer|prawo jazdy|prawa jazdy|körkort|førerkort|kørekort|carta de condução|cnh|ajokortti""",
        (_LICENSE,),
    ),
    (
        """account|account number|acct|accounts|bank account|checking account|savings account|acc no|acc num|a c|konto|kontonummer|kontonr|kto|compte|numéro de compte|cuenta|número de cuenta|conto|rekening|rekeningnummer|conta|konta|bankkonto|numer konta|cbu|clabe|clabe interbancaria""",
        (_IBAN, _ACCOUNT),
    ),
    (
        """routing|routing number|aba|aba number|transit|rtn""",
        (_ROUTING,),
    ),
    ("""sort code|sortcode|bankleitzahl|blz|bsb|ifsc|ifsc code|agência|agencia""", (_SORT,)),
    ("""iban|ibans""", (_IBAN,)),
    ("""rfc""", (_RFC,)),
    ("""imei|imeisv|meid""", (_IMEI,)),
    (
        """license plate|licence plate|license plates|number plate|numberplate|plate|plate number|vehicle registration|car registration|registration plate|kennzeichen|nummernschild|autokennzeichen|plaque|immatriculation|plaque d immatriculation|matrícula|matricula|targa|kenteken|rejestracja|rejestracyjny|placa|registreringsnummer""",
        (_PLATE,),
    ),
    ("""registration|reg|reg no|registered""", (_UK_PLATE,)),
    (
        """pnr|record locator|airline reference""",
        (_LOCATOR, _MEMBER),
    ),
    (
        """account ending|account ending in|account ends|account ends in|acct ending|accounts ending|konto mit endung|compte finissant par|cuenta terminada en""",
        (_TAIL,),
    ),
    ("""card ending|card ending in|card ends|card ends in|cards ending|visa ending|mastercard ending|amex ending""", (_CARD_TAIL,)),
    ("""vin|vehicle identification|chassis|fahrgestellnummer|fin""", (_VIN,)),
    (
        """medical record|medical record number|mrn|patient id|patient number|member id|member number|membership number|customer number|customer id|client number|kundennummer|mitgliedsnummer|employee id|employee number|staff id|student id|student number|matrikelnummer|policy number|policy no|insurance policy|insurance id|subscriber id|beneficiary id|group number|frequent flyer|loyalty number|badge number|personalnummer|numéro client|número de cliente|polizza|polizzennummer|police nr|policennummer|versicherungsscheinnummer|vertragsnummer|vertrag nr|vertrag|versichertennr|versichertennummer|contrat n|contrat no|contrato n|contrato nº|numéro de contrat|número de póliza|loan number|loan no|loan id|loan account|mortgage number|claim number|claim no|bar no|bar number|medical license|ticket no|ticket number|e ticket|eticket|frequent flyer no|frequent flyer number|npi|dea number""",
        (_MEMBER,),
    ),
)  # fmt: skip


def _phrases() -> dict[str, list[Announcement]]:
    table: dict[str, list[Announcement]] = {}
    for phrases, announcements in _TABLE:
        for phrase in re.split(r"[|\n]", phrases):
            table.setdefault(phrase.strip().lower(), []).extend(announcements)
    return table


ANNOUNCEMENTS: Final = _phrases()
