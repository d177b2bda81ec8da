"""Made-up people and what belongs to them, seeded."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass

import phonenumbers
from faker import Faker
from phonenumbers import PhoneNumberFormat

LOCALES = (
    "en_US", "en_GB", "en_IN", "de_DE", "fr_FR", "es_MX", "it_IT", "nl_NL", "pl_PL", "tr_TR",
)  # fmt: skip
_REGIONS = {"en_US": "US", "en_GB": "GB", "en_IN": "IN", "es_MX": "MX"}
_HOSTS = (
    "gmail.com", "gmail.com", "outlook.com", "yahoo.co.uk", "web.de", "orange.fr", "icloud.com",
    "proton.me", "acme-logistics.com", "mail.nordwind.io", "uni-bremen.de", "northgate.co",
)  # fmt: skip
_NOT_LATIN = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "ı": "i", "Ł": "L", "Ø": "O", "đ": "d"})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, with what a service would know about them."""

    first: str
    last: str
    email: str
    phone: str
    street: str
    city: str
    postcode: str
    birthday: str
    locale: str

    @property
    def name(self) -> str:
        """Given name and surname."""
        return f"{self.first} {self.last}"

    @property
    def handle(self) -> str:
        """What they might call themselves on a chat platform."""
        return f"{ascii_letters(self.first).lower()}_{ascii_letters(self.last).lower()[:4]}"


def ascii_letters(text: str) -> str:
    """The text without accents, spaces and punctuation."""
    folded = unicodedata.normalize("NFKD", text.translate(_NOT_LATIN))
    return "".join(letter for letter in folded if letter.isascii() and letter.isalnum())


class Fakes:
    """A source of made-up data: the same seed gives the same data in the same order."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._fakers: dict[str, Faker] = {}
        self._seed = seed

    def faker(self, locale: str) -> Faker:
        """Faker's generator of a locale."""
        if locale not in self._fakers:
            faker = Faker(locale)
            faker.seed_instance(f"{self._seed}-{locale}")
            self._fakers[locale] = faker
        return self._fakers[locale]

    def person(self, locale: str | None = None) -> Person:
        """Somebody of a locale, or of any."""
        locale = locale or self.random.choice(LOCALES)
        faker = self.faker(locale)
        first, last = faker.first_name(), faker.last_name()
        return Person(
            first,
            last,
            self.email(first, last),
            self.phone(_REGIONS.get(locale, locale[-2:])),
            faker.street_address().replace("\n", ", "),
            faker.city(),
            faker.postcode(),
            self.birthday(faker),
            locale,
        )

    def email(self, first: str, last: str) -> str:
        """An address such as people have."""
        given, sur = ascii_letters(first).lower() or "info", ascii_letters(last).lower() or "x"
        year = self.random.randrange(60, 99)
        local = self.random.choice(
            (f"{given}.{sur}", f"{given[0]}{sur}", f"{given}_{sur}{year}", f"{sur}.{given}", f"{given}{year}",
             f"{given}.{sur}+orders", f"{given}-{sur}")
        )  # fmt: skip
        return f"{local}@{self.random.choice(_HOSTS)}"

    def phone(self, region: str, style: str | None = None) -> str:
        """A valid number of a region; style: `international`, `national`, `e164`, or any of them."""
        number = self._number(region)
        style = style or self.random.choice(("international", "national", "e164"))
        formats = {
            "international": PhoneNumberFormat.INTERNATIONAL,
            "national": PhoneNumberFormat.NATIONAL,
            "e164": PhoneNumberFormat.E164,
        }
        return phonenumbers.format_number(number, formats[style])

    def _number(self, region: str) -> phonenumbers.PhoneNumber:
        kind = self.random.choice(
            (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
        )
        example = phonenumbers.example_number_for_type(region, kind) or phonenumbers.example_number(region)
        if example is None:
            raise ValueError(f"{region} is no region with a numbering plan")
        digits = str(example.national_number)
        for _ in range(200):
            kept = self.random.randrange(2, 4)
            tail = "".join(self.random.choice("0123456789") for _ in digits[kept:])
            number = phonenumbers.PhoneNumber(
                country_code=example.country_code,
                national_number=int(digits[:kept] + tail),
                italian_leading_zero=example.italian_leading_zero,
            )
            if phonenumbers.is_valid_number(number):
                return number
        return example

    def birthday(self, faker: Faker | None = None) -> str:
        """A date of birth in one of the usual notations."""
        day = (faker or self.faker("en_US")).date_of_birth(minimum_age=18, maximum_age=90)
        return day.strftime(
            self.random.choice(("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d %B %Y", "%B %d, %Y"))
        )

    def address(self, locale: str | None = None) -> str:
        """A postal address, as the country writes it, on one line or on several."""
        text = self.faker(locale or self.random.choice(LOCALES)).address()
        return text if self.random.random() < 0.25 else text.replace("\n", ", ")
