"""Folding and tokenizing, which the index rests on: both lose nothing."""

from __future__ import annotations

import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.trajectories.search.documents import SharedTexts, documents, joined
from whetstone.trajectories.search.fields import JSON_COLUMNS, TEXT_COLUMNS
from whetstone.trajectories.search.highlights import highlights, json_highlights
from whetstone.trajectories.search.letters import MAX_SEARCH, case_variants, fold
from whetstone.trajectories.search.needles import Term, runs_of
from whetstone.trajectories.search.terms import Terms, chunks, terms_of
from whetstone.trajectories.search.tokens import (
    BOUNDARY,
    MAX_TOKEN,
    SEPARATOR,
    indexed,
    is_solo,
    is_word,
    tokenize,
)
from whetstone.trajectories.search.tsvector import OVERLAP, tsvectors


def text_of(tokens: list[str]) -> str:
    """What these tokens are the tokens of."""
    text = ""
    for last, token in zip(["", *tokens], tokens, strict=False):
        implied = last and is_word(last) and is_word(token)
        text += (" " if implied else "") + token
    return text


def test_folding_joins_exactly_the_case_variants() -> None:
    for code in range(0x20000):
        if 0xD800 <= code <= 0xDFFF:
            continue
        folded = fold(chr(code))
        family = case_variants(chr(code))
        assert len(folded) == 1
        assert folded in family
        assert all(fold(each) == folded for each in family)
    assert fold("ΟΔΟΣ") == fold("οδος")
    assert fold("K") == "k" != fold("\u212a")
    assert fold("ſ") != "s"


@given(st.text())
def test_folding_goes_letter_by_letter(text: str) -> None:
    assert fold(text) == "".join(map(fold, text))


