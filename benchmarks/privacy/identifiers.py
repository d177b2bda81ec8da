"""Structured identifiers: numbers and codes that belong to somebody or to some place."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from benchmarks.privacy.fakes import Fakes
from benchmarks.privacy.labelled import Document, labelled, mark, number
from benchmarks.privacy.wallets import crypto
from stdnum import luhn

_HEX = "0123456789abcdef"
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

REGIONS = (
    "US", "GB", "DE", "FR", "ES", "IT", "NL", "PL", "TR", "IN", "MX", "BR", "AR", "JP", "CN", "KR", "AU",
    "NZ", "SE", "NO", "DK", "FI", "PT", "CH", "AT", "BE", "IE", "ZA", "IL", "CZ",
)  # fmt: skip

IBAN_SHAPES = {
    "DE": "18n", "FR": "10n11c2n", "GB": "4a14n", "ES": "20n", "IT": "1a10n12c", "NL": "4a10n",
    "PL": "24n", "TR": "5n1n16c", "CH": "5n12c", "AT": "16n", "BE": "12n", "PT": "21n", "SE": "20n",
    "NO": "11n", "DK": "14n", "FI": "14n", "IE": "4a14n", "CZ": "20n", "GR": "7n16c", "LU": "3n13c",
    "HU": "24n", "RO": "4a16c",
}  # fmt: skip

# What a country calls its number, the locale that Faker writes it in, and the method that makes it.
NATIONAL_IDS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "BR": (("CPF", "cpf"), "pt_BR", "cpf"),
    "PL": (("PESEL", "nr PESEL"), "pl_PL", "pesel"),
    "FR": (("NIR", "numéro de sécurité sociale"), "fr_FR", "ssn"),
    "IT": (("codice fiscale", "CF"), "it_IT", "ssn"),
    "NL": (("BSN", "burgerservicenummer"), "nl_NL", "ssn"),
    "DE": (("Rentenversicherungsnummer", "RVNR"), "de_DE", "rvnr"),
    "FI": (("henkilötunnus", "HETU"), "fi_FI", "ssn"),
    "NO": (("fødselsnummer", "fnr"), "no_NO", "ssn"),
    "CA": (("SIN", "social insurance number"), "en_CA", "ssn"),
    "CN": (("身份证号", "ID card number"), "zh_CN", "ssn"),
    "KR": (("주민등록번호", "RRN"), "ko_KR", "ssn"),
    "IN": (("Aadhaar", "Aadhaar number"), "en_IN", "aadhaar_id"),
    "TR": (("TC Kimlik No", "TCKN"), "tr_TR", "ssn"),
    "CZ": (("rodné číslo", "RČ"), "cs_CZ", "birth_number"),
    "RO": (("CNP", "cod numeric personal"), "ro_RO", "ssn"),
    "HR": (("OIB", "osobni identifikacijski broj"), "hr_HR", "ssn"),
    "EE": (("isikukood", "personal code"), "et_EE", "ssn"),
    "CH": (("AHV-Nummer", "AVS"), "de_CH", "ssn"),
}


def digits(random: Random, count: int) -> str:
    """So many digits."""
    return "".join(random.choices("0123456789", k=count))


def card(random: Random) -> str:
    """A card number with a good check digit, of one of the five large brands, in one of the usual spellings."""
    prefix, length = random.choice(
        (("4", 16), ("5" + random.choice("12345"), 16), ("37", 15), ("6011", 16), ("3528", 16))
    )
    body = prefix + digits(random, length - 1 - len(prefix))
    full = body + luhn.calc_check_digit(body)
    groups = (4, 6, 5) if length == 15 else (4, 4, 4, 4)
    separator = random.choice(("", " ", " ", "-"))
    parts, position = [], 0
    for size in groups:
        parts.append(full[position : position + size])
        position += size
    return separator.join(parts)


def iban(random: Random, country: str | None = None) -> str:
    """An IBAN with good check digits; sometimes in groups of four."""
    country = country or random.choice(list(IBAN_SHAPES))
    shape, body = IBAN_SHAPES[country], ""
    while shape:
        size = "".join(character for character in shape[:2] if character.isdigit())
        letters = {"n": "0123456789", "a": _UPPER, "c": "0123456789" + _UPPER}[shape[len(size)]]
        body += "".join(random.choices(letters, k=int(size)))
        shape = shape[len(size) + 1 :]
    figures = "".join(str(int(character, 36)) for character in body + country + "00")
    full = f"{country}{98 - int(figures) % 97:02d}{body}"
    if random.random() < 0.5:
        return full
    return " ".join(full[place : place + 4] for place in range(0, len(full), 4))


def imei(random: Random) -> str:
    """The number of a mobile phone, with its check digit."""
    body = "35" + digits(random, 12)
    return body + luhn.calc_check_digit(body)


def ssn(random: Random) -> str:
    """A social security number of the United States, with dashes."""
    area = random.choice([number for number in range(1, 900) if number != 666])
    return f"{area:03d}-{random.randrange(1, 100):02d}-{random.randrange(1, 10_000):04d}"


def nino(random: Random) -> str:
    """A British National Insurance number."""
    body = digits(random, 6)
    first = random.choice("ABCEGHJKLMNPRSTWXY") + random.choice("ABCEGHJKLMPRSTWX")
    separator = random.choice(("", " "))
    return separator.join((first, body[:2], body[2:4], body[4:], random.choice("ABCD")))


def dni(random: Random) -> str:
    """A Spanish identity number."""
    body = digits(random, 8)
    return body + "TRWAGMYFPDXBNJZSQVHLCKE"[int(body) % 23]


def personnummer(random: Random) -> str:
    """A Swedish identity number."""
    day = f"{random.randrange(40, 100)}{random.randrange(1, 13):02d}{random.randrange(1, 29):02d}"
    serial = digits(random, 3)
    return f"{day}-{serial}{luhn.calc_check_digit(day + serial)}"


# Where Faker has none, or one that is not the same for the same seed.
_OWN: dict[str, tuple[tuple[str, ...], Callable[[Random], str]]] = {
    "GB": (("National Insurance number", "NINO", "NI number"), nino),
    "ES": (("NIF", "DNI"), dni),
    "SE": (("personnummer", "Personnr"), personnummer),
}


def national_id(fakes: Fakes, country: str | None = None) -> tuple[str, str]:
    """What the country calls it, and the number."""
    country = country or fakes.random.choice([*NATIONAL_IDS, *_OWN])
    if country in _OWN:
        names, make = _OWN[country]
        return fakes.random.choice(names), make(fakes.random)
    names, locale, method = NATIONAL_IDS[country]
    return fakes.random.choice(names), str(getattr(fakes.faker(locale), method)())


def ip4(random: Random) -> str:
    """A public address."""
    first = random.choice(
        [number for number in range(11, 223) if number not in (100, 127, 169, 172, 192, 198, 203)]
    )
    return ".".join(map(str, (first, *(random.randrange(1, 255) for _ in range(3)))))


def ip6(random: Random) -> str:
    """A global address, written out or shortened."""
    groups = [
        "2" + "".join(random.choices(_HEX, k=3)),
        *("".join(random.choices(_HEX, k=4)) for _ in range(7)),
    ]
    if random.random() < 0.5:
        return ":".join(groups)
    return ":".join(groups[: random.randrange(2, 5)]) + "::" + groups[-1].lstrip("0")


def mac(random: Random) -> str:
    """A hardware address."""
    pairs = ["".join(random.choices(_HEX, k=2)) for _ in range(6)]
    text = random.choice((":", "-")).join(pairs)
    return random.choice((text, text.upper()))


def passport(random: Random) -> str:
    """A number in the shape of a few countries' passports."""
    return random.choice(
        (
            digits(random, 9),
            random.choice(_UPPER) + digits(random, 8),
            "".join(random.choices(_UPPER, k=2)) + digits(random, 7),
        )
    )


