"""Surrogates: invented values that keep the form of the real ones."""

from __future__ import annotations

import ipaddress
import json
import re

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import iban, luhn

from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.filter import PrivacyFilter
from whetstone.privacy.filtered import Filtered
from whetstone.privacy.replacement.normal import plain
from whetstone.privacy.replacement.placeholders import has_placeholder, label
from whetstone.privacy.replacement.surrogates import Surrogates


def put(surrogates: Surrogates, kind: str, value: str, replacement: str | None = None) -> str:
    """What takes the place of a value."""
    span = Span(0, len(value), kind, replacement or label(kind), Order.PERSON)
    return surrogates.replacement(span, value)


_UNTIMED = settings(deadline=None)  # the first of them reads Faker's lists of names
_REAL = [
    ("person", "Mei Rossi"),
    ("person", "王小明"),
    ("person", "Иван Петров"),
    ("email", "mei.rossi@corp.com"),
    ("phone", "(415) 555-2671"),
    ("phone", "+44 20 7946 1958"),
    ("phone", "+49 30 12345678"),
    ("address", "1600 Amphitheatre Parkway, Suite 200, Mountain View, CA 94043"),
    ("geo", "37.7749, -122.4194"),
    ("location", "Rome, Italy"),
    ("organization", "Acme Corp"),
    ("date-of-birth", "1985-03-14"),
    ("card-number", "4111 1111 1111 1111"),
    ("iban", "DE89 3704 0044 0532 0130 00"),
    ("ssn", "078-05-1120"),
    ("passport", "C01X00T47"),
    ("ip-address", "10.1.2.3"),
    ("mac-address", "00:1A:2B:3C:4D:5E"),
]


@_UNTIMED
@given(st.permutations(_REAL), st.integers(0, 3), st.text(max_size=5))
def test_surrogates_depend_on_value_seed_and_key_alone(
    real: list[tuple[str, str]], seed: int, key: str
) -> None:
    shuffled, alone = Surrogates(seed, key), [Surrogates(seed, key) for _ in real]
    for (kind, value), other in zip(real, alone, strict=True):
        surrogate = put(shuffled, kind, value)
        assert surrogate == put(other, kind, value)
        assert not has_placeholder(surrogate)
        assert value not in surrogate


def test_seed_and_key_change_them() -> None:
    results = {put(Surrogates(seed, key), "person", "Mei Rossi") for seed in (0, 1) for key in ("", "salt")}
    assert len(results) == 4


def test_parts_of_a_name_stay_parts() -> None:
    surrogates = Surrogates(7)
    given_name, surname = put(surrogates, "person", "Mei Rossi").split()
    assert put(surrogates, "person", "Rossi, Mei") == f"{surname}, {given_name}"
    assert put(surrogates, "person", "Ms. Rossi") == f"Ms. {surname}"
    assert put(surrogates, "person", "MEI") == given_name.upper()
    assert put(surrogates, "person", "M. Rossi") == f"{given_name[0]}. {surname}"
    assert put(surrogates, "person", "mei_rossi") == f"{given_name}_{surname}".lower()
    local = put(surrogates, "email", "mei.rossi@corp.com").partition("@")[0]
    assert local == f"{plain(given_name)}.{plain(surname)}"


@pytest.mark.parametrize("value", ["Иван Петров", "王小明", "김예진", "राहुल जैन", "Γιώργος Παππάς"])
def test_script_stays(value: str) -> None:
    surrogate = put(Surrogates(), "person", value)
    assert surrogate != value
    assert not re.search("[A-Za-z]", surrogate)
    assert len(surrogate.split()) == len(value.split())


@_UNTIMED
@given(st.integers(0, 10**10))
def test_numbers_keep_shape_and_checksum(seed: int) -> None:
    surrogates = Surrogates(seed)
    card = put(surrogates, "card-number", "4539 5787 6362 1486")
    assert re.fullmatch(r"4000 00\d\d \d{4} \d{4}", card)
    assert luhn.is_valid(card.replace(" ", ""))
    account = put(surrogates, "iban", "DE89 3704 0044 0532 0130 00")
    assert re.fullmatch(r"DE\d\d 0000 \d{4} \d{4} \d{4} \d\d", account)
    assert iban.is_valid(account, check_country=False)
    assert re.fullmatch(r"666-\d\d-\d{4}", put(surrogates, "ssn", "078-05-1120"))
    assert re.fullmatch(r"[A-Z]{2} \d\d \d\d \d\d [A-Z]", put(surrogates, "national-id", "AB 12 34 56 C"))
    assert put(surrogates, "mac-address", "00:1A:2B:3C:4D:5E").startswith("02:")


@_UNTIMED
@given(
    st.integers(0, 10**10),
    st.sampled_from(["+49 30 12345678", "+1 (415) 555-2671", "+91 98765 43210", "+44 7911 123456"]),
)
def test_phones_keep_their_grouping_and_ring_nowhere(seed: int, value: str) -> None:
    surrogate = put(Surrogates(seed), "phone", value)
    assert surrogate != value
    assert re.sub(r"\d", "9", surrogate) == re.sub(r"\d", "9", value)
    assert surrogate[:3].split()[0] == value[:3].split()[0]
    if value.startswith("+1"):
        assert " 555-01" in surrogate
    elif not value.startswith("+44"):
        assert not phonenumbers.is_valid_number(phonenumbers.parse(surrogate))