@given(st.text(st.sampled_from('aB9_ \n.,(\\"éя\u0301你ไ😀')) | st.text())
def test_tokens_hold_all_of_a_text(text: str) -> None:
    folded = fold(text)
    assert text_of(tokenize(folded)) == folded
    in_json = fold(orjson.dumps(text, option=orjson.OPT_PASSTHROUGH_SUBCLASS).decode())
    tokens = tokenize(in_json, json=True)
    assert text_of(tokens) == in_json
    assert SEPARATOR not in "".join(tokens)
    assert BOUNDARY not in tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("foo bar(x)  y", ["foo", "bar", "(", "x", ")  ", "y"]),
        ("foo (bar) baz", ["foo", " (", "bar", ") ", "baz"]),
        (" a ", [" ", "a", " "]),
        ("你好 ok 你", ["你", "好", " ", "ok", " ", "你"]),
        ("e\u0301te\u0301 नमस्ते", ["e\u0301te\u0301", "नमस्ते"]),
        ("snake_case 3.5", ["snake_case", "3", ".", "5"]),
    ],
)
def test_words_and_what_is_between_them(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


def test_words_of_json_strings_are_whole() -> None:
    text = fold(orjson.dumps({"k": 'one\nTwo\t"three"\\nfour\u0001five'}).decode())
    assert [token for token in tokenize(text, json=True) if is_word(token)] == [
        "k",
        "one",
        "two",
        "three",
        "nfour",
        "five",
    ]


def test_tokenizing_is_fast_enough() -> None:
    text = ("The quick brown fox, jumped over 12 lazy dogs. " * 30)[:1300]
    for sample in (text, "é" + text):
        tokenize(fold(sample))
        best = min(_seconds(sample) for _ in range(20))
        assert best < 0.001, best


def _seconds(text: str) -> float:
    started = time.perf_counter()
    tokenize(fold(text))
    return time.perf_counter() - started


def test_long_tokens_are_indexed_by_beginning_and_digest() -> None:
    one, other = "x" * MAX_TOKEN + "a", "x" * MAX_TOKEN + "b"
    assert indexed("x" * MAX_TOKEN) == "x" * MAX_TOKEN
    assert indexed(one) != indexed(other)
    assert len(indexed("你" * 9000).encode()) < 2046
    assert indexed(one).startswith("x" * MAX_TOKEN)


@given(st.lists(st.text(st.sampled_from("ab,. 9"), max_size=4), max_size=30))
def test_a_continued_text_is_indexed_without_gaps(pieces: list[str]) -> None:
    said, texts = "start " + "lorem ipsum " * 300, []
    for piece in pieces:
        said += piece
        texts.append(said)
    document = joined(_document(texts))
    for end in range(len(said) - 80, len(said), 7):
        needle = said[end - MAX_SEARCH : end]
        assert not pieces or any(run.is_in(document) for run in runs_of(Term(needle), [needle]).runs)


def test_growing_contexts_cost_what_is_new() -> None:
    messages: list[dict[str, str]] = []
    texts = []
    for turn in range(50):
        messages.append(
            {"role": "user", "content": f"turn {turn} says something new about topic{turn} " * 20}
        )
        texts.append(orjson.dumps(messages).decode())
    tokens = _document(texts, json=True)
    once = len(tokenize(texts[-1], json=True))
    assert sum(len(tokenize(text, json=True)) for text in texts) > 20 * once
    assert len(tokens) < 3 * once
    document = joined(tokens)
    for turn in range(50):
        assert f"{SEPARATOR}topic{turn}{SEPARATOR}turn{SEPARATOR}{turn}{SEPARATOR}" in document
    # What spans two turns, as long as a search text can be.
    for text in texts[::7]:
        middle = len(text) - 1200
        needle = text[middle : middle + MAX_SEARCH]
        runs = runs_of(Term(needle), [needle]).runs
        assert any(run.is_in(document) for run in runs)


def _document(texts: list[str], *, json: bool = False) -> list[str]:
    """The tokens of a trajectory whose calls have these prompts or messages."""
    columns = (*TEXT_COLUMNS["llm_calls"], *JSON_COLUMNS["llm_calls"])
    place = columns.index("messages" if json else "user_prompt")
    rows: list[tuple[object, ...]] = [
        (1, number, *(text if index == place else None for index in range(len(columns))), None, None)
        for number, text in enumerate(texts)
    ]
    tables: dict[str, list[tuple[object, ...]]] = {table: [] for table in TEXT_COLUMNS}
    header = [None] * (len(TEXT_COLUMNS["trajectories"]) + len(JSON_COLUMNS["trajectories"]))
    tables |= {"trajectories": [(1, 1, *header)], "llm_calls": rows}
    return documents([1], tables, SharedTexts())[1]


def test_parts_of_a_tsvector_keep_the_limits_and_overlap() -> None:
    tokens = ["the", "cat", ",", "你"] * 20_000 + [f"t{n}" for n in range(40_000)]
    parts = list(tsvectors(tokens))
    covered = 0
    for part in parts:
        places = {
            int(place): entry.split(":")[0]
            for entry in part.split(" ")
            for place in entry.split(":")[1].split(",")
        }
        assert max(places) <= 16_383
        assert all(len(entry.split(",")) <= 256 for entry in part.split(" ") if "','" not in entry)
        assert sorted(places) == list(range(1, len(places) + 1))
        covered += len(places) - OVERLAP
    assert covered + OVERLAP == len(tokens)
    assert len(parts[-1]) < 1_000_000


def test_the_vocabulary_remembers_within_bounds_and_keeps_every_term() -> None:
    terms = Terms()
    assert sorted(terms.new(["a", "b", "你"])) == ["a", "b"]
    assert terms.new(["a", "b"]) == []
    for start in range(0, 400_000, 1000):
        terms.new([f"x{n}" for n in range(start, start + 1000)])
    assert terms.new(["a"]) == ["a"]
    given_terms = [f"word{n}" for n in range(20_000)] + ["0123456789abcdef", "(", ", "]
    texts = [text for texts in chunks(given_terms).values() for text in texts]
    assert sorted(term for text in texts for term in terms_of(text)) == sorted(given_terms)


def test_highlights_count_code_points() -> None:
    text = "😀 " * 100 + "Die GRÖSSE der Straße und die größe " + "x " * 100
    found = highlights(text, [Term("größe"), Term("straße")])
    assert found is not None
    excerpt, places = found
    assert [excerpt[start:end] for start, end in places] == ["Straße", "größe"]
    assert excerpt.startswith("…")
    assert excerpt.endswith("…")
    assert len(excerpt) <= 162
    assert highlights("errors", [Term("error", whole=True)]) is None
    assert highlights("errors", [Term("error", whole=True, prefix=True)]) == ("errors", [[0, 5]])
    assert highlights("aaa", [Term("a")]) == ("aaa", [[0, 3]])
    nested = orjson.dumps([{"content": 'she said "hi"\nthere'}]).decode()
    assert json_highlights(nested, [Term('"HI"\nt')]) == ('she said "hi"\nthere', [[9, 15]])
    assert is_solo("你")
