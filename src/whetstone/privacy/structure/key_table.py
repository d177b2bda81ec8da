"""The words of keys that say what their value is, in several languages, and where they say so only in company."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Flag, auto
from typing import Final

from whetstone.privacy.detectors.address import ADDRESS
from whetstone.privacy.detectors.contact import EMAIL, PHONE
from whetstone.privacy.detectors.geo import REPLACEMENT as GEO
from whetstone.privacy.replacement.placeholders import label
from whetstone.privacy.structure import key_names as names
from whetstone.privacy.structure import key_values as values


class Company(Flag):
    """What the keys around a value are about."""

    NONE = 0
    PERSON = auto()
    ADDRESS = auto()
    CARD = auto()
    LOGIN = auto()
    REACHABLE = auto()
    """Somebody or some business with a telephone."""
    NAME = auto()
    """The parts of a name: `first`, `family`."""
    THING = auto()
    """A tool, a product, a business: its name is nobody's."""
    PIECES = auto()
    """Units of text with their probabilities or places."""


@dataclass(frozen=True, slots=True)
class KeyRule:
    """What to do with the value under a telling key."""

    kind: str
    replacement: str
    accepts: Callable[[str], bool]
    numbers: bool = True
    """Whether plain numbers are such values too."""
    holds_value: bool = False
    """Whether an object under the key carries the secret in its member `value`."""
    names: bool = False
    """Whether the value is a name, to be looked for in the whole trajectory."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule, and the company in which alone it holds (none: always)."""

    rule: KeyRule
    among: Company = Company.NONE
    never_among: Company = Company.NONE
    """Where it does not hold, unless the company says more than that there is a telephone."""
    hints: Company = Company.NONE
    """What it says about the keys beside it."""


def _rule(kind: str, accepts: Callable[[str], bool], replacement: str = "", numbers: bool = True) -> KeyRule:
    return KeyRule(kind, replacement or label(kind), accepts, numbers)


def _name(kind: str, accepts: Callable[[str], bool], everywhere: bool = True) -> KeyRule:
    return KeyRule(kind, label(kind), accepts, numbers=False, names=everywhere)


def _secret(kind: str, accepts: Callable[[str], bool] = values.secret, numbers: bool = True) -> KeyRule:
    return KeyRule(kind, label(kind), accepts, numbers, holds_value=True)


_EMAIL = _rule("email", values.one_line, EMAIL, numbers=False)
_PHONE = _rule("phone", values.digits_at_least(5), PHONE)
_GEO = _rule("geo", values.coordinates, GEO)
_STREET = _rule("address", values.street, ADDRESS, numbers=False)
_ANY_ADDRESS = _rule("address", values.address, ADDRESS, numbers=False)
_PART = _rule("address", values.street, ADDRESS)
_POSTAL = _rule("address", values.postal_code, ADDRESS)
_PERSON = _name("person", names.name)
_ANY_NAME = _name("person", names.unlabelled_name)
_WRITTEN = _name("person", names.written_name)
_FULL_NAME = _name("person", names.full_name)
_HANDLE = _name("person", names.handle, everywhere=False)
_PLATFORM = KeyRule("person", label("person"), names.platform_handle)
_PLACE = _name("location", names.place)
_AREA = _name("location", names.written_place, everywhere=False)
_ORGANIZATION = _name("organization", names.organization)
_PASSWORD = _secret("password")
_PIN = _secret("password", values.pin)
_TOKEN = _secret("token", values.token_like, numbers=False)
_SESSION = _secret("token", values.random_token, numbers=False)
_API_KEY = _secret("api-key", values.token_like)
_CARD = _secret("card-number", values.digits_at_least(3))
_NATIONAL_ID = _rule("national-id", values.number_of(5))
_ACCOUNT = _rule("account-number", values.number_of(4))
_VEHICLE = _rule("vehicle", values.number_of(4, 20, digits=1))