@_UNTIMED
@given(st.integers(0, 10**6), st.integers(0, 255), st.integers(0, 255))
def test_hosts_of_a_network_stay_apart(seed: int, one: int, other: int) -> None:
    surrogates = Surrogates(seed)
    hosts = [put(surrogates, "ip-address", f"10.20.30.{host}") for host in (one, other)]
    documentation = [ipaddress.ip_network(f"{net}.0/24") for net in ("192.0.2", "198.51.100", "203.0.113")]
    assert all(any(ipaddress.ip_address(host) in net for net in documentation) for host in hosts)
    assert (hosts[0] == hosts[1]) == (one == other)
    wide = ipaddress.ip_address(put(surrogates, "ip-address", "2606:4700::1111"))
    assert wide in ipaddress.ip_network("2001:db8::/32")


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("1985-03-14", r"\d{4}-\d\d-\d\d"),
        ("14/3/85", r"\d\d/\d/\d\d"),
        ("March 14, 1985", r"[A-Z][a-z]+ \d\d, \d{4}"),
        ("14. März 1985", r"\d\d\. [A-Z][a-zä]+ \d{4}"),
        ("19850314", r"\d{8}"),
        ("1985-03-14T00:00:00Z", r"\d{4}-\d\d-\d\dT00:00:00Z"),
    ],
)
def test_dates_keep_their_format(value: str, pattern: str) -> None:
    surrogate = put(Surrogates(), "date-of-birth", value)
    assert surrogate != value
    assert re.fullmatch(pattern, surrogate)


def test_coordinates_move_far_and_keep_what_is_around_them() -> None:
    value = '"latitude":40.71,"longitude":-74.0'
    surrogate = put(Surrogates(), "geo", value)
    assert re.fullmatch(r'"latitude":\d\d\.\d\d,"longitude":-\d\d\.\d', surrogate)
    moved = [float(number) for number in re.findall(r"\d+\.\d+", surrogate)]
    assert abs(moved[0] - 40.71) > 2
    assert abs(moved[1] - 74.0) > 2


@pytest.mark.parametrize(
    "value",
    [
        "12 Main St",
        "12 Main St\nApt 4\nSpringfield, IL 62701",
        "Springfield, IL 62701",
        "PO Box 123",
        "94043",
    ],
)
def test_addresses_keep_their_form(value: str) -> None:
    surrogate = put(Surrogates(), "address", value)
    assert surrogate.count("\n") == value.count("\n")
    assert ("," in surrogate) == ("," in value)
    assert not set(re.findall(r"\w{4,}", surrogate)) & set(re.findall(r"\w{4,}", value))


def test_no_surrogate_is_a_real_value_of_the_trajectory() -> None:
    first = put(Surrogates(), "person", "Mei Rossi")
    surrogates = Surrogates()
    surrogates.reserve(f"Mei Rossi met {first}")
    second = put(surrogates, "person", "Mei Rossi")
    assert not set(second.split()) & set(first.split())


def _surrogate_filter() -> PrivacyFilter:
    return PrivacyFilter(PrivacyConfig(replacement="surrogate", seed=3, key="salt"))


def test_the_filter_puts_surrogates_when_nothing_is_left_to_find() -> None:
    text = "My name is Mei Rossi, mail mei.rossi@corp.com or call (415) 555-2671. <SURROGATE_1> stays. Regards, Mei"
    surrogate = _surrogate_filter().text(text)
    assert not {"Mei", "Rossi", "mei.rossi@corp.com", "(415) 555-2671"} & set(re.split(r"[ ,]+", surrogate))
    assert "<SURROGATE_1> stays" in surrogate
    assert not has_placeholder(surrogate.replace("<SURROGATE_1>", ""))
    assert _surrogate_filter().text(text) == surrogate
    [name] = re.findall(r"My name is (\w+) \w+", surrogate)
    assert surrogate.endswith(f"Regards, {name}")


def test_json_in_a_trajectory_stays_json_with_surrogates() -> None:
    inner = json.dumps({"note": "12 Main St\nSpringfield, IL 62701", "to": ['a "b" <jo@corp.com>']})
    document = {"trajectoryId": "t-1", "metadata": {"inner": json.dumps({"deep": inner})}}
    result = _surrogate_filter().trajectory(document)
    assert isinstance(result, Filtered)
    deep = json.loads(json.loads(result.value["metadata"]["inner"])["deep"])
    assert "Main St" not in deep["note"]
    assert "jo@corp.com" not in deep["to"][0]
    assert not has_placeholder(json.dumps(deep))


def test_a_preview_shows_the_surrogates_that_are_written() -> None:
    text = "My name is Mei Rossi, mail mei.rossi@corp.com."
    preview = _surrogate_filter().preview_trajectory({"trajectoryId": "t-1", "metadata": {"note": text}})
    assert preview.trajectory is not None
    [name, mail] = preview.spans
    note = f"My name is {name.replacement}, mail {mail.replacement}."
    assert preview.trajectory["metadata"]["note"] == note
    assert not has_placeholder(note)


@_UNTIMED
@given(st.sampled_from([kind for kind, _ in _REAL] + ["deny-list", "crypto-address"]), st.text(max_size=40))
def test_any_value_is_replaced(kind: str, value: str) -> None:
    surrogates = Surrogates()
    surrogate = put(surrogates, kind, value)
    assert surrogate
    assert surrogate != value
    assert put(surrogates, kind, value) == surrogate


def test_kinds_without_a_surrogate_get_a_pseudonym() -> None:
    surrogates = Surrogates()
    assert put(surrogates, "deny-list", "Umbrella") == "<DENY_LIST_1>"
    assert put(surrogates, "crypto-address", "0xabc") == "<CRYPTO_ADDRESS_1>"
    assert put(surrogates, "email", "nobody", "[REDACTED_EMAIL]") == "[REDACTED_EMAIL]"
