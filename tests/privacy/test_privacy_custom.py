"""What the operator adds: deny list, allow list, patterns."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.errors import InvalidInputError
from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.custom.allow_list import AllowList
from whetstone.privacy.custom.deny_list import DenyListDetector
from whetstone.privacy.custom.entries import entries
from whetstone.privacy.custom.patterns import CustomPatternDetector, pattern_detectors
from whetstone.privacy.detectors.spans import Tier
from whetstone.settings import Settings


def found(detector: DenyListDetector | CustomPatternDetector, text: str) -> list[str]:
    """The texts of all spans."""
    spans = list(detector.find(text))
    assert all(span.tier is Tier.CUSTOM and span.kind == detector.kind for span in spans)
    return [text[span.start : span.end] for span in spans]


# Deny list


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acme-prod.internal, ACME_KEY and pharmacmetics", ["acme", "ACME"]),
        ("Acme  Corp and acme\ncorp", ["Acme  Corp", "acme\ncorp"]),
        ("acme-corp ACME_CORP_KEY acme.corp.io", ["acme-corp", "ACME_CORP", "acme.corp"]),
        ("newAcmeCorpClient acmeKey acme01 acmecorp.com", ["AcmeCorp", "acme", "acme", "acmecorp"]),
        ("acmeish Pacme", []),
        ("C++ but not c+ or c", ["C++"]),
        ("MÜLLER gmbh, Mu\u0308ller GmbH", ["MÜLLER gmbh", "Mu\u0308ller GmbH"]),
        ("これは株式会社アクメです", ["株式会社アクメ"]),
        ("R & D Team", ["R & D Team"]),
        ("at 10.0.0.7:80, not 10.0.0.77 or 110.0.0.7", ["10.0.0.7"]),
        ("db.acme.internal/x", ["db.acme.internal"]),
        ("no ai in aiClient or mail", []),
        ("§§ 12", ["§§"]),
    ],
)
def test_deny_list_finds_words_wherever_they_are_embedded(text: str, expected: list[str]) -> None:
    listed = (
        "acme",
        "Acme Corp",
        "C++",
        "Müller GmbH",
        "株式会社アクメ",
        "R&D Team",
        "10.0.0.7",
        "§§",
        "db.acme.internal",
    )
    assert found(DenyListDetector(listed), text) == expected


def test_short_entries_are_not_looked_for_inside_compounds() -> None:
    assert found(DenyListDetector(("ai",)), "AI, ai_client, aiClient") == ["AI", "ai"]


_WORDS = st.lists(st.text(st.sampled_from("abcXYZ019é"), min_size=1, max_size=8), min_size=1, max_size=4)


@given(
    st.lists(_WORDS, min_size=1, max_size=5), st.sampled_from([" ", "  ", "-", "_", ".", "\n"]), st.booleans()
)
def test_every_entry_is_found_in_every_spelling(listed: list[list[str]], gap: str, upper: bool) -> None:
    detector = DenyListDetector([" ".join(words) for words in listed])
    for words in listed:
        value = gap.join(words)
        value = value.upper() if upper else value
        spans = list(detector.find(f"({value})"))
        covered = {place for span in spans for place in range(span.start, span.end)}
        assert covered >= set(range(1, 1 + len(value)))


# Allow list


@pytest.mark.parametrize(
    ("value", "kind", "allowed"),
    [
        ("Support@Acme.example ", "email", True),
        ("x.support@acme.example", "email", False),
        ("www.example.com", "ip-address", True),
        ("a@www.example.com", "email", False),
        ("jo@demo.test", "email", True),
        ("jo@x@demo.test", "email", False),
        ("jo li@demo.test", "email", False),
        ("sk-demo-1234567890", "openai-key", True),
        ("key.example.com", "openai-key", False),
        ("key.example.com", "deny-list", False),
    ],
)
def test_allow_list(value: str, kind: str, allowed: bool) -> None:
    allow_list = AllowList(("support@acme.example", "*.example.com", "*@demo.test", "sk-demo-1234567890"))
    assert allow_list.allows(value, kind) is allowed


@given(st.text(max_size=20), st.lists(st.text(st.sampled_from("ab.@* "), max_size=4), max_size=3))
def test_wildcards_mean_what_they_say(value: str, parts: list[str]) -> None:
    glob = "abc" + "*".join(parts)
    body = "".join(
        r"[^\s@]*" if character == "*" else re.escape(character) for character in glob.strip().casefold()
    )
    for each in (value, glob.replace("*", value)):
        expected = re.fullmatch(body, each.strip().casefold()) is not None
        if glob.count("*") < 2 or not expected:
            assert AllowList((glob,)).allows(each, "email") is expected


@pytest.mark.parametrize("glob", ["*", "*.*", "a*b", "*.io"])
def test_wildcards_that_allow_everything_are_refused(glob: str) -> None:
    with pytest.raises(InvalidInputError, match="nearly everything"):
        PrivacyConfig(allow_list=(glob,))


# Lists in files


def test_lists_may_be_files(tmp_path: Path) -> None:
    path = tmp_path / "customers.txt"
    path.write_text("\ufeff# ours\nAcme, Inc.\n\n Zeus \n", "utf-8")
    assert entries(["Hera", f"@{path}", "@alice"], "X") == ("Hera", "Acme, Inc.", "Zeus", "@alice")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"X: the file .*none\.txt cannot be read: No such file"):
        entries([f"@{tmp_path}/none.txt"], "X")


# Patterns


def test_patterns_become_labels() -> None:
    detectors = pattern_detectors('{"Order ID": "ORD-[0-9]{4}", "ticket": "ticket (?P<value>[0-9]+)"}')
    text = "ORD-1234 for ticket 77"
    assert [(detector.kind, detector.replacement) for detector in detectors] == [
        ("order-id", "<REDACTED:order-id>"),
        ("ticket", "<REDACTED:ticket>"),
    ]
    assert [found(detector, text) for detector in detectors] == [["ORD-1234"], ["77"]]


@given(st.lists(st.sampled_from(["EMP-12", "😀", "é", "\ud800", "𝒳", " ", "\n", "日本"])))
def test_offsets_are_characters(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert found(CustomPatternDetector("x", r"EMP-\d+"), text) == ["EMP-12"] * pieces.count("EMP-12")


@given(
    st.sampled_from([r"[a-c]+x?", r"(?:😀|b)+\d*", "a{2,}", r"a[^b]*b", "é|a+?b"]),
    st.text(st.sampled_from("abcx1é😀\n"), max_size=40),
    st.integers(0, 700),
)
def test_matches_are_those_of_other_engines(pattern: str, text: str, blank: int) -> None:
    text = text + " " * blank + text
    expected = [match[0] for match in re.finditer(pattern, text)]
    assert found(CustomPatternDetector("x", pattern), text) == expected


def test_matches_longer_than_a_window_are_whole() -> None:
    text = "x" * 3000 + "BEGIN" + "é" * 20_000 + "END" + "y"
    assert found(CustomPatternDetector("x", "(?s)BEGIN.*END"), text) == [text[3000:-1]]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("a(?:.*b)?", "a"), ("(a+)+$", "a"), ("(?:a|a)*b", "a"), (".*.*=.*", "x"), (r"\ba.*z", "a ")],
)
def test_no_pattern_is_slow_on_any_text(pattern: str, text: str) -> None:
    # Quadratic time would be hours, exponential time for ever: the time limit of the tests catches both.
    spans = list(CustomPatternDetector("x", pattern).find(text * 200_000))
    assert len(spans) in (0, 1, 200_000)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("ab(?=c)", r"at character 3 \(\(\?=\).*no look-around"),
        (r"(a)\1", r"at character 4 .*no back-references"),
        ("(ab", "missing \\).*close the group"),
        ("a*", "matches the empty string"),
        (r"\b", "matches the empty string"),
        ("(?m)^", "matches the empty string"),
        ("", "matches the empty string"),
        ("a" * 1001, "1001 characters"),
        ("a{2000}", "at character 2 .*1000 times"),
        ("(?:(?:a{100}){100}){100}", "repetition"),
        ("a\ud800", "at character 2 half a|at character 2 half of a"),
    ],
)
def test_patterns_that_cannot_be_used_are_refused(pattern: str, problem: str) -> None:
    with pytest.raises(
        InvalidInputError, match=f"WHETSTONE_PRIVACY_PATTERNS: the pattern 'my own' .*{problem}"
    ):
        CustomPatternDetector("my own", pattern)


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ('{"a": 1}', "must map names to patterns"),
        ('{"a": ', "is not JSON"),
        ("/no/such/file.json", "cannot be read: No such file"),
        ('{"a b": "x", "A-B": "y"}', "two names become a-b"),
        ('{"handle": "x"}', "choose another name"),
        ('{"é": "x"}', "letters or digits"),
    ],
)
def test_settings_that_cannot_be_read_are_refused(setting: str, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        pattern_detectors(setting)


@pytest.mark.parametrize(
    ("name", "content"),
    [("own.json", json.dumps({"id": r"X\d+"})), ("own.toml", r"id = 'X\d+'")],
)
def test_patterns_may_be_a_file(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    settings: dict[str, Any] = {"state_dir": tmp_path / "state", "privacy_patterns": str(tmp_path / name)}
    config = PrivacyConfig.from_settings(Settings(_env_file=None, **settings))
    assert [found(detector, "X12 Y") for detector in config.patterns] == [["X12"]]
    assert config.digest() != PrivacyConfig().digest()
