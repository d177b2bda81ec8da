"""Each kind of private data in running text, and text that only looks like it."""

from __future__ import annotations

import pytest

from privacy_samples import CREDENTIALS, HARMLESS, PERSONAL, kind_of, private_core
from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.filter import PrivacyFilter
from whetstone.privacy.replacement.anonymizer import HashAnonymizer

_SAMPLES = {**CREDENTIALS, **PERSONAL}


@pytest.mark.parametrize("frame", ["{}", "before {} after", "({}), then", '"{}"\nnext', "x={};y", "\t{}.\n"])
@pytest.mark.parametrize("name", _SAMPLES)
def test_sample_goes_in_every_frame(plain_filter: PrivacyFilter, name: str, frame: str) -> None:
    sample = _SAMPLES[name]
    filtered = plain_filter.text(frame.replace("{}", sample))
    assert sample not in filtered
    assert not [part for part in private_core(sample) if part in filtered], filtered
    assert set(plain_filter.report.to_dict()["byKind"]) == {kind_of(name)}
    before, _, after = frame.partition("{}")
    assert filtered.startswith(before)
    assert filtered.endswith(after)


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_stays(plain_filter: PrivacyFilter, text: str) -> None:
    assert plain_filter.text(text) == text
    assert plain_filter.report.redaction_count == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bearer abcdefghij0123456789", "<REDACTED:bearer>"),
        ("postgres://user:s3cret@db.example.com/x", "postgres://<REDACTED:url-credentials>@db.example.com/x"),
        ("redis://:pa55@10.1.2.3:6379", "redis://<REDACTED:url-credentials>@<IP_ADDRESS_1>:6379"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic <REDACTED:basic-auth>"),
        ("DB_PASSWORD=hunter22", "DB_PASSWORD=<REDACTED:secret>"),
        ("export ACME_TOKEN='a1b2c3d4e5f6'", "export ACME_TOKEN='<REDACTED:secret>'"),
        ("GET /x?access_token=a1b2c3d4e5&n=1", "GET /x?access_token=<REDACTED:secret>&n=1"),
        ('log: {"password": "swordfish", n}', 'log: {"password": "<REDACTED:password>", n}'),
        ("my password is hunter2!", "my password is <REDACTED:secret>"),
        ("SSN is 123456789", "SSN is <SSN_1>"),
        ("call me at 020 7946 0958 please", "call me at [REDACTED_PHONE] please"),
        ("+1 415 555 0123 42 items", "[REDACTED_PHONE] 42 items"),
        ("+1-415-555-0123 ext. 42", "[REDACTED_PHONE]"),
        ("415.555.2671, 415 555 2671", "[REDACTED_PHONE], [REDACTED_PHONE]"),
        ("i live at 42 elm street, apt 3, ok", "i live at [REDACTED_ADDRESS], ok"),
        ("221B Baker Street", "[REDACTED_ADDRESS]"),
        ("P.O. Box 12, Reno, NV 89501", "[REDACTED_ADDRESS]"),
        ("IBAN DE89 3704 0044 0532 0130 00 AND more", "IBAN <IBAN_1> AND more"),
        ("location: 37.7, -122.4", "location: [REDACTED_GEO]"),
        ("Current Location = 37.77, -122.41", "Current Location = [REDACTED_GEO]"),
        ("longitude=-122.41&latitude=37.77", "[REDACTED_GEO]"),
        ("Latitude: -33.86\nLongitude: 151.20", "[REDACTED_GEO]"),
        ("POINT(-122.4194 37.7749)", "POINT([REDACTED_GEO])"),
        ("maps?q=37.7749,-122.4194", "maps?q=[REDACTED_GEO]"),
        ("-0.1276, 51.5072", "[REDACTED_GEO]"),
        ('x "coords":{"latitude":1,"longitude":2,"accuracy":5} y', 'x "coords":"[REDACTED_GEO]" y'),
        ("www.example.com is no address, a@b is none", "www.example.com is no address, a@b is none"),
        ("müller@exämple.de", "[REDACTED_EMAIL]"),
        ("mailto:a.b@c.io?subject=x", "mailto:[REDACTED_EMAIL]?subject=x"),
    ],
)
def test_replacement_leaves_the_rest(plain_filter: PrivacyFilter, text: str, expected: str) -> None:
    assert plain_filter.text(text) == expected


