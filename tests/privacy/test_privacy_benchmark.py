"""The privacy benchmark: its sets carry exact labels, and its scores mean what they say."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import pairwise

import pytest
from benchmarks.privacy import agent, clean, credentials, identifiers, people
from benchmarks.privacy.labelled import Document, from_markup, labelled, mark, number
from benchmarks.privacy.scoring import score
from stdnum import iban, luhn

SETS: dict[str, Callable[[int], list[Document]]] = {
    "agent": lambda seed: agent.documents(120, seed),
    "secrets": lambda seed: credentials.documents(5, seed),
    "identifiers": lambda seed: identifiers.documents(60, seed),
}


def test_marks_come_out_of_json_in_json_with_exact_offsets() -> None:
    inner = json.dumps(
        {"to": mark("email", "jo@example.org"), "lat": number("geo", -3.25)}, ensure_ascii=False
    )
    document = labelled(json.dumps({"arguments": inner}, ensure_ascii=False))
    assert json.loads(json.loads(document.text)["arguments"]) == {"to": "jo@example.org", "lat": -3.25}
    assert [(document.text[span.start : span.end], span.kind) for span in document.gold] == [
        ("jo@example.org", "email"),
        ("-3.25", "geo"),
    ]


@pytest.mark.parametrize("broken", [mark("a", mark("b", "x")), mark("a", "x")[:-1], mark("a", "x")[-1]])
def test_broken_marks_are_refused(broken: str) -> None:
    with pytest.raises(ValueError, match="mark"):
        labelled(broken)


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_the_same_for_the_same_seed_and_another_for_another(name: str) -> None:
    make = SETS[name]
    assert make(1) == make(1)
    assert make(1) != make(2)


@pytest.mark.parametrize("name", [*SETS, "people"])
def test_labels_are_disjoint_hold_something_and_leave_no_mark(name: str) -> None:
    documents = people.documents() if name == "people" else SETS[name](7)
    for document in documents:
        assert not any("\ue000" <= character <= "\uf8ff" for character in document.text)
        assert "[[" not in document.text or name != "people"
        spans = sorted(document.gold)
        assert all(before.end <= after.start for before, after in pairwise(spans))
        assert all(any(map(str.isalnum, document.text[span.start : span.end])) for span in spans)


def test_the_agent_set_has_many_kinds_and_a_quarter_clean_documents() -> None:
    documents = agent.documents(1_600, 3)
    assert sum(not document.gold for document in documents) >= 380
    assert len({span.kind for document in documents for span in document.gold}) >= 30


def test_secrets_are_of_many_issuers_in_several_contexts() -> None:
    documents = credentials.documents(5, 3)
    texts: dict[str, set[str]] = {}
    for document in documents:
        [secret] = [span for span in document.gold if span.kind == "credential"]
        context = document.text[: secret.start] + document.text[secret.end :]
        texts.setdefault(document.flavour, set()).add(context)
    assert len(texts) >= 60
    assert sum(len(contexts) >= 3 for contexts in texts.values()) >= 60


def test_identifiers_have_good_check_digits() -> None:
    source = random.Random(5)
    for _ in range(200):
        assert luhn.is_valid(identifiers.card(source).replace(" ", "").replace("-", ""))
        assert luhn.is_valid(identifiers.imei(source))
        assert iban.is_valid(identifiers.iban(source), check_country=False)


def test_people_is_large_and_varied() -> None:
    documents = people.documents()
    assert len(documents) >= 120
    assert sum(span.kind == "person" for document in documents for span in document.gold) >= 100


def test_code_is_of_the_standard_library() -> None:
    assert len(clean.code(5, 1)) == 5


def test_full_recall_needs_every_letter_and_digit() -> None:
    document = from_markup("call [[phone:+1 (555) 0100]] or [[person:Mei Rossi]] now")
    all_but_a_digit = [(5, 17), (22, 31)]
    assert [document.text[start:end] for start, end in all_but_a_digit] == ["+1 (555) 010", "Mei Rossi"]
    found = score([document], [all_but_a_digit])
    assert found.recall() == 0.5
    assert found.partial_recall() == 1.0
    assert (found.precision, found.over_redaction) == (1.0, 0.0)


def test_wrong_spans_cost_precision_and_count_as_over_redaction() -> None:
    document = from_markup("abcd [[person:Mei]] efgh")
    found = score([document], [[(0, 4), (5, 8), (8, 9)]])
    assert found.precision == 0.5  # the blank alone tells nothing
    assert found.over_redaction == 0.5
    assert found.recall() == 1.0
    assert found.f2 == pytest.approx(5 * 0.5 / (4 * 0.5 + 1))


def test_neutral_kinds_are_neither_missed_nor_wrong() -> None:
    document = from_markup("[[organization:Acme]] hired [[person:Mei]]")
    nothing, organization = score([document], [[]]), score([document], [[(0, 4)]])
    assert nothing.recall() == organization.recall() == 0.0
    assert nothing.recall(neutral=True) == 0.0
    assert organization.recall(neutral=True) == 0.5
    assert organization.over_redaction == 0.0
    assert organization.predicted == 0