_TABLE: tuple[tuple[Entry, str], ...] = (
    (Entry(_EMAIL, hints=Company.PERSON), """email; emails; email address; email addresses; e mail; emailaddress; correo; correo electronico;
         courriel; emailadresse; e mail adresse; mail adresse; adresse mail; adresse email; indirizzo email; posta elettronica;
         endereco email; useremail; 邮箱; 電子郵件; メール; メールアドレス; почта; 이메일"""),
    (Entry(_PHONE, hints=Company.REACHABLE), """phone; phones; telephone; mobile; cellphone; tel; fax; msisdn; phone no; mobile no; tel no; contact no;
         contact number; phonenumber; mobilenumber; cell phone; home phone; work phone; whatsapp; whatsapp number; handy;
         handynummer; telefon; telefonnummer; mobil; mobilnummer; festnetz; rufnummer; telefono; numero telefono;
         numero de telefono; celular; movil; telefone; telemovel; portable; numero de telephone; cellulare; telefoon;
         telefoonnummer; numer telefonu; puhelin; puhelinnumero; 电话; 手机; 手机号; 電話; 電話番号; телефон; 전화; 전화번호;"""
        + ";".join(f"{device} {word}" for device in ("phone", "mobile", "telephone", "fax", "cell", "tel") for word in ("number", "numbers"))),
    (Entry(_rule("geo", values.numeric, GEO)), "lat; latitude; lng; lon; longitude; breitengrad; langengrad; latitud; longitud"),
    (Entry(_GEO), "latlng; lat lng; latlon; lat lon; lat long; latlong; geo point; geopoint; gps coordinates"),
    (Entry(_STREET, hints=Company.ADDRESS), """street address; postal address; home address; mailing address; street; street name; address line; addr line;
         full address; residential address; strasse; rue; calle; rua; ulica; straat; straatnaam; via e numero; domicilio;
         anschrift; hausanschrift; formatted address; house address; streetaddress"""),
    (Entry(_ANY_ADDRESS, hints=Company.ADDRESS), "address; addr; addresses; adresse; direccion; endereco; indirizzo; adres; adresa; osoite; адрес; 地址; 住所; 주소"),
    (Entry(_PART, Company.ADDRESS), """line; house number; street number; building number; hausnummer; apartment; apt; suite; flat;
         street number and name; numero civico; huisnummer; secondary address; building; po box"""),
    (Entry(_POSTAL, hints=Company.ADDRESS), """zip; zip code; zipcode; postal code; postalcode; postcode; post code; plz; postleitzahl; code postal; codigo postal;
         cep; kod pocztowy; zip postal; 邮编; 郵便番号; индекс; postnummer; postinumero"""),
    (Entry(_POSTAL, Company.ADDRESS | Company.PERSON), "cap; cp; postal; pin code; pincode"),
    (Entry(_AREA, Company.ADDRESS), """county; state; province; region; district; bundesland; provincia; estado; prefecture; canton;
         kommune; wojewodztwo; departement"""),
    (Entry(_PLACE, Company.ADDRESS | Company.PERSON), """city; town; suburb; neighborhood; neighbourhood; municipality; locality;
         ort; stadt; wohnort; ville; ciudad; cidade;
         citta; comune; localita; woonplaats; plaats; miasto; miejscowosc; bairro; barrio; stad; 城市; город"""),
    (Entry(_PLACE, Company.PERSON, Company.THING), "location; residence; lives in; wohnhaft"),
    (Entry(_PLACE), """birth place; birthplace; place of birth; city of birth; birth city; hometown; home town; home city; geburtsort;
         lieu de naissance; lugar de nacimiento; luogo di nascita; local de nascimento; miejsce urodzenia; native city"""),
    (Entry(_PERSON, hints=Company.PERSON), """first name; firstname; given name; givenname; given names; forename; fname; lname; last name; lastname; surname;
         family name; familyname; middle name; middlename; maiden name; birth name; preferred name; nickname; nick name; vorname; nachname; familienname; geburtsname; zuname; prenom;
         nom de famille; nom de naissance; primer nombre; apellido; apellidos; primer apellido; segundo apellido; nombre completo;
         apellido paterno; apellido materno; sobrenome; nome completo; cognome; voornaam; achternaam; tussenvoegsel; imie; nazwisko;
         fornavn; efternavn; etternavn; fornamn; efternamn; etunimi; sukunimi; prijmeni; krestni jmeno; keresztnev; vezeteknev; soyad;
         soyadi; prenume; meno a priezvisko; priezvisko; имя; фамилия; отчество; фио; 姓名; 姓; 名字; 名前; 氏名; 이름; 성명; first names; last names"""),
    (Entry(_PERSON, Company.NAME), "first; last; given; family; middle; text"),
    (Entry(_PERSON), """full name; fullname; legal name; customer name; contact name; recipient name; cardholder name; cardholder; card holder;
         name on card; account holder; holder name; beneficiary name; author name; next of kin; mothers maiden name; kontoinhaber; guest name;
         patient name; passenger name; employee name; reporter name; assignee name; titulaire du compte; titular de la cuenta"""),
    (Entry(_ANY_NAME, Company.PERSON | Company.REACHABLE, Company.THING), """name; names; nom; nome; nombre; naam; jmeno; nev; namn; navn; nimi; ime; display name;
         displayname; real name; 名"""),
    (Entry(_WRITTEN), """assignee; sender; reporter; requester; caller; applicant; candidate; supervisor; spouse; tenant; landlord; recipient; passenger; patient; attendee; payee; payer; beneficiary; reviewer; approver; emergency contact;
         signatory; doctor; physician; employee; account owner; lead passenger; primary contact; participant"""),
    (Entry(_FULL_NAME), """author; owner; created by; updated by; modified by; assigned to; submitted by; signed by; approved by;
         reported by; requested by; contact; contact person; customer; guest; manager;
         mother; father; from name; to name; landlord;
         ansprechpartner; sachbearbeiter; kunde; committer; titulaire; intestatario; pacjent; seller; buyer; insured; policyholder; policy holder"""),
    (Entry(_HANDLE, hints=Company.LOGIN), """username; user name; screen name; screenname; login name; loginname; benutzername; nutzername;
         nom d utilisateur; nombre de usuario; usuario; nome utente; gebruikersnaam; utilisateur; 用户名; ユーザー名;
         gamertag; github user; github login; preferred username; sam account name; samaccountname; nick"""),
    (Entry(_HANDLE, Company.PERSON, Company.THING), "login; handle; alias"),
    (Entry(_PLATFORM), ";".join(
        f"{network} {word}"
        for network in ("telegram", "discord", "slack", "twitter", "instagram", "facebook", "linkedin", "whatsapp", "tiktok",
            "snapchat", "skype", "wechat", "github", "farcaster")
        for word in ("id", "handle", "username", "user", "user id"))),
    (Entry(_ORGANIZATION, never_among=Company.THING), """employer; employer name; company name; companyname; organization name;
         organisation name; firma; firmenname; arbeitgeber; entreprise; societe; raison sociale; empresa; azienda; ditta;
         ragione sociale; bedrijf; bedrijfsnaam; werkgever; nazwa firmy; company; organization; organisation; workplace; 公司"""),
    (Entry(_rule("date-of-birth", values.date_of_birth), hints=Company.PERSON), """dob; birth date; birthdate; date of birth; birthday; dateofbirth; birth day;
         birth year; year of birth; born on; geburtsdatum; geburtstag; date de naissance; date naissance; naissance; fecha nacimiento;
         fecha de nacimiento; data nascimento; data de nascimento; data di nascita; data nascita; geboortedatum; data urodzenia;
         fodselsdato; fodelsedatum; syntymaaika; 生日; 出生日期; 生年月日; дата рождения"""),
    (Entry(_rule("passport", values.number_of(5, 16)), hints=Company.PERSON), """passport; passport number; passport no; passport id; passportnumber;
         reisepass; reisepassnummer; passeport; numero de passeport; pasaporte; numero de pasaporte; passaporte; passaporto;
         paspoort; paspoortnummer; paszport; travel document number; 护照; 护照号; паспорт"""),
    (Entry(_rule("driver-license", values.number_of(5, 22))), """driver license; drivers license; driver licence; driving licence;
         driving license; drivers licence; driver license number; drivers license number; driving licence number; license number;
         licence number; dl number; driverslicense; driverlicense; fuhrerschein; fuhrerscheinnummer; permis de conduire;
         licencia de conducir; patente di guida; rijbewijs; prawo jazdy; cnh"""),
    (Entry(_secret("ssn", values.digits_at_least(4)), hints=Company.PERSON), "ssn; social security; social security number; socialsecuritynumber; social security no"),
    (Entry(_NATIONAL_ID, hints=Company.PERSON), """national id; national identifier; national id number; identity number; id number; id card; id card number;
         identity card; identification number; government id; personal id; personal number; personal identity code; tax id; taxid;
         tax number; taxpayer id; tax identification number; tin; itin; ein; vat; vat number; vat id; vatin; nin; nino;
         national insurance; national insurance number; ni number; nhs number; nhs; cpf; cnpj; dni; nie; nif; cif; curp; pesel;
         nip; aadhaar; aadhar; aadhaar number; pan number; pan card; bsn; burgerservicenummer; cnp; codice fiscale; codicefiscale;
         partita iva; steuer id; steuerid; steuernummer; steueridentifikationsnummer; ust id; personalausweis; ausweisnummer;
         personalausweisnummer; sozialversicherungsnummer; numero securite sociale; numero de securite sociale; insee;
         personnummer; fodselsnummer; henkilotunnus; hetu; cpr; cpr number; rodne cislo; social insurance number; sin number; tfn;
         tax file number; medicare number; visa number; voter id; residence permit; residence permit number; cedula; rut; rg;
         numero identificacion; documento identidad; 身份证; 身份证号; マイナンバー; инн; снилс"""),
    (Entry(_rule("iban", values.number_of(12))), "iban; iban number"),
    (Entry(_rule("account-number", values.bank_code, numbers=False)), "bic; swift; swift code; bic code; swift bic; bic swift"),
    (Entry(_ACCOUNT), """account number; acct number; account no; acct no; acct; accountnumber; bank account; bank account number; bankaccount;
         routing number; routing; aba; aba number; sort code; sortcode; bsb; ifsc; ifsc code; clabe; kontonummer; konto nr; blz; bankleitzahl;
         numero de cuenta; numero de compte; numero conto; rekeningnummer; numer konta; bankgiro; plusgiro;
         medical record; medical record number; mrn; insurance number; insurance id; insurance policy; health insurance number;
         policy number; policy no; policy id; member number; membership number; subscriber number; health card; health card number;
         krankenversichertennummer; versichertennummer; versicherungsnummer; frequent flyer number; loyalty number; customer number;
         kundennummer; imei; imsi; iccid; meid; udid; idfa; gaid; device serial; advertising id; patient number; employee number"""),
    (Entry(_VEHICLE), """license plate; licence plate; license plate number; plate number; number plate; registration plate; licenseplate;
         vehicle registration; vehicle registration number; kennzeichen; kfz kennzeichen; immatriculation; plaque immatriculation;
         matricula; targa; kenteken; placa; vin; vin number; vehicle identification number; 车牌; 车牌号"""),
    (Entry(_rule("card-number", values.number_of(12, 24)), hints=Company.CARD), "pan; card pan"),
    (Entry(_CARD, hints=Company.CARD), """cvv; cvc; cvv2; csc; card number; cardnumber; card no; cc number; ccnumber; cc num; credit card; creditcard;
         credit card number; creditcardnumber; debit card; debit card number; card cvv; card cvc; security code;
         last four; card last four; card last 4; last 4; kreditkarte; kreditkartennummer; numero de tarjeta; numero de carte;
         numero carta; numer karty; tarjeta; card expiry; card expiration; card exp; expiration card"""),
    (Entry(_CARD, Company.CARD), """expiry; expiration; expiry date; exp date; expiration date; exp; exp month; exp year; expires; expiry month;
         expiry year; valid thru; number"""),
    (Entry(_rule("ip-address", values.ip_address)), """ip; ip address; ipaddress; ip addr; ipaddr; ipv4; ipv6; ip v4; ip v6; client ip;
         remote addr; remote address; remote ip; x forwarded for; forwarded for; x real ip; source ip; src ip; dest ip; host ip; last login ip"""),
    (Entry(_rule("mac-address", values.mac_address)), "mac; mac address; macaddress; mac addr; hwaddr; bssid; wifi mac; bluetooth address"),
    (Entry(_rule("crypto-address", values.wallet)), """wallet; wallet address; walletaddress; wallet id; eth address; btc address; sol address;
         bitcoin address; ethereum address; solana address; crypto address; crypto wallet; payout address; deposit address;
         withdrawal address"""),
    (Entry(_PASSWORD), """password; passwd; pwd; passphrase; passcode; passwort; kennwort; contrasena; senha; mot de passe; motdepasse; mdp;
         wachtwoord; haslo; parola; losenord; passord; 密码; パスワード; пароль; db pass; user pass; smtp pass; mysql pass; pg pass;
         postgres pass; ftp pass; admin pass; root pass; mail pass; redis pass; login pass; email pass; userpass; dbpass; userpassword"""),
    (Entry(_PASSWORD, Company.LOGIN | Company.PERSON), "pass; pw; credential"),
    (Entry(_PIN), """pin; pin number; atm pin; otp; otp code; one time password; one time code; one time pin; totp; totp code; mfa code; 2fa code;
         mfa token; two factor code; verification code; auth code; login code; sms code; confirmation pin; totp pin; access pin"""),
    (Entry(_secret("password", values.recovery_phrase)), """backup code; backup codes; recovery code; recovery codes; security answer;
         secret answer; authorization code"""),
    (Entry(_secret("private-key", values.recovery_phrase)), """seed phrase; seedphrase; mnemonic phrase; mnemonic; recovery phrase; secret phrase;
         wallet seed; backup phrase"""),
    (Entry(_secret("secret")), """secret; secrets; secret key; client secret; clientsecret; secretkey; totp secret; otp secret; shared secret;
         consumer secret; webhook secret; app secret; appsecret; session secret; signing secret; jwt secret; geheimnis"""),
    (Entry(_TOKEN), """access token; auth token; refresh token; id token; bearer token; session token; api token; bot token; user token;
         accesstoken; authtoken; refreshtoken; sessiontoken; jwt; jwt token; security token; personal access token; device token"""),
    (Entry(_secret("token", values.bare_token, numbers=False), never_among=Company.PIECES), "token"),
    (Entry(_SESSION), "session id; sessionid; session; sid; phpsessid; jsessionid; session key; connect sid; session cookie"),
    (Entry(_API_KEY), """api key; apikey; access key; account key; auth key; api keys; access key id; accesskey; accesskeyid; consumer key;
         subscription key; app key; appkey; application key; license key; licence key; product key; storage key; service key;
         master key; admin key; server key; deploy key; secret access key; service role key; hmac key"""),
    (Entry(_secret("private-key")), """private key; privatekey; signing key; encryption key; ssh key; ssh private key; pem; pgp key;
         decryption key; privkey; wallet key"""),
    (Entry(_secret("authorization", values.token_like)), "authorization; set cookie; proxy authorization; x auth token"),
    (Entry(_secret("authorization", values.cookie)), "cookie; cookies; auth header; auth; credentials; session data"),
    (Entry(_secret("secret", values.connection_string)), """connection string; connectionstring; conn string; conn str; dsn; connection uri; jdbc url;
         database dsn; sentry dsn; odbc"""),
)  # fmt: skip

