"""The sets `templates` and `other scripts`: presidio-evaluator's sentence templates, filled by Faker.

Only the package's data files are read, so it is installed without what it depends on, into a folder of its own.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from random import Random

from benchmarks.privacy import identifiers
from benchmarks.privacy.fakes import LOCALES, Fakes
from benchmarks.privacy.labelled import Document, labelled, mark

OTHER_SCRIPTS = ("ru_RU", "ja_JP", "zh_CN", "ar_SA", "hi_IN")
_FIELD = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")
_REGIONS = {"en_US": "US", "en_GB": "GB", "en_IN": "IN", "es_MX": "MX", "ar_SA": "SA"}

# Fields that Faker fills by a method of the same name, and the kind they are.
_PLAIN = {
    "person": "person", "name": "person", "name_male": "person", "name_female": "person", "first_name": "person",
    "first_name_male": "person", "first_name_female": "person", "first_name_nonbinary": "person", "last_name": "person",
    "last_name_male": "person", "last_name_female": "person", "city": "city", "street_name": "address",
    "building_number": "address", "secondary_address": "address", "postcode": "postcode", "zipcode": "postcode",
    "state_abbr": "address", "country": "country", "url": "url", "job": "title", "prefix": "title",
    "prefix_male": "title", "prefix_female": "title", "year": "date", "day_of_week": "date", "date_time": "date",
    "age": "age", "nationality": "nationality", "nation_woman": "nationality", "nation_plural": "nationality",
    "nation_man": "nationality", "organization": "organization",
}  # fmt: skip


class Sentences:
    """The templates and lists of a presidio-evaluator that is installed in `folder`."""

    def __init__(self, folder: Path) -> None:
        data = folder / "presidio_evaluator" / "data_generator" / "raw_data"
        lines = (data / "templates.txt").read_text(encoding="utf-8", errors="replace").splitlines()
        self.templates = [line.strip().replace("\\n", "\n") for line in lines if line.strip()]
        self._organizations = _column(data / "companies_and_organizations.csv", "organization", "\t")
        self._nationalities = {
            field: _column(data / "nationalities.csv", column)
            for field, column in (("nationality", "nationality"), ("nation_woman", "woman"), ("nation_man", "man"), ("nation_plural", "plural"))
        }  # fmt: skip

    def documents(self, count: int, seed: int, locales: tuple[str, ...] = LOCALES) -> list[Document]:
        """So many sentences, the locales in turn; one in twenty in lower case."""
        fakes = Fakes(seed)
        made = []
        for position in range(count):
            locale = locales[position % len(locales)]
            template = _braces(fakes.random.choice(self.templates))
            text = _FIELD.sub(self._filler(fakes, locale), template)
            made.append(labelled(text.lower() if fakes.random.random() < 0.05 else text, locale))
        return made

    def _filler(self, fakes: Fakes, locale: str) -> Callable[[re.Match[str]], str]:
        def value(match: re.Match[str]) -> str:
            kind, text = self._value(fakes, locale, match[1])
            return mark(kind, text)

        return value

    def _value(self, fakes: Fakes, locale: str, field: str) -> tuple[str, str]:
        random, faker = fakes.random, fakes.faker(locale)
        special: dict[str, tuple[str, Callable[[], str]]] = {
            "address": ("address", lambda: faker.address()),
            "phone_number": ("phone", lambda: fakes.phone(_REGIONS.get(locale, locale[-2:]))),
            "credit_card_number": ("card", lambda: identifiers.card(random)),
            "credit_card": ("card", lambda: identifiers.card(random)),
            "email": ("email", lambda: fakes.person(locale).email),
            "iban": ("iban", lambda: identifiers.iban(random)),
            "ssn": ("ssn", lambda: identifiers.ssn(random)),
            "ip_address": ("ip-address", lambda: identifiers.ip4(random) if random.random() < 0.8 else identifiers.ip6(random)),
            "us_driver_license": ("driver-license", lambda: _licence(random)),
            "date_of_birth": ("date-of-birth", fakes.birthday),
            "age": ("age", lambda: str(random.randrange(1, 99))),
            "organization": ("organization", lambda: random.choice(self._organizations)),
            "person": ("person", lambda: f"{faker.first_name()} {faker.last_name()}"),
            "name": ("person", lambda: f"{faker.first_name()} {faker.last_name()}"),
            "name_male": ("person", lambda: f"{faker.first_name_male()} {faker.last_name()}"),
            "name_female": ("person", lambda: f"{faker.first_name_female()} {faker.last_name()}"),
            "zipcode": ("postcode", lambda: faker.postcode()),
            "building_number": ("address", lambda: str(faker.building_number())),
            "state_abbr": ("address", lambda: fakes.faker("en_US").state_abbr()),
            "secondary_address": ("address", lambda: fakes.faker("en_US").secondary_address()),
        }  # fmt: skip
        if field in special:
            kind, make = special[field]
            return kind, make()
        if field in self._nationalities:
            return "nationality", random.choice(self._nationalities[field])
        source = faker if hasattr(faker, field) else fakes.faker("en_US")
        return _PLAIN.get(field, "date"), str(getattr(source, field)())


def _licence(random: Random) -> str:
    return random.choice("ABCDEFGHJKLMNPRSTW") + identifiers.digits(random, random.choice((7, 8, 12)))


def _braces(template: str) -> str:
    """The template with all its fields, `<NAME>` among them, in double braces and lower case."""
    marked = re.sub(r"<([A-Za-z_]+)>", r"{{\1}}", template)
    return re.sub(r"\{\{(.*?)\}\}", lambda match: "{{" + match[1].lower() + "}}", marked)


def _column(path: Path, name: str, delimiter: str = ",") -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return [row[name] for row in csv.DictReader(lines, delimiter=delimiter) if row.get(name)]
