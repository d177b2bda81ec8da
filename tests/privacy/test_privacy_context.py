"""What only its surroundings give away: columns of tables, questions, other places of the same trajectory."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.filter import PrivacyFilter
from whetstone.privacy.filtered import Filtered

Make = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'id,name,city,phone,dob\n1,Mei Rossi,Turin,512 121 536,20 October 1983\n2,"Roe, Jo",Oslo,12 350 21 42,1970-01-02',
            'id,name,city,phone,dob\n1,<PERSON_1>,<LOCATION_1>,[REDACTED_PHONE],<DATE_OF_BIRTH_1>\n2,"<PERSON_2>",<LOCATION_2>,[REDACTED_PHONE],<DATE_OF_BIRTH_2>',
        ),
        (
            "| name | email | plan |\n|:---|---:|---|\n| Ann Lee | ann@corp.com | gold |\n\nThe plan is gold.",
            "| name | email | plan |\n|:---|---:|---|\n| <PERSON_1> | [REDACTED_EMAIL] | gold |\n\nThe plan is gold.",
        ),
        (
            " id | full_name  | status\n----+------------+--------\n  1 | Isaac Bera | active\n(1 row)",
            " id | full_name  | status\n----+------------+--------\n  1 | <PERSON_1> | active\n(1 row)",
        ),
        (
            "INSERT INTO customers (id, name, birth_date) VALUES (1, 'Jo O''Hara', '1988-08-13'), (2, 'Ann Lee', NULL);",
            "INSERT INTO customers (id, name, birth_date) VALUES (1, '<PERSON_1>', '<DATE_OF_BIRTH_1>'), (2, '<PERSON_2>', NULL);",
        ),
        (
            "Name: Mei Rossi\n**Surname:** Rossi\nStatus: active",
            "Name: <PERSON_1>\n**Surname:** <PERSON_1>\nStatus: active",
        ),
    ],
)
def test_columns_and_fields_say_what_stands_under_them(
    plain_filter: PrivacyFilter, text: str, expected: str
) -> None:
    assert plain_filter.text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "name, version, license\nrequests, 2.31, Apache-2.0\nurllib3, 2.0, MIT",
        "| column | type |\n|---|---|\n| email | text |\n| phone | text |",
        "file,lines,city\nmain.py,10,x1\n",
        "Address: the issue in the next release",
        "CREATE TABLE users (id int, name text, email text);",
        "def f(name, email):\n    return name, email",
        'password: str\ntoken: str = get("x")\nemail: EmailStr = Field(...)',
        "phone, email, or chat\nwhat works, for you, best",
    ],
)
def test_other_tables_stay(plain_filter: PrivacyFilter, text: str) -> None:
    assert plain_filter.text(text) == text


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("What is your date of birth?", "3 May 1990, thanks", "<DATE_OF_BIRTH_1>, thanks"),
        ("Could you confirm your zip code", "sure, it's 06870", "sure, it's [REDACTED_ADDRESS]"),
        ("May I have your member number, please?", "User: 4488-2913.", "User: <ACCOUNT_NUMBER_1>."),
        ("Please enter your PIN.", "4821", "<REDACTED:password>"),
        ("And your phone number?", "12 350 21 42", "[REDACTED_PHONE]"),
        ("How many items do you want?", "12345", "12345"),
        ("What is the status of the order?", "it is 4488-2913", "it is 4488-2913"),
    ],
)
def test_answers_are_known_by_their_question(
    plain_filter: PrivacyFilter, make_document: Make, question: str, answer: str, expected: str
) -> None:
    assert plain_filter.text(f"{question}\n{answer}") == f"{question}\n{expected}"
    messages = [{"role": "assistant", "content": question}, {"role": "user", "content": answer}]
    [call] = _filtered(plain_filter, make_document(messages=messages))["steps"][0]["llmCalls"]
    assert [message["content"] for message in call["messages"]] == [question, expected]


def test_a_turn_is_no_signature_of_the_one_before(plain_filter: PrivacyFilter, make_document: Make) -> None:
    messages = [{"role": "user", "content": "Thanks!"}, {"role": "assistant", "content": "Brindle"}]
    [call] = _filtered(plain_filter, make_document(messages=messages))["steps"][0]["llmCalls"]
    assert call["messages"] == messages


def test_a_name_that_a_key_tells_goes_everywhere(plain_filter: PrivacyFilter, make_document: Make) -> None:
    document = make_document(
        userPrompt="When does Mei fly?",
        response="mei rossi flies on Monday; ask ROSSI, user mei_rossi_4472.",
        roomId="room-mei_rossi",
        trajectory={"metadata": {"user": json.dumps({"first_name": "Mei", "last_name": "Rossi"})}},
    )
    filtered = _filtered(plain_filter, document)
    assert not {"mei", "rossi"} & set(
        json.dumps(filtered).lower().replace("_", " ").replace("-", " ").split()
    )
    [call] = filtered["steps"][0]["llmCalls"]
    assert call["userPrompt"] == "When does <PERSON_1> fly?"


@pytest.mark.parametrize(
    ("prompt", "stays"),
    [
        ("You are Amina, a plant shop's agent.", True),
        ("Amina is the support agent of the shop.", True),
        ("You are Amina's assistant.", False),
        ("Talk to people.", False),
    ],
)
def test_the_agents_own_name_stays(
    plain_filter: PrivacyFilter, make_document: Make, prompt: str, stays: bool
) -> None:
    people = [{"first_name": "Mei"}, {"first_name": "Amina"}]
    messages = [{"role": "system", "content": prompt}]
    for call in ({"systemPrompt": prompt}, {"messages": messages}):
        document = make_document(
            **call, reasoning="Mei asks: Amina, hi!", trajectory={"metadata": {"people": people}}
        )
        text = _filtered(plain_filter, document)["steps"][0]["llmCalls"][0]["reasoning"]
        assert ("Amina" in text) == stays
        assert "Mei" not in text


def test_a_number_that_was_announced_once_goes_everywhere(
    plain_filter: PrivacyFilter, make_document: Make
) -> None:
    arguments = json.dumps({"acct": 99441122, "memo": "pay 99441122 today"})
    document = make_document(
        userPrompt="my account number is 99441122",
        toolCalls=[{"id": "x", "function": {"name": "pay", "arguments": arguments}}],
    )
    [call] = _filtered(plain_filter, document)["steps"][0]["llmCalls"]
    inner = json.loads(call["toolCalls"][0]["function"]["arguments"])
    assert inner == {"acct": "<ACCOUNT_NUMBER_1>", "memo": "pay <ACCOUNT_NUMBER_1> today"}


def test_a_value_that_is_the_beginning_of_another(plain_filter: PrivacyFilter) -> None:
    text = json.dumps({"address": {"street": "Elm Row 8"}, "shippingAddress": "Elm Row 8, 79108 Oslo"})
    filtered = json.loads(plain_filter.text(text))
    assert "Elm" not in json.dumps(filtered)
    assert [span.end <= len(text) for span in plain_filter.preview_text(text).spans] == [True, True]


def test_neighbouring_members_announce_a_value(plain_filter: PrivacyFilter, make_document: Make) -> None:
    value = {"document": "passport", "number": "C01X00T47"}
    document = make_document(trajectory={"metadata": {"object": value, "text": json.dumps(value)}})
    metadata = _filtered(plain_filter, document)["metadata"]
    assert metadata["object"] == {"document": "passport", "number": "<PASSPORT_1>"}
    assert json.loads(metadata["text"]) == metadata["object"]


@pytest.mark.parametrize(
    "pieces",
    [
        [{"type": "text-delta", "delta": piece} for piece in ("mail ja", "ne@exam", "ple.com to", "day")],
        [
            {"choices": [{"delta": {"content": piece}}]}
            for piece in ("mail ja", "ne@exam", "ple.com to", "day")
        ],
    ],
)
def test_what_was_streamed_in_pieces(
    plain_filter: PrivacyFilter, make_document: Make, pieces: list[dict[str, Any]]
) -> None:
    lines = "\n\n".join(f"data: {json.dumps(piece)}" for piece in pieces)
    document = make_document(trajectory={"events": pieces, "metadata": {"log": lines}})
    filtered = _filtered(plain_filter, document)
    for text in (json.dumps(filtered["events"]), filtered["metadata"]["log"]):
        assert "[REDACTED_EMAIL]" in text
        assert not {"ja", "ne@exam", "ple.com"} & set(text.replace('"', " ").split())
    assert len(filtered["events"]) == len(pieces)


def test_encoded_text_is_read_and_encoded_again(plain_filter: PrivacyFilter) -> None:
    inner = json.dumps({"to": "jane@example.com", "note": "see you at nine"})
    encoded = base64.b64encode(inner.encode()).decode()
    filtered = plain_filter.text(f"payload={encoded}; url=/s?email=jane%40example.com&q=shoes")
    payload, url = filtered.removeprefix("payload=").split("; url=")
    assert json.loads(base64.b64decode(payload)) == {"to": "[REDACTED_EMAIL]", "note": "see you at nine"}
    assert "jane" not in url
    assert url.endswith("&q=shoes")


def test_spans_of_a_preview_are_those_of_the_original(plain_filter: PrivacyFilter) -> None:
    text = '{"note": "caf\\u00e9, write to jane@example.com", "n": [4111111111111111]}'
    preview = plain_filter.preview_text(text)
    assert [text[span.start : span.end] for span in preview.spans] == ["jane@example.com", "4111111111111111"]
    assert json.loads(preview.text) == {"note": "café, write to [REDACTED_EMAIL]", "n": ["<CARD_NUMBER_1>"]}


def _plain() -> PrivacyFilter:

    return PrivacyFilter(PrivacyConfig())


def _filtered(privacy: PrivacyFilter, document: dict[str, Any]) -> dict[str, Any]:
    result = privacy.trajectory(document)
    assert isinstance(result, Filtered), result
    again = _plain().trajectory(result.value)
    assert isinstance(again, Filtered)
    assert again.value == result.value
    return result.value
