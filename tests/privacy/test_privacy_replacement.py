"""What takes the place of a value: pseudonyms, surrogates, hashed handles."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.errors import UnavailableError
from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.anonymizer import HashAnonymizer, anonymizer_of, salt_of
from whetstone.privacy.replacement.normal import normal
from whetstone.privacy.replacement.placeholders import (
    NUMBERED,
    PLACEHOLDER,
    has_placeholder,
    label,
    mask_placeholders,
    only_placeholders,
)
from whetstone.privacy.replacement.pseudonyms import Pseudonyms
from whetstone.privacy.replacement.replacer import Replacer
from whetstone.privacy.replacement.surrogates import Surrogates
from whetstone.settings import Settings

_KINDS = st.sampled_from(sorted(NUMBERED))


def put(replacer: Replacer, kind: str, value: str, replacement: str | None = None) -> str:
    """What takes the place of a value."""
    span = Span(0, len(value), kind, replacement or label(kind), Order.PERSON)
    return replacer.replacement(span, value)


# Placeholders


@given(_KINDS, st.integers(1, 9_999_999))
def test_numbered_pseudonyms_are_placeholders(kind: str, number: int) -> None:
    text = f"a<{NUMBERED[kind]}_{number}>b"
    assert has_placeholder(text)
    assert mask_placeholders(text) == "a" + "\n" * (len(text) - 2) + "b"
    assert only_placeholders(f" {text[1:-1]}, ")


@pytest.mark.parametrize(
    "text", ["<PERSON_0>", "<PERSON_>", "<PERSON>", "<FOO_1>", "<person_1>", "PERSON_1", "<SSN_x>"]
)
def test_other_tags_are_none(text: str) -> None:
    assert not has_placeholder(text)
    assert mask_placeholders(text) == text


@given(st.text(st.sampled_from("<>[]_:PERSONIBA1a\n"), max_size=60))
def test_masking_keeps_offsets_and_comes_to_rest(text: str) -> None:
    masked = mask_placeholders(text + "<IBAN_3>" + text)
    assert len(masked) == 2 * len(text) + 8
    assert PLACEHOLDER.search(masked) is None
    assert mask_placeholders(masked) == masked


# Pseudonyms


@pytest.mark.parametrize(
    "forms",
    [
        (
            "Mei Rossi",
            "Mei",
            "Rossi",
            "Ms. Rossi",
            "ROSSI",
            "mei rossi",
            "Rossi, Mei",
            "M. Rossi",
            "mei.rossi",
        ),
        ("Mei", "Mei Rossi", "Rossi's", "Mei’s", "Mei R.", "meirossi"),
        ("J. Doe", "Jane Doe", "Doe, Ms. Jane", "Jane Doe, PhD"),
        ("José Muñoz", "jose munoz", "Munoz"),
        ("Conan O'Brien", "Conan O’Brien", "O'Brien", "OBrien"),
        ("Anna Maria Berg", "Anna Berg", "Anna M. Berg"),
        ("राहुल जैन", "जैन"),
    ],
)
def test_forms_of_one_name_share_a_number(forms: tuple[str, ...]) -> None:
    pseudonyms = Pseudonyms()
    assert {put(pseudonyms, "person", form) for form in forms} == {"<PERSON_1>"}


def test_people_are_told_apart() -> None:
    pseudonyms = Pseudonyms()
    names = ("Mei Rossi", "Luca Rossi", "Mei Chen", "राहुल", "रोहिल")
    assert [put(pseudonyms, "person", name) for name in names] == [f"<PERSON_{n}>" for n in range(1, 6)]


def test_a_form_of_two_names_belongs_to_neither_when_both_are_known() -> None:
    pseudonyms = Pseudonyms()
    for name in ("Mei Rossi", "Mei Chen"):
        pseudonyms.introduce("person", name)
    forms = ("Mei", "Mei Rossi", "Mei Chen", "Rossi", "MEI")
    assert [put(pseudonyms, "person", form) for form in forms] == [f"<PERSON_{n}>" for n in (1, 2, 3, 2, 1)]


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("card-number", "4111 1111 1111 1111", "4111-1111-1111-1111"),
        ("iban", "de89370400440532013000", "DE89 3704 0044 0532 0130 00"),
        ("ip-address", "2001:DB8:0::1", "2001:db8::1"),
        ("mac-address", "00-1A-2B-3C-4D-5E", "00:1a:2b:3c:4d:5e"),
        ("organization", "ACME  Corp.", "acme corp"),
        ("location", "São Paulo", "sao paulo"),
        ("deny-list", "Acme_Corp", "acme corp"),
    ],
)
def test_spellings_share_a_number(kind: str, one: str, other: str) -> None:
    pseudonyms = Pseudonyms()
    assert put(pseudonyms, kind, one) == put(pseudonyms, kind, other)
    assert put(pseudonyms, kind, other + "7") == f"<{NUMBERED[kind]}_2>"


def test_case_tells_crypto_addresses_apart() -> None:
    pseudonyms = Pseudonyms()
    assert put(pseudonyms, "crypto-address", "1aB") != put(pseudonyms, "crypto-address", "1Ab")


def test_numbers_of_the_text_are_left_out() -> None:
    pseudonyms = Pseudonyms()
    pseudonyms.reserve("<PERSON_1> knows <PERSON_3> and <IBAN_2>")
    assert [put(pseudonyms, "person", name) for name in ("Ann", "Bob", "Cid")] == [
        "<PERSON_2>",
        "<PERSON_4>",
        "<PERSON_5>",
    ]


@pytest.mark.parametrize("replacer", [Pseudonyms(), Surrogates()])
def test_labels_of_the_contract_stay(replacer: Replacer) -> None:
    assert put(replacer, "openai-key", "sk-abc") == "<REDACTED:openai-key>"
    assert put(replacer, "handle", "@bob", "<entity:1f>") == "<entity:1f>"
    assert put(Pseudonyms(), "email", "a@b.c", "[REDACTED_EMAIL]") == "[REDACTED_EMAIL]"


@given(st.lists(st.tuples(_KINDS, st.text(min_size=1, max_size=30))))
def test_pseudonyms_are_placeholders_and_repeat(values: list[tuple[str, str]]) -> None:
    first, again = Pseudonyms(), Pseudonyms()
    given_out = [put(first, kind, value) for kind, value in values]
    assert all(PLACEHOLDER.fullmatch(pseudonym) for pseudonym in given_out)
    assert given_out == [put(again, kind, value) for kind, value in values]
    assert given_out == [put(first, kind, value) for kind, value in values]


@given(_KINDS.filter(lambda kind: kind != "person"), st.lists(st.text(min_size=1, max_size=12)))
def test_distinct_values_get_distinct_numbers(kind: str, values: list[str]) -> None:
    pseudonyms = Pseudonyms()
    numbers = {normal(kind, value): put(pseudonyms, kind, value) for value in values}
    assert len(set(numbers.values())) == len(numbers)


def test_many_people_of_one_surname_are_quick() -> None:
    pseudonyms = Pseudonyms()
    numbers = {put(pseudonyms, "person", f"Given{'abcdefghij'[n % 10]}{n} Smith") for n in range(1000)}
    assert len(numbers) == 1000


# Handles


def test_salt_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, state_dir=tmp_path)
    with ThreadPoolExecutor(8) as threads:
        salts = set(threads.map(lambda _: salt_of(settings), range(32)))
    path = tmp_path / "privacy" / "salt"
    assert salts == {path.read_text().strip()}
    assert len(salts.pop()) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["salt"]


def test_another_folder_has_another_salt(tmp_path: Path) -> None:
    salts = {salt_of(Settings(_env_file=None, state_dir=tmp_path / name)) for name in ("a", "b")}
    assert len(salts) == 2


def test_configured_salt_wins(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, state_dir=tmp_path, privacy_salt="pepper")
    anonymizer = anonymizer_of(settings)
    assert anonymizer is not None
    assert anonymizer.entity_id("telegram", "Bob") == HashAnonymizer("pepper").entity_id("telegram", "bob")
    assert not (tmp_path / "privacy").exists()


def test_no_anonymizer_when_switched_off(tmp_path: Path) -> None:
    assert anonymizer_of(Settings(_env_file=None, state_dir=tmp_path, privacy_hash_handles=False)) is None
    assert not (tmp_path / "privacy").exists()


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 64])
def test_a_spoiled_salt_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "privacy" / "salt"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(UnavailableError, match="WHETSTONE_PRIVACY_SALT"):
        salt_of(Settings(_env_file=None, state_dir=tmp_path))
    assert path.read_bytes() == content


def test_a_salt_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "privacy" / "salt").mkdir(parents=True)
    with pytest.raises(UnavailableError, match="cannot be used: Is a directory"):
        salt_of(Settings(_env_file=None, state_dir=tmp_path))
