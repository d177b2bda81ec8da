"""Numbers, addresses of machines and places, dates of birth, handles: each found, and what resembles them left."""

from __future__ import annotations

import time

import pytest

from whetstone.privacy.detectors.address import address_detectors
from whetstone.privacy.detectors.contact import email_detectors
from whetstone.privacy.detectors.dates import DateOfBirthDetector
from whetstone.privacy.detectors.detector import Detector
from whetstone.privacy.detectors.geo import geo_detectors
from whetstone.privacy.detectors.handles import HandleDetector
from whetstone.privacy.detectors.identity import identity_detectors
from whetstone.privacy.detectors.network import network_detectors
from whetstone.privacy.detectors.phones import PhoneDetector
from whetstone.privacy.detectors.spans import resolve
from whetstone.privacy.replacement.anonymizer import HashAnonymizer

_DETECTORS: list[Detector] = [
    *geo_detectors(),
    *identity_detectors(),
    *email_detectors(),
    *address_detectors(),
    PhoneDetector(),
    *network_detectors(),
    DateOfBirthDetector(),
    HandleDetector(HashAnonymizer()),
]
_SIZE = 100_000
# Measured: at most 0.2 s of processor time for one detector; a quadratic pattern would take minutes.
_LIMIT_SECONDS = 2.0


