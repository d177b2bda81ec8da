"""Texts as people, agents, tools and logs write them: what is private goes, what stands beside it stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.filter import PrivacyFilter
from whetstone.privacy.filtered import Filtered
from whetstone.privacy.names.finder import ModelFinder

PRIVATE = [
    (
        "<person><firstName>Ottilie</firstName><surname>Rademacher</surname></person>",
        ["Ottilie", "Rademacher"],
    ),
    (
        "<ns:Client><ns:FullName>Ambrogio Conti</ns:FullName><ns:TaxId>4471993320</ns:TaxId></ns:Client>",
        ["Ambrogio", "Conti", "4471993320"],
    ),
    ("my account number is uh four four seven one nine two two zero thanks", ["seven one nine"]),
    ("PNR: K7QX2M, frequent flyer: EBB 482910377", ["K7QX2M", "482910377"]),
    ("Passenger HALVORSEN/BJORN MR seat 14C", ["HALVORSEN", "BJORN"]),
    ("Loan number: 7740019283. Account ending in 8821.", ["7740019283", "8821"]),
    ("USt-IdNr.: DE811907980", ["811907980"]),
    ("NI number QQ 12 34 56 C", ["12 34 56"]),
    ("TC kimlik numaram 10000000146", ["10000000146"]),
    ("Ihre Police Nr. LV-4482-9917 ist fertig", ["4482", "9917"]),
    ("a silver Golf, registration LV19 KTX", ["LV19", "KTX"]),
    ('level=warn msg="slow" user=ptolemy.gray took=3s', ["ptolemy"]),
    ("User jessamyn_hart (id 88291) was banned", ["jessamyn"]),
    ("Geachte heer Van den Broek, uw afspraak", ["Van den", "Broek"]),
    ("mi novio Iker viene mañana, mein Bruder Korbinian auch", ["Iker", "Korbinian"]),
]
HARMLESS = [
    "one two three four five six seven eight nine, ready or not",
    "<groupId>org.apache.commons</groupId><name>spring-core</name><version>3.14.0</version>",
    "<label>Name</label><title>Home</title><address>Contact us</address>",
    "Registration opens at 9; the PNR has six characters; write down the loan number.",
    "user=None, login=True, username=str",
    "READ/WRITE access, AND/OR gates, ISO/IEC 27001",
    "Mi madre dice que mi amigo no puede venir.",
    "Her brother said the movie was great, and our son loved it.",
]


@pytest.fixture(scope="module")
def full_filter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivacyFilter]:
    """The rules and the models."""
    finder = ModelFinder(tmp_path_factory.mktemp("names") / "names.sqlite")
    yield PrivacyFilter(PrivacyConfig(), finder)
    finder.close()


@pytest.mark.parametrize(("text", "values"), PRIVATE)
def test_private_values_go(plain_filter: PrivacyFilter, text: str, values: list[str]) -> None:
    filtered = plain_filter.text(text)
    assert [value for value in values if value in filtered] == []
    assert plain_filter.text(filtered) == filtered


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_stays(plain_filter: PrivacyFilter, text: str) -> None:
    assert plain_filter.text(text) == text


def test_a_value_ends_where_its_number_ends(plain_filter: PrivacyFilter) -> None:
    assert plain_filter.text("mijn BSN is 111222333 en ik woon hier").endswith(" en ik woon hier")


@pytest.mark.parametrize(
    "text",
    [
        "We support Ubuntu 22.04 and Chrome 124.",
        "Bellman-Ford and Bayes' theorem are covered in chapter 3.",
        "Are Alzheimer's and Crohn's covered by the policy?",
    ],
)
def test_the_models_leave_what_is_public(full_filter: PrivacyFilter, text: str) -> None:
    assert full_filter.text(text) == text


def test_words_of_a_chat_are_no_part_of_a_name(full_filter: PrivacyFilter) -> None:
    assert full_filter.text("gg, my real name is Kevin Nakagawa lol").endswith(" lol")
    assert full_filter.text(r"C:\Users\Annika.Holm\CV_Annika_Holm.docx").endswith(".docx")


def test_half_a_surrogate_pair_and_a_long_number_go_through(
    hashing_filter: PrivacyFilter, make_document: Callable[..., dict[str, Any]]
) -> None:
    """Agents write them; no serialiser of the filter may choke on them."""
    document = make_document(userPrompt="ask \ud800 @mei_rossi", response="ok", parameters={"n": 10**40})
    assert isinstance(hashing_filter.trajectory(document), Filtered)