def test_specific_label_wins_over_general_one(plain_filter: PrivacyFilter) -> None:
    key = CREDENTIALS["anthropic-key"]
    assert plain_filter.text(f"API_KEY={key}") == "API_KEY=<REDACTED:anthropic-key>"
    assert plain_filter.text(f"Bearer {key}") == "<REDACTED:anthropic-key>"


def test_nothing_of_overlapping_finds_stays_behind(plain_filter: PrivacyFilter) -> None:
    # The last line of the address overlaps the deny-listed words; both ends must go.
    privacy = PrivacyFilter(PrivacyConfig(deny_list=("CA 94043 acme",)))
    assert privacy.text("1 Main Street, Reno, CA 94043 acme") == "<DENY_LIST_1>"
    assert privacy.report.redaction_count == 1


@pytest.mark.parametrize(
    "text",
    [
        "import {X} from '@types/node'",
        "@app.get('/x')",
        "@dataclass\nclass A:",
        "    @property\n    def x(self):",
        "pkg@1.2.3",
        "a @ b",
    ],
)
def test_code_holds_no_handles(hashing_filter: PrivacyFilter, text: str) -> None:
    assert hashing_filter.text(text) == text


def test_handle_ends_before_punctuation() -> None:
    anonymizer = HashAnonymizer()
    privacy = PrivacyFilter(PrivacyConfig(anonymizer=anonymizer))
    bob = anonymizer.entity_id("telegram", "bob.b")
    assert privacy.text("Thanks @bob.b. (cc @bob.b-)") == f"Thanks <entity:{bob}>. (cc <entity:{bob}>-)"


@pytest.mark.parametrize(
    ("variables", "text", "expected"),
    [
        ({"API_ENV": "production"}, "in production", "in production"),
        ({"DB_PASSWORD": "production"}, "in production", "in production"),
        (
            {"API_BASE": "https://api.example.com/v1"},
            "https://api.example.com/v1",
            "https://api.example.com/v1",
        ),
        ({"API_MODEL": "gpt-4o-mini"}, "gpt-4o-mini", "gpt-4o-mini"),
        ({"API_LOG": "/var/log/api.log"}, "/var/log/api.log", "/var/log/api.log"),
        ({"SECRET": "short"}, "short", "short"),
        ({"API_CODE": "x9-tango-4471"}, "x9-tango-4471", "<REDACTED:env-secret>"),
        ({"DB_PASSWORD": "swordfish"}, "swordfish, swordfishes", "<REDACTED:env-secret>, swordfishes"),
        ({"TOKEN": "abcdefghijklmnopqrst"}, "xabcdefghijklmnopqrsty", "x<REDACTED:env-secret>y"),
        ({"KEY": "a+b(c)*d.e"}, "is a+b(c)*d.e.", "is <REDACTED:env-secret>."),
    ],
)
def test_secret_values_go_and_ordinary_words_stay(
    variables: dict[str, str], text: str, expected: str
) -> None:
    assert PrivacyFilter(PrivacyConfig(secrets=variables)).text(text) == expected


def test_deny_list_knows_whole_words_in_any_case() -> None:
    privacy = PrivacyFilter(PrivacyConfig(deny_list=("Acme Corp", "zeus")))
    text = "ACME  corp owns zeus.internal, not zeuses"
    assert privacy.text(text) == "<DENY_LIST_1> owns <DENY_LIST_2>.internal, not zeuses"


def test_allow_list_keeps_exactly_its_values() -> None:
    privacy = PrivacyFilter(PrivacyConfig(allow_list=("Support@acme.example",)))
    text = "support@acme.example or x.support@acme.example"
    assert privacy.text(text) == "support@acme.example or [REDACTED_EMAIL]"
    assert privacy.text('{"email": "support@acme.example"}') == '{"email": "support@acme.example"}'
