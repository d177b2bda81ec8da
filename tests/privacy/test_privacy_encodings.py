"""Encoded text in text: found when it says something, left alone when it does not, written back exactly."""

from __future__ import annotations

import base64
import html
import json
import time
import uuid
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whetstone.privacy.structure import encodings
from whetstone.privacy.structure.encodings import find
from whetstone.privacy.structure.notation import Notation

EMAIL = "jane@example.com"


_NEW = st.sampled_from(["<PERSON_1>", "[REDACTED_EMAIL]", "Zoë O'Brien", "漢字 😀"])
_HOSTILE = st.lists(
    st.sampled_from(
        [
            *"abux0014;#&%+\\\"'<> \n\t/é漢😀",
            "\\u0040",
            "\\n",
            "\\\\",
            "\\ud83d",
            "\\ude00",
            "\\x41",
            "&amp;",
            "&#64;",
            "&lt",
            "&eacute;",
            "%40",
            "%C3%A9",
            "%E9",
            "%25",
            "%",
            "amp;",
            "u0040",
            "40",
        ]
    ),
    max_size=12,
).map("".join)


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _url64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _lines64(text: str, width: int, line_end: str) -> str:
    whole = _b64(text)
    return line_end.join(whole[at : at + width] for at in range(0, len(whole), width))


def _replaced(text: str, old: str, new: str) -> str:
    """The text with a word replaced inside everything that is encoded in it."""
    parts: list[str] = []
    position = 0
    for one in find(text):
        parts += (text[position : one.start], one.encode(one.decoded.replace(old, new)))
        position = one.end
    return "".join([*parts, text[position:]])


def _decoded(text: str) -> list[str]:
    return [one.decoded for one in find(text)]


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        (f"x {_b64('mail ' + EMAIL)} y", ["mail " + EMAIL]),
        (f"https://h.example/p?d={_url64('grüße an ' + EMAIL)}&n=1", ["grüße an " + EMAIL]),
        (f"data:text/plain;base64,{_b64('Dear Jane Doe, hello')}", ["Dear Jane Doe, hello"]),
        (f"data:application/json;base64,{_b64(json.dumps({'email': EMAIL}))}", [f'{{"email": "{EMAIL}"}}']),
        (f"auth {_b64('joe:hunter22')}", ["joe:hunter22"]),
        (f"/api/v1/{_url64('Jane Doe lives here')}/x", ["Jane Doe lives here"]),
        (_lines64("Dear Jane Doe, " * 12, 76, "\n"), ["Dear Jane Doe, " * 12]),
        (_lines64("Dear Jane Doe, " * 12, 64, "\r\n"), ["Dear Jane Doe, " * 12]),
        (_b64("cut off in the middle of Jane")[:-3], ["cut off in the middle of Ja"]),
        ("email=jane%40example.com&name=Jane+Doe", [EMAIL, "Jane Doe"]),
        ("GET /x?to=Jane%20Doe HTTP/1.1", ["Jane Doe"]),
        ("https://h.example/u/jane%40example.com/edit", [EMAIL]),
        ("100%jane%40example.com", [EMAIL]),
        ("n=Andr%E9+Dupont&x=1", ["André Dupont"]),
        ("<p>jane&#64;example.com</p>", [EMAIL]),
        ("<b>Jos&eacute;&nbsp;Garc&iacute;a</b>", ["José\xa0García"]),
        ("jane&commat;example&period;com", [EMAIL]),
        ("{&quot;email&quot;: 1}", ['{"email": 1}']),
        (r'log: {"to":"jane\u0040example.com"} end', [EMAIL]),
        (r'{"note": "Hi,\nJane Doe here\n555-0123", "cut', ["Hi,\nJane Doe here\n555-0123"]),
        (r'{"args": "{\"email\": \"x\"}", cut', ['{"email": "x"}']),
        (r"jos\u00e9 \ud83d\ude00 wrote", ["josé 😀 wrote"]),
        (r"'jane\x40example.com'", ["'jane@example.com'"]),
    ],
)
def test_encoded_text_is_read(text: str, decoded: list[str]) -> None:
    assert _decoded(text) == decoded
    assert all(one.encode(one.decoded) == text[one.start : one.end] for one in find(text))


@pytest.mark.parametrize(
    "text",
    [
        "whetstone.privacy.structure.encodings.find and InternationalizationHelper",
        "/usr/local/lib/python3.11/site-packages/whetstone/privacy/structure/encodings",
        sha256(b"x").hexdigest(),
        base64.b64encode(sha256(b"x").digest()).decode(),
        "550e8400-e29b-41d4-a716-446655440000",
        "AAAAAAAAAAAAAAAAAAAAAAAA ////////////// ------------------ ==============",
        "eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImphbmVAZXhhbXBsZS5jb20ifQ.dozjgNryP4J3jVmNHl0w5N",
        "100% of 50%, %d items, %(name)s, {x:%Y-%m-%d}",
        "a = b + c; f(x=y+z); c++ && d",
        "R&D, AT&T, a && b, &x, &unknown;",
        r"C:\users\name and \d+\.\w* in a regex",
        'say "hi" to "you"',
        "",
    ],
)
def test_ordinary_text_is_none(text: str) -> None:
    assert list(find(text)) == []


