"""The parts of the names tier that need no model: phrases, known names, pieces of text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.privacy.names.chunks import MAX_CHARACTERS, chunks, may_hold_name
from whetstone.privacy.names.code import is_code, is_key
from whetstone.privacy.names.known import KnownNames
from whetstone.privacy.names.phrases import PhraseDetector
from whetstone.privacy.names.usernames import UsernameDetector


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("my name is priya raghunathan and i am late", {"priya raghunathan"}),
        ("Best regards,\nJürgen Müller\nSupport", {"Jürgen Müller"}),
        ("Thanks,\nbob", {"bob"}),
        ("Dear Ms. Kowalczyk,\n\nthank you", {"Kowalczyk"}),
        ("its bob here", {"bob"}),
        ("Reviewed-by: Inés Valdés <x@example.com>", {"Inés Valdés"}),
        ("Attendees: Sarah Davis, Steve Young, Scott Kaiser", {"Sarah Davis", "Steve Young", "Scott Kaiser"}),
        ("# TODO(Jean): handle None", {"Jean"}),
        ("my wife Anna needs a ticket", {"Anna"}),
        ("Dr. de la Cruz said so", {"de la Cruz"}),
        ("Меня зовут Венедикт Прохоров, я", {"Венедикт Прохоров"}),
        ("私の名前は鈴木 結衣です。", {"鈴木 結衣"}),
        ("请联系李丽丽先生。", {"李丽丽"}),
        ("은지 박 고객님, 감사합니다.", {"은지 박"}),
        ("اسمي راضي المهنا وأريد إلغاء الطلب", {"راضي المهنا"}),
        ("मेरा नाम पार्वती मालिक है", {"पार्वती मालिक"}),
        ("call me maybe", set()),
        ("Hello World!", set()),
        ("Dear Customer,", set()),
        ("Dear Hiring Manager,", set()),
        ("Hey Siri!", set()),
        ("i am happy that my name is spelled right", set()),
        ("Name: Default Gateway\nTo: support", set()),
        ("The name is misleading", set()),
        ("I am Spanish", set()),
    ],
)
def test_phrases_introduce_names(text: str, names: set[str]) -> None:
    assert {text[span.start : span.end] for span in PhraseDetector().find(text)} == names


def known_in(names: KnownNames, text: str) -> list[str]:
    return [text[span.start : span.end] for span in names.find(text)]


def test_known_names_are_found_in_all_their_forms() -> None:
    names = KnownNames()
    assert not names
    names.add("Mei Rossi", "person")
    assert names
    text = "mei_rossi_4472 MEI ROSSI's mei.rossi@example.com Rossi, Mei; asked rossi MeiRossi mrossi"
    assert known_in(names, text) == [
        "mei_rossi", "MEI ROSSI", "mei.rossi", "Rossi, Mei", "rossi", "MeiRossi", "mrossi",
    ]  # fmt: skip
    assert known_in(names, "Rossiter meistens smeirossi") == []


def test_ordinary_words_count_only_in_the_full_name() -> None:
    names = KnownNames()
    names.add("Will Smith", "person")
    names.add("May", "person")
    assert known_in(names, "Will you ask Will Smith? You may, and will; May I?") == ["Will Smith"]
    assert known_in(names, "I told May to come.") == ["May"]


def test_known_names_ignore_accents_and_know_other_scripts() -> None:
    names = KnownNames()
    names.add("Jürgen Müller", "person")
    names.add("鈴木 結衣", "person")
    names.add("Kraków", "location")
    assert known_in(names, "juergen.mueller? jurgen.muller, KRAKOW") == [
        "juergen.mueller",
        "jurgen.muller",
        "KRAKOW",
    ]
    assert known_in(names, "鈴木結衣さんと結衣") == ["鈴木結衣", "結衣"]


def test_public_names_are_not_learnt() -> None:
    names = KnownNames()
    for name in ("Spain", "Google Pay", "Claude", "x"):
        names.add(name, "location")
    assert not names


def test_a_thousand_names_cost_no_more_than_one() -> None:
    names = KnownNames()
    for number in range(1000):
        names.add(
            f"Given{chr(97 + number % 26) * 3}{'xyz'[number % 3]} Surname{'abcdefghij'[number // 100]}q",
            "person",
        )
    text = "given surname given_surname " * 40_000
    start = time.process_time()
    list(names.find(text))
    assert time.process_time() - start < 5


@given(st.text(max_size=3000))
def test_chunks_are_the_text_and_short(text: str) -> None:
    pieces = list(chunks(text))
    assert "".join(piece.text for piece in pieces) == text
    assert all(0 < len(piece.text) <= MAX_CHARACTERS for piece in pieces)
    assert all(text.startswith(piece.text, piece.start) for piece in pieces)


def test_a_growing_text_keeps_its_earlier_chunks() -> None:
    text = "One sentence follows another here. " * 100
    before, after = list(chunks(text)), list(chunks(text + "And one more. " * 50))
    assert after[: len(before) - 1] == before[:-1]


@pytest.mark.parametrize("text", ["", "12 + 3", "=" * 300, "deadbeef" * 40, "{[(;)]}\n\n\n\n"])
def test_nothing_to_see(text: str) -> None:
    assert not may_hold_name(text)


@pytest.mark.parametrize(
    "unit", ["a", "A", "Dear ", "Regards,\n", "Mr ", "name: ", "my name is ", "王", "O'", "J. ", "नाम "]
)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    text = unit * (400_000 // len(unit))
    start = time.process_time()
    list(PhraseDetector().find(text))
    for piece in chunks(text):
        may_hold_name(piece.text)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("The surname is spelled D U R M U Ş.", {"D U R M U Ş"}),
        ("that's S-M-I-T-H", {"S-M-I-T-H"}),
        ("that's a b c", set()),
        ("Hi I'm Jordan, they/them", {"Jordan"}),
        ("also ping bob about the budget", {"bob"}),
        ("我叫王小明，电话", {"王小明"}),
    ],
)
def test_names_are_spelled_out_and_greeted(text: str, names: set[str]) -> None:
    assert {text[span.start : span.end] for span in PhraseDetector().find(text)} == names


def test_a_spelled_name_is_known_in_one_word() -> None:
    names = KnownNames()
    names.add("D U R M U Ş", "person")
    assert known_in(names, "Mrs Durmuş wrote.") == ["Durmuş"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("/home/mrossi/work and /Users/mei.rossi/x", {"mrossi", "mei.rossi"}),
        ("C:\\Users\\Mei Rossi\\Desktop", {"Mei Rossi"}),
        ("Failed password for mrossi from 192.0.2.4 port 22", {"mrossi"}),
        ("my user id is mei_rossi_4472.", {"mei_rossi_4472"}),
        ("ssh -p 22 mrossi@host; chown -R lkowal:staff x; su - adupont", {"mrossi", "lkowal", "adupont"}),
        ("# TODO(mrossi): later", {"mrossi"}),
        ("/home/user/x /home/ubuntu/y ssh root@host, https://example.com/home/about", set()),
        ("username is required; login: true; username: str; login = loginForm", set()),
    ],
)
def test_user_names_of_persons_are_found(text: str, names: set[str]) -> None:
    assert {text[span.start : span.end] for span in UsernameDetector().find(text)} == names


_CODE = """import shelve

class Query:
    def __init__(self, rossi_rules):
        self.query = Query.open(rossi_rules)
        self.rossi = rossi(4)

# Rossi wrote this; mei_rossi, rossi42
"""


def test_code_is_told_from_data() -> None:
    assert is_code(_CODE)
    assert not is_code('{"first_name": "Mei", "last_name": "Rossi"}')
    assert not is_code("name: Mei Rossi\ncity: Kraków\n")
    assert not is_code("Hello, my name is Mei (the one from Kraków); can you help me? See a.b = c.")


def test_identifiers_are_no_known_names() -> None:
    names = KnownNames()
    names.add("Mei Rossi", "person")
    assert known_in(names, _CODE) == ["Rossi", "mei_rossi", "rossi"]


def test_keys_are_no_names() -> None:
    text = '{\\"imei\\": \\"3569\\"}'
    start = text.index("imei")
    assert is_key(text, start, start + 4)
    assert not is_key('"name": "Mei"', 9, 12)
