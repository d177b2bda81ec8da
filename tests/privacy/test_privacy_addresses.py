"""Postal addresses of many countries go as a whole; sentences with numbers and street words stay."""

from __future__ import annotations

import pytest

from whetstone.privacy.filter import PrivacyFilter

_ADDRESSES = [
    "1600 Amphitheatre Parkway, Suite 200, Mountain View, CA 94043",
    "12 Elm Street\nSpringfield, IL 62704",
    "4759 William Haven Apt. 194, West Corey, CA 90210",
    "221B Baker Street, London NW1 6XE",
    "10 Downing Street, London, SW1A 2AA, United Kingdom",
    "Flat 2, 14 High Street, Bristol BS1 4ST",
    "123 Main St, Toronto, ON M5V 2T6",
    "42 Wallaby Way, Sydney NSW 2000",
    "12/3 MG Road, Bengaluru 560001",
    "Musterstraße 12, 10115 Berlin",
    "hauptstr. 5a, 80331 münchen",
    "Am Markt 3, 99084 Erfurt",
    "Bahnhofstrasse 3, 8001 Zürich",
    "12 rue de la Paix, 75002 Paris",
    "12 bis avenue Victor Hugo, 69001 Lyon",
    "Calle Mayor 5, 3º B, 28013 Madrid",
    "C/ Alcalá 22",
    "Via Roma 10, 00184 Roma",
    "Keizersgracht 123, 1015 CJ Amsterdam",
    "ul. Długa 15/3, 31-147 Kraków",
    "Rua das Flores, 123 - Centro, São Paulo - SP, 01000-000",
    "Storgatan 5, 111 22 Stockholm",
]


@pytest.mark.parametrize("address", _ADDRESSES)
@pytest.mark.parametrize("frame", ["{}", "I moved to {}.", "({})", "to: {}\n\nThanks"])
def test_address_goes_as_a_whole(plain_filter: PrivacyFilter, address: str, frame: str) -> None:
    assert plain_filter.text(frame.replace("{}", address)) == frame.replace("{}", "[REDACTED_ADDRESS]")


@pytest.mark.parametrize(
    "text",
    [
        "10 minutes down the road, 5 of the best way, a 24 hour drive",
        "3 Way handshake, 100 Days of Code, 2 Square meters",
        "via 10 steps; Via Python 3 we do; place Order 5",
        "the ring 5 and way 10; step 3 of weg 5; call str. 5 and string 5",
        "email address: foo at 12; IP address: 10 here",
        "Section 5 Table 3, Figure 12 Example Place",
        "C. difficile 027; c. 1990; 12 Rue; 2024 AD Something",
    ],
)
def test_sentences_with_numbers_stay(plain_filter: PrivacyFilter, text: str) -> None:
    assert plain_filter.text(text) == text