def geo(random: Random) -> str:
    """A spot in one of the shapes in which agents write it."""
    lat, lng = (
        f"{random.uniform(-60, 70):.{random.choice((2, 4, 6))}f}",
        f"{random.uniform(-179, 179):.{random.choice((2, 4, 6))}f}",
    )
    north, east = mark("geo", lat), mark("geo", lng)
    nested = f'{{"coords": {{"latitude": {north}, "longitude": {east}, "accuracy": 12}}, "timestamp": 1718000000000}}'
    return random.choice(
        (f'{{"latitude":{north},"longitude":{east}}}', f"lat: {north}, lng: {east}", f"latitude={north}&longitude={east}",
         f"location: {north}, {east}", f"current location = {north} {east}", f"coordinates: ({north}, {east})", f"{north}, {east}",
         nested, f"lat {north} lon {east}", f"Lat/Lng {north},{east}", f"coords: {north},{east}",
         f"https://www.google.com/maps/@{north},{east},15z", f"geo:{north},{east}", f'{{"lat": "{north}", "lon": "{east}"}}')
    )  # fmt: skip


_FRAMES: dict[str, tuple[str, ...]] = {
    "card": ("please charge my card {}", "card number: {}", '{{"card_number": "{}", "exp": "04/29"}}', "paid with {} yesterday", "| visa | {} | ok |"),
    "iban": ("transfer it to {} please", "IBAN: {}", f'{{{{"iban":"{{}}","bic":"{mark("service", "COBADEFFXXX")}"}}}}', "my account is {}, thanks", "SEPA;{};250,00;EUR"),
    "phone": ("call me at {}", "Tel. {}", '{{"phone": "{}"}}', "you can reach me on {} after six", "my number is {}", "whatsapp {}"),
    "ssn": ("my ssn is {}", "SSN: {}", '{{"ssn": "{}"}}', "social security number {} on file", "patient {} admitted"),
    "ip-address": ("{} - - [12/Jun/2026:10:01:02 +0000] \"GET / HTTP/1.1\" 200", "login from {} blocked", '{{"ip": "{}"}}', "ssh root@{}", "X-Forwarded-For: {}"),
    "mac-address": ("device {} joined wifi", '{{"mac":"{}"}}', "link/ether {} brd ff:ff:ff:ff:ff:ff", "MAC address: {}"),
    "crypto-address": ("send it to {}", '{{"wallet": "{}"}}', "BTC/ETH address: {}", "payout -> {} confirmed"),
    "date-of-birth": ("born on {}", "DOB: {}", '{{"date_of_birth": "{}"}}', "my birthday is {}", "date of birth {}, male", "geb. am {}"),
    "email": ("write to {}", "From: <{}>", '{{"email":"{}"}}', "mailto:{}", "contact {} or call", "user={}&page=2"),
    "passport": ("passport number {}", "Passport No: {}", '{{"passport_number": "{}"}}', "my passport no. is {}"),
}  # fmt: skip