ENTRIES: Final[dict[str, Entry]] = {
    words: entry
    for entry, listed in _TABLE
    for words in (part.strip() for part in listed.split(";"))
    if words
}
"""Entries by the last words of a key, in lower case, without accents, parted by blanks."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words whose `name`, `city` or `location` is a person's: the key above, or the words before in the key itself.
PERSONS: Final = _words(
    """
    user customer contact patient employee passenger guest member owner recipient sender author profile person client driver
     student teacher doctor physician manager candidate applicant subscriber buyer seller payee payer beneficiary attendee participant
     assignee reporter reviewer requester cardholder holder spouse husband wife mother father friend colleague
     staff tenant landlord resident witness victim insured policyholder signatory signer caller visitor traveler traveller borrower
     lender donor nominee human persona kunde benutzer patientin mitarbeiter cliente usuario paciente utilisateur
     klient uzytkownik klant gebruiker billing shipping payer receiver invitee organizer
    """
)
ADDRESSES: Final = _words(
    """
    address addresses shipping billing delivery home mailing postal residence adresse anschrift direccion endereco indirizzo adres
     residential street
    """
)
CARDS: Final = _words("card credit debit creditcard cc kreditkarte tarjeta")
NAMES: Final = _words("name names nom nome nombre naam")
# Keys beside which `name` is the name of a person, and of a thing.
ABOUT_PERSONS: Final = _words(
    """
    age gender sex avatar occupation nationality bio pronouns salutation marital birthplace jobtitle profession ethnicity religion
    """
)
ABOUT_THINGS: Final = _words(
    """
    parameters schema arguments function version price sku rating stars cuisine currency stock quantity repository dependencies
     mime extension opening hours amenities genre isbn model manifest plugin package script command ticker symbol isin exchange
     calories ingredients capacity humidity temperature forecast weather population elevation
    """
)
ABOUT_LOGINS: Final = _words("host hostname port server database smtp imap login user username")
ABOUT_PIECES: Final = _words("logprob logprobs bytes logit probability prob offset")