def _find(text: str) -> list[tuple[str, str]]:
    spans = resolve(span for detector in _DETECTORS for span in detector.find(text))
    return [(span.kind, text[span.start : span.end]) for span in spans]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("pay with 4111-1111-1111-1111.", "card-number", "4111-1111-1111-1111"),
        ("card 5555555555554444 ok", "card-number", "5555555555554444"),
        ("amex 3782 822463 10005", "card-number", "3782 822463 10005"),
        ("credit card number 1234 5678 9012 3456", "card-number", "1234 5678 9012 3456"),
        ("cvv: 123", "card-number", "123"),
        ("visa, expires 04/27", "card-number", "04/27"),
        ("iban de89370400440532013000", "iban", "de89370400440532013000"),
        ("BIC: DEUTDEFF500", "account-number", "DEUTDEFF500"),
        ("routing number 021000021", "account-number", "021000021"),
        ("my account number is 12345678", "account-number", "12345678"),
        ("sort code 12-34-56", "account-number", "12-34-56"),
        ("SSN: 123 45 6789", "ssn", "123 45 6789"),
        ("last four of my social is 1234", "ssn", "1234"),
        ("912-70-1234", "national-id", "912-70-1234"),
        ("DNI 12345678Z", "national-id", "12345678Z"),
        ("X1234567L", "national-id", "X1234567L"),
        ("codice fiscale RSSMRA85T10A562S", "national-id", "RSSMRA85T10A562S"),
        ("cpf: 52998224725", "national-id", "52998224725"),
        ("529.982.247-25", "national-id", "529.982.247-25"),
        ("PESEL 44051401359", "national-id", "44051401359"),
        ("Steuer-ID: 86 095 742 719", "national-id", "86 095 742 719"),
        ("NHS number 943 476 5919", "national-id", "943 476 5919"),
        ("AB 12 34 56 C", "national-id", "AB 12 34 56 C"),
        ("S1234567D", "national-id", "S1234567D"),
        ("131052-308T", "national-id", "131052-308T"),
        ("19811228-9874", "national-id", "19811228-9874"),
        ("11010519491231002X", "national-id", "11010519491231002X"),
        ("756.9217.0769.85", "national-id", "756.9217.0769.85"),
        ("passport number C01X00T47", "passport", "C01X00T47"),
        ("mein Reisepass: C01X00T478", "passport", "C01X00T478"),
        ("my passport is 123456789", "passport", "123456789"),
        ("driver's license D1234567", "driver-license", "D1234567"),
        ("VIN 1HGCM82633A004352", "vehicle", "1HGCM82633A004352"),
        ("license plate ABC-1234", "vehicle", "ABC-1234"),
        ("Kennzeichen B-AB 1234", "vehicle", "B-AB 1234"),
        ("IMEI 490154203237518", "account-number", "490154203237518"),
        ("my member id is XYZ123456789", "account-number", "XYZ123456789"),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "crypto-address", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        (
            "to bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
            "crypto-address",
            "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        ),
        (
            "0x52908400098527886E0F7030069857D2E4169EE7",
            "crypto-address",
            "0x52908400098527886E0F7030069857D2E4169EE7",
        ),
        ("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "crypto-address", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"),
        ("net 10.0.0.0/8 up", "ip-address", "10.0.0.0/8"),
        ("192.168.1.20:8080", "ip-address", "192.168.1.20"),
        ("fe80::1ff:fe23:4567:890a%eth0", "ip-address", "fe80::1ff:fe23:4567:890a%eth0"),
        ("00:1A:2B:3C:4D:5E", "mac-address", "00:1A:2B:3C:4D:5E"),
        ("001a.2b3c.4d5e", "mac-address", "001a.2b3c.4d5e"),
        ("jane at example dot com", "email", "jane at example dot com"),
        ("jane[at]example.com", "email", "jane[at]example.com"),
        ("用户@例子.广告", "email", "用户@例子.广告"),
        ("jane @ example.com", "email", "jane @ example.com"),
        ("37°46'29.6\"N 122°25'9\"W", "geo", "37°46'29.6\"N 122°25'9\"W"),
        ("geo:-37.7749,-122.4194", "geo", "-37.7749,-122.4194"),
        ("https://www.google.com/maps/@37.7749,-122.4194,15z", "geo", "37.7749,-122.4194"),
        ("POINT(-122.4194 37.7749)", "geo", "-122.4194 37.7749"),
        ("8FVC9G8F+6X", "geo", "8FVC9G8F+6X"),
        ("geohash: 9q8yyk8yt", "geo", "9q8yyk8yt"),
        ("meet at ///filled.count.soap", "geo", "///filled.count.soap"),
        ("DOB: 05/12/1980", "date-of-birth", "05/12/1980"),
        ("dateOfBirth=1980-05-12", "date-of-birth", "1980-05-12"),
        ("born in New York on 12 May 1980.", "date-of-birth", "12 May 1980"),
        ("geboren am 5. Mai 1980", "date-of-birth", "5. Mai 1980"),
        ("née le 1er janvier 1990", "date-of-birth", "1er janvier 1990"),
        ("nacido el 3 de marzo de 1975", "date-of-birth", "3 de marzo de 1975"),
        ("nata il 7 luglio 1988", "date-of-birth", "7 luglio 1988"),
        ("生年月日: 1980年5月12日", "date-of-birth", "1980年5月12日"),
        ("cc @maria-lopez; see", "handle", "@maria-lopez"),
        ("https://twitter.com/jack", "handle", "jack"),
        ("u/some_user said", "handle", "some_user"),
        ("discord user Nelly#1337", "handle", "Nelly#1337"),
    ],
)
def test_identifier_is_found(text: str, kind: str, value: str) -> None:
    assert _find(text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "order number 12345678, booking ref ABC123, run 12345, id: 123456",
        "account holder since 2019; account created 2020-01-01",
        "the company was born in 2004, released 2020-01-02",
        "your 12/05/2020 order",
        "ff:ff:ff:ff:ff:ff and 00:00:00:00:00:00 at 12:30:45",
        "look at github.com, meet at example dot com",
        "RFC 2373 2.5.2, 0123456789, x + 907133923",
        "0x" + "ab12" * 16,
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdz",
        "1HGCM82633A004353 and 12345678A",
        "security code 1234 opens the door, expires 04/27",
        "boxes [0.12, 0.34], price 12.50, 13.75",
        "@Override\npublic void run()",
        "@param name the name",
        '<a @click="go">, @here, @media (max-width: 3px), @items.each do |x|',
        "https://github.com/torvalds/linux, HEAD@{1}, image@sha256:abc",
    ],
)
def test_what_resembles_an_identifier_stays(text: str) -> None:
    assert _find(text) == []


@pytest.mark.parametrize(
    "unit",
    [
        *("1", "1 ", "1-", "12 ", "123 456 ", "0123 456 789 ", "+1234567 ", "(1", "((", "10.0.0.1 ", "4111 ", "4111-1111-"),
        *("@", "@a ", "a@", "x#", "x&", "a@a.", "a at b dot ", "Capital Words ", "12 Main Main ", "Aaa 1 ", "Aaa 1", "1\n", "de la ", "1 rue de la "),
        *("a:", "ff:", "ab:cd:ef:", "lat 1,", "-12.34, ", "1° ", "POINT(1 1,", "=1&q=1,", "born in A ", "dob ", "passport A1 "),
        *("iban DE89 3704 ", "0x", "1A1z", "A1", "SW1A 1AA, ", "straße 12, ", "calle Mayor 5, Aa, ", "live at 1 A A A ", "phone 1 ", "t.me/a "),
    ],
)  # fmt: skip
def test_hostile_text_takes_linear_time(unit: str) -> None:
    text = (unit * (_SIZE // len(unit) + 1))[:_SIZE] + "\n@!"
    for detector in _DETECTORS:
        started = time.process_time()
        for _ in detector.find(text):
            pass
        assert time.process_time() - started < _LIMIT_SECONDS, detector