def documents(count: int, seed: int) -> list[Document]:
    """The set `identifiers`: about `count` short texts of every kind, spread evenly."""
    fakes = Fakes(seed)
    random = fakes.random
    makers: dict[str, Callable[[], str]] = {
        "card": lambda: card(random),
        "iban": lambda: iban(random),
        "phone": lambda: fakes.phone(random.choice(REGIONS)),
        "ssn": lambda: ssn(random),
        "ip-address": lambda: ip4(random) if random.random() < 0.6 else ip6(random),
        "mac-address": lambda: mac(random),
        "crypto-address": lambda: crypto(random),
        "date-of-birth": fakes.birthday,
        "email": lambda: fakes.person().email,
        "passport": lambda: passport(random),
    }
    made: list[Document] = []
    while len(made) < count:
        for kind, make in makers.items():
            frame = random.choice(_FRAMES[kind])
            made.append(labelled(frame.format(mark(kind, make())), kind))
        made.append(
            labelled(random.choice(("user is at {}", "{}", "tool result: {}")).format(geo(random)), "geo")
        )
        for _ in range(2):
            name, value = national_id(fakes)
            frame = random.choice(
                ("{}: {}", "my {} is {}", "{} {} (verified)", '{{"document":"{}","number":"{}"}}')
            )
            made.append(labelled(frame.format(name, mark("national-id", value)), "national-id"))
    return made


def numeric_pair(random: Random) -> tuple[str, str]:
    """A latitude and a longitude to stand as numbers in an object that is dumped as JSON."""
    return number("geo", f"{random.uniform(-60, 70):.5f}"), number("geo", f"{random.uniform(-179, 179):.5f}")