def test_random_identifiers_are_no_text() -> None:
    words = [uuid.UUID(bytes=sha256(bytes([n])).digest()[:16]) for n in range(250)]
    text = " ".join(f"{word} {word.hex} {base64.b64encode(word.bytes).decode()}" for word in words)
    assert list(find(text)) == []


def test_parameters_tell_their_name() -> None:
    found = {one.key: one.decoded for one in find("POST first_name=Jane%20A&user%5Bx%5D=1&to=a%40b.example")}
    assert found["first_name"] == "Jane A"
    assert found["to"] == "a@b.example"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("q=a%2Fb%40c.d&name=Jane+Doe", "q=a%2Fb%40c.d&name=%3CPERSON_1%3E+Doe"),
        ("<p>R&amp;D: Jane &lt;3</p>", "<p>R&amp;D: &lt;PERSON_1&gt; &lt;3</p>"),
        (r'{"a": "x\ty Jane\nz", cut', r'{"a": "x\ty <PERSON_1>\nz", cut'),
        (_b64("I am Jane, hello"), _b64("I am <PERSON_1>, hello")),
        (_url64("I am Jane, hello?"), _url64("I am <PERSON_1>, hello?")),
    ],
)
def test_what_is_not_replaced_keeps_its_spelling(text: str, expected: str) -> None:
    assert _replaced(text, "Jane", "<PERSON_1>") == expected
    assert _replaced(expected, "Jane", "<PERSON_1>") == expected


_plain = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=30)
_ENCODERS: list[Callable[[str], str]] = [
    _b64,
    _url64,
    quote,
    html.escape,
    json.dumps,
    lambda text: _lines64(text * 8, 76, "\n"),
    lambda text: urlencode({"a": text, "name": text}),
    lambda text: "".join(f"&#{ord(c)};" for c in text),
    lambda text: "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in text),
]


@given(st.lists(st.tuples(st.sampled_from(_ENCODERS), _plain), min_size=1, max_size=4), _NEW)
@settings(max_examples=200, deadline=None)
def test_what_was_written_is_found_again(parts: list[tuple[Callable[[str], str], str]], new: str) -> None:
    text = "\n".join(encode(f"Jane {inner.replace('Jane', '')} Doe") for encode, inner in parts)
    once = _replaced(text, "Jane", new)
    assert "Jane" not in "".join(_decoded(once))
    assert _replaced(once, "Jane", new) == once
    wanted = [decoded.replace("Jane", new) for decoded in _decoded(text) if "Jane" in decoded]
    assert set(wanted) <= set(_decoded(once))


@given(
    st.sampled_from(
        [
            encodings.JSON,
            encodings.JSON_ASCII,
            encodings.ESCAPES,
            encodings.HTML,
            encodings.PERCENT,
            encodings.FORM,
        ]
    ),
    _HOSTILE,
    _HOSTILE,
)
@settings(max_examples=500, deadline=None)
def test_a_notation_reads_what_it_wrote(notation: Notation, raw: str, text: str) -> None:
    assert notation.rewrite(raw, notation.read(raw)) == raw
    assert notation.read(notation.spell(text)) == text
    assert notation.read(notation.rewrite(raw, text)) == text
    middle = notation.read(raw)
    middle = middle[: len(middle) // 2] + text + middle[len(middle) // 2 + 1 :]
    assert notation.read(notation.rewrite(raw, middle)) == middle


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_round_trips(text: str) -> None:
    for one in find(text):
        assert one.encode(one.decoded) == text[one.start : one.end]


@pytest.mark.parametrize(
    "unit",
    [
        *("a", "A", "=", "%", "%4", "%40", "&", "&#", "&#64;", "&amp", "\\", "\\u", "\\u0040", '"', '\\"', '"\\', "a=", "a=%40&"),
        *("YWJj", "YWJjZGVm\n", "A" * 76 + "\n", "A" * 64 + "\n", "A" * 77 + "\n", "/", "+", "eyJ", "a/", "<&lt;", "x=+", "_-"),
    ],
)  # fmt: skip
def test_hostile_text_takes_linear_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit)) + "!"
    started = time.process_time()
    for one in find(text):
        one.encode(one.decoded)
        one.encode(one.decoded + "x")
    assert time.process_time() - started < 10.0
