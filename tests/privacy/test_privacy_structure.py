"""Documents: every string and key is walked, structure stays, JSON stays JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from privacy_samples import CREDENTIALS
from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.filter import PrivacyFilter
from whetstone.privacy.filtered import Dropped, Filtered

Make = Callable[..., dict[str, Any]]

EMAIL = "jane@example.com"


def _value(result: Filtered[dict[str, Any]] | Dropped) -> dict[str, Any]:
    assert isinstance(result, Filtered)
    return result.value


def test_all_fields_of_a_call_are_walked(plain_filter: PrivacyFilter, make_document: Make) -> None:
    document = make_document(
        prompt=EMAIL,
        reasoning=EMAIL,
        messages=[
            {"role": "user", "content": [{"type": "text", "text": EMAIL}], "name": EMAIL},
            {"role": "tool", "tool_call_id": "call-1", "content": EMAIL},
        ],
        tools=[
            {
                "type": "function",
                "function": {
                    "name": "send_mail",
                    "description": f"Mails {EMAIL}",
                    "parameters": {
                        "type": "object",
                        "properties": {"email": {"type": "string", "description": "whom", "example": EMAIL}},
                        "required": ["email"],
                    },
                },
            }
        ],
        toolCalls=[
            {
                "id": "call-1",
                "type": "function",
                "function": {"name": "send", "arguments": f'{{"to":"{EMAIL}"}}'},
            }
        ],
        correction={"text": EMAIL, "toolCalls": [{"name": "send", "args": {"to": EMAIL}}], "comment": EMAIL},
        metadata={"note": EMAIL},
    )
    step = document["steps"][0]
    step["script"] = f"send('{EMAIL}')"
    step["environmentState"] = {"user": EMAIL}
    step["action"] = {
        "attemptId": "a-1",
        "actionType": "SEND",
        "parameters": {"to": EMAIL},
        "reasoning": EMAIL,
    }
    step["providerAccesses"] = [{"providerName": "contacts", "data": {"x": [EMAIL]}, "query": {"q": EMAIL}}]
    document |= {
        "toolEvents": [{"payload": EMAIL}],
        "aiJudgeReasoning": EMAIL,
        "surprise": {"deep": [[EMAIL]]},
    }

    filtered = _value(plain_filter.trajectory(document))

    assert json.dumps(filtered) == json.dumps(document).replace(EMAIL, "[REDACTED_EMAIL]")
    assert (
        plain_filter.report.to_dict()["byField"]
        == {
            "steps.llmCalls.messages.content": 2,
            "steps.action.parameters": 1,
            "steps.action.reasoning": 1,
            "steps.environmentState": 1,
            "steps.llmCalls.correction.comment": 1,
            "steps.llmCalls.correction.text": 1,
            "steps.llmCalls.correction.toolCalls.args": 1,
            "steps.llmCalls.messages.name": 1,
            "steps.llmCalls.metadata": 1,
            "steps.llmCalls.prompt": 1,
            "steps.llmCalls.reasoning": 1,
            "steps.llmCalls.toolCalls.function.arguments": 1,
            "steps.llmCalls.tools.function.description": 1,
            "steps.llmCalls.tools.function.parameters": 1,
            "steps.providerAccesses.data": 1,
            "steps.providerAccesses.query": 1,
            "steps.script": 1,
            "toolEvents": 1,
            "aiJudgeReasoning": 1,
            "(other)": 1,
        }
        | {}
    )


def test_structural_ids_stay(plain_filter: PrivacyFilter, make_document: Make) -> None:
    # Values that would be replaced in a text: a card number, an IP address, a phone number.
    document = make_document(
        trajectory={"trajectoryId": "4111111111111111", "traceId": "415-555-0123", "scenarioId": "10.1.2.3"},
        callId="4111111111111111",
        roomId="415-555-0123",
    )
    assert _value(plain_filter.trajectory(document)) == document
    assert plain_filter.report.redaction_count == 0


def test_labels_are_text(plain_filter: PrivacyFilter, make_document: Make) -> None:
    filtered = _value(
        plain_filter.trajectory(make_document(tags=["llm", "415-555-0123", "step:should_respond"]))
    )
    tags = filtered["steps"][0]["llmCalls"][0]["tags"]
    assert tags == ["llm", "[REDACTED_PHONE]", "step:should_respond"]


def test_text_and_credentials_under_an_ids_key_are_no_ids(
    plain_filter: PrivacyFilter, make_document: Make
) -> None:
    document = make_document(
        trajectory={"scenarioId": f"mail from {EMAIL}", "agentId": EMAIL},
        purpose=CREDENTIALS["openai-key"],
        model={"nested": EMAIL},
    )
    filtered = _value(plain_filter.trajectory(document))
    assert filtered["scenarioId"] == "mail from [REDACTED_EMAIL]"
    assert filtered["agentId"] == "[REDACTED_EMAIL]"
    call = filtered["steps"][0]["llmCalls"][0]
    assert call["purpose"] == "<REDACTED:openai-key>"
    assert call["model"] == {"nested": "[REDACTED_EMAIL]"}


def test_ids_are_structural_at_their_place_only(plain_filter: PrivacyFilter, make_document: Make) -> None:
    metadata = {"trajectoryId": "415-555-0123", "model": "10.1.2.3"}
    filtered = _value(plain_filter.trajectory(make_document(trajectory={"metadata": metadata})))
    assert filtered["metadata"] == {"trajectoryId": "[REDACTED_PHONE]", "model": "<IP_ADDRESS_1>"}


def test_keys_are_redacted_without_losing_members(plain_filter: PrivacyFilter, make_document: Make) -> None:
    metadata = {
        "a@example.com": 1,
        "b@example.com": 2,
        "[REDACTED_EMAIL]_2": 3,
        "n": {"call 415-555-0123": 4},
    }
    document = make_document(trajectory={"metadata": metadata, "c@example.com": True})
    filtered = _value(plain_filter.trajectory(document))
    assert filtered["metadata"] == {
        "[REDACTED_EMAIL]": 1,
        "[REDACTED_EMAIL]_2": 2,
        "[REDACTED_EMAIL]_2_2": 3,
        "n": {"call [REDACTED_PHONE]": 4},
    }
    assert filtered["[REDACTED_EMAIL]"] is True
    assert "c@example.com" not in json.dumps(plain_filter.report.to_dict())


@pytest.mark.parametrize(
    ("member", "value", "expected"),
    [
        ("email", "jane at example", "[REDACTED_EMAIL]"),
        ("userEmail", ["a b", "c"], ["[REDACTED_EMAIL]", "[REDACTED_EMAIL]"]),
        ("phone", 4155550123, "[REDACTED_PHONE]"),
        ("phone_number", "555 0123", "[REDACTED_PHONE]"),
        ("lat", 37.7749, "[REDACTED_GEO]"),
        ("homeLat", -12, "[REDACTED_GEO]"),
        ("longitude", "122.4194 W", "[REDACTED_GEO]"),
        ("password", "swordfish", "<REDACTED:password>"),
        ("password", 1234, "<REDACTED:password>"),
        ("client_secret", "let me in", "<REDACTED:secret>"),
        ("accessToken", "opaque-value", "<REDACTED:token>"),
        ("x-api-key", "opaque-value", "<REDACTED:api-key>"),
        ("apiKey", "sk-" + "ant-api03-abcdefghij0123456789", "<REDACTED:anthropic-key>"),
        ("Authorization", "Bearer abcdefghij0123456789", "<REDACTED:bearer>"),
        ("authorization", "Digest whatever", "<REDACTED:authorization>"),
        ("ssn", 123456789, "<SSN_1>"),
        ("ssn", "ends in 6789", "<SSN_1>"),
        ("secret", {"name": "x", "value": "opaque"}, {"name": "x", "value": "<REDACTED:secret>"}),
        (
            "header",
            {"name": "X-Api-Key", "value": "opaque"},
            {"name": "X-Api-Key", "value": "<REDACTED:api-key>"},
        ),
        ("card", 4111111111111111, "<CARD_NUMBER_1>"),
        ("coordinates", [-122.4194, 37.7749], ["[REDACTED_GEO]", "[REDACTED_GEO]"]),
        ("point", {"lat": 1, "long": 2}, {"lat": "[REDACTED_GEO]", "long": "[REDACTED_GEO]"}),
    ],
)
def test_telling_keys(
    plain_filter: PrivacyFilter, make_document: Make, member: str, value: Any, expected: Any
) -> None:
    document = make_document(trajectory={"metadata": {member: value, "inside": json.dumps({member: value})}})
    filtered = _value(plain_filter.trajectory(document))["metadata"]
    assert filtered[member] == expected
    assert json.loads(filtered["inside"]) == {member: expected}


@pytest.mark.parametrize(
    "harmless",
    [
        {"email": None, "phone": True, "password": "", "token": "string"},
        {"email": {"type": "string"}, "password": "required", "apiKey": "${API_KEY}", "secret": "{{secret}}"},
        {"maxTokens": 512, "tokens": 17, "promptTokens": 12, "nextPageToken": "abcdef123456"},
        {"token": "Washington", "logprob": -0.25, "bytes": [87]},
        {"long": "a long story", "lat": None, "flat": 3.5, "platform": "x"},
        {"bbox": [12.34, 41.89, 12.56, 42.01], "box": [0.12, 0.34], "size": [640, 480], "p": [1.5, 2.5]},
        {"phone": "iPhone 15", "mobile": "yes", "emailTemplate": "hello"},
        {"sha": "9fceb02d0ae598e95dc970b74767f19372d61af8", "ms": 1760000000123, "id": 4111111111111112},
    ],
)
def test_harmless_members_stay(
    plain_filter: PrivacyFilter, make_document: Make, harmless: dict[str, Any]
) -> None:
    document = make_document(trajectory={"metadata": {"value": harmless, "json": json.dumps(harmless)}})
    assert _value(plain_filter.trajectory(document)) == document
    assert plain_filter.report.redaction_count == 0


def test_number_pairs_need_more_digits_in_data_than_in_text(
    plain_filter: PrivacyFilter, make_document: Make
) -> None:
    metadata = {"scores": [12.34, 5.67], "place": [12.345, 5.678, 30], "text": "[12.34, 5.67]"}
    filtered = _value(plain_filter.trajectory(make_document(trajectory={"metadata": metadata})))["metadata"]
    assert filtered == {
        "scores": [12.34, 5.67],
        "place": ["[REDACTED_GEO]", "[REDACTED_GEO]", "[REDACTED_GEO]"],
        "text": '["[REDACTED_GEO]", "[REDACTED_GEO]"]',
    }


def test_steps_as_json_text_are_walked_as_structure(plain_filter: PrivacyFilter, make_document: Make) -> None:
    document = make_document(callId="4111111111111111", userPrompt=EMAIL)
    steps_json = json.dumps(document["steps"])
    filtered = _value(plain_filter.trajectory({"trajectoryId": "t-1", "stepsJson": steps_json}))
    assert filtered["stepsJson"] == steps_json.replace(EMAIL, "[REDACTED_EMAIL]")
    assert plain_filter.report.to_dict()["byField"] == {"stepsJson.llmCalls.userPrompt": 1}


def test_document_nested_too_deeply_is_dropped(plain_filter: PrivacyFilter, make_document: Make) -> None:
    nested: Any = EMAIL
    for _ in range(2000):
        nested = [nested]
    result = plain_filter.trajectory(make_document(trajectory={"metadata": {"n": nested}}))
    assert result == Dropped("t-1", "not-filterable")


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object()])
def test_values_that_are_not_json_are_refused(
    plain_filter: PrivacyFilter, make_document: Make, value: object
) -> None:
    with pytest.raises(TypeError, match="JSON values only"):
        plain_filter.trajectory(make_document(trajectory={"metadata": {"x": value}}))


def test_listed_values_stay_in_no_identifier(make_document: Make) -> None:
    config = PrivacyConfig(secrets={"ACME_TOKEN": "tango-x9-foxtrot"}, deny_list=("Umbrella",))
    document = make_document(
        trajectory={"trajectoryId": "umbrella-7", "scenarioId": "run/tango-x9-foxtrot"},
        tags=["llm", "customer:Umbrella", "tango-x9-foxtrot"],
    )
    filtered = str(_value(PrivacyFilter(config).trajectory(document))).lower()
    assert "umbrella" not in filtered
    assert "foxtrot" not in filtered


def test_tags_made_from_a_replaced_field_go(plain_filter: PrivacyFilter, make_document: Make) -> None:
    document = make_document(
        actionType=f"mail {EMAIL}", tags=["llm", "action:mail_jane_example_com", "purpose:response"]
    )
    [step] = _value(plain_filter.trajectory(document))["steps"]
    assert step["llmCalls"][0]["tags"] == ["llm", "action:<REDACTED:tag>", "purpose:response"]
