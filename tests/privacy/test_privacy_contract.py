"""The reference's own test cases (wire contract §11.4)."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.filter import PrivacyFilter
from whetstone.privacy.filtered import Dropped, Filtered
from whetstone.privacy.replacement.anonymizer import HashAnonymizer
from whetstone.settings import Settings

Make = Callable[..., dict[str, Any]]


def _call(result: Filtered[dict[str, Any]] | Dropped) -> dict[str, Any]:
    assert isinstance(result, Filtered)
    call = result.value["steps"][0]["llmCalls"][0]
    assert isinstance(call, dict)
    return call


def test_anthropic_key_and_bearer_token(plain_filter: PrivacyFilter, make_document: Make) -> None:
    key = "sk-" + "ant-api03-abcdefghij0123456789"
    bearer = "Zyxwvuts9876543210ab"
    call = _call(
        plain_filter.trajectory(make_document(systemPrompt=f"key {key}\nAuthorization: Bearer {bearer}"))
    )
    assert call["systemPrompt"] == "key <REDACTED:anthropic-key>\nAuthorization: <REDACTED:bearer>"
    assert plain_filter.report.redaction_count == 2


def test_value_of_a_secret_environment_variable(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, make_document: Make
) -> None:
    monkeypatch.setenv("ACME_API_KEY", "zx81-spectrum-48k")
    privacy = PrivacyFilter.from_settings(settings)
    call = _call(
        privacy.trajectory(make_document(response="It is zx81-spectrum-48k, and (zx81-spectrum-48k)."))
    )
    assert call["response"] == "It is <REDACTED:env-secret>, and (<REDACTED:env-secret>)."
    assert privacy.report.redaction_count == 2


def test_coordinates_in_text_and_in_json(plain_filter: PrivacyFilter, make_document: Make) -> None:
    text = 'at lat: 37.7749, lng: -122.4194 near {"latitude":40.71,"longitude":-74.0}'
    call = _call(plain_filter.trajectory(make_document(userPrompt=text)))
    first, second = call["userPrompt"].split(" near ")
    assert first == "at [REDACTED_GEO]"
    assert "[REDACTED_GEO]" in second
    assert not any(character.isdigit() for character in call["userPrompt"])
    assert plain_filter.report.redaction_count == 2


@pytest.mark.parametrize("text", ["ids 1024, 2048 and 3,5", "1.5, 2.5", "12.3,45.6", "1.25, 7"])
def test_ordinary_number_pairs_stay(plain_filter: PrivacyFilter, make_document: Make, text: str) -> None:
    assert _call(plain_filter.trajectory(make_document(userPrompt=text)))["userPrompt"] == text
    assert plain_filter.report.redaction_count == 0


def test_bare_pair_loses_its_sign_too(plain_filter: PrivacyFilter) -> None:
    assert plain_filter.text("we met at -33.86, 151.21 once") == "we met at [REDACTED_GEO] once"


def test_email(plain_filter: PrivacyFilter, make_document: Make) -> None:
    call = _call(plain_filter.trajectory(make_document(userPrompt="Write to jane.doe+test@example.co.uk.")))
    assert call["userPrompt"] == "Write to [REDACTED_EMAIL]."


def test_three_phone_numbers(plain_filter: PrivacyFilter, make_document: Make) -> None:
    text = "(415) 555-0123 or +44 20 7946 0958 or 212-867-5309"
    call = _call(plain_filter.trajectory(make_document(userPrompt=text)))
    assert call["userPrompt"] == "[REDACTED_PHONE] or [REDACTED_PHONE] or [REDACTED_PHONE]"


def test_addresses(plain_filter: PrivacyFilter, make_document: Make) -> None:
    text = "1600 Amphitheatre Parkway, Suite 200, Mountain View, CA 94043 or PO Box 4242"
    call = _call(plain_filter.trajectory(make_document(userPrompt=text)))
    assert call["userPrompt"] == "[REDACTED_ADDRESS] or [REDACTED_ADDRESS]"


def test_provider_data_keeps_its_structure(plain_filter: PrivacyFilter, make_document: Make) -> None:
    document = make_document()
    document["steps"][0]["providerAccesses"] = [
        {
            "providerId": "p-1",
            "providerName": "contacts",
            "purpose": "compose_state",
            "data": {
                "contact": {"email": "jane@example.com", "id": 7},
                "note": "meet at lat: 37.77, lng: -122.41 at noon",
                "numbers": ["call 415-555-0123", 5],
            },
        }
    ]
    result = plain_filter.trajectory(document)
    assert isinstance(result, Filtered)
    access = result.value["steps"][0]["providerAccesses"][0]
    assert access == {
        "providerId": "p-1",
        "providerName": "contacts",
        "purpose": "compose_state",
        "data": {
            "contact": {"email": "[REDACTED_EMAIL]", "id": 7},
            "note": "meet at [REDACTED_GEO] at noon",
            "numbers": ["call [REDACTED_PHONE]", 5],
        },
    }


def test_metadata(plain_filter: PrivacyFilter, make_document: Make) -> None:
    metadata = {"userEmail": "jane@example.com", "phone": "+1 415 555 0123", "roomId": "room-1"}
    result = plain_filter.trajectory(make_document(trajectory={"metadata": metadata}))
    assert isinstance(result, Filtered)
    assert result.value["metadata"] == {
        "userEmail": "[REDACTED_EMAIL]",
        "phone": "[REDACTED_PHONE]",
        "roomId": "room-1",
    }


def test_handles_stay_without_an_anonymizer(plain_filter: PrivacyFilter, make_document: Make) -> None:
    call = _call(plain_filter.trajectory(make_document(userPrompt="ping @alice and @bob")))
    assert call["userPrompt"] == "ping @alice and @bob"
    assert plain_filter.report.anonymization_count == 0


def test_handles_get_equal_ids_with_the_hash_anonymizer(make_document: Make) -> None:
    privacy = PrivacyFilter(PrivacyConfig(anonymizer=HashAnonymizer(salt="S")))
    call = _call(privacy.trajectory(make_document(userPrompt="ping @alice and @Alice again.")))
    expected = hashlib.sha256(b"S:telegram:alice").hexdigest()[:16]
    assert call["userPrompt"] == f"ping <entity:{expected}> and <entity:{expected}> again."
    assert privacy.report.anonymization_count == 2
    assert privacy.report.redaction_count == 0


def test_trajectory_of_a_private_entity_is_dropped(make_document: Make) -> None:
    privacy = PrivacyFilter(PrivacyConfig(anonymizer=HashAnonymizer(private_handles=("@alice",))))
    kept = privacy.trajectory(make_document(trajectory={"trajectoryId": "t-8"}, userPrompt="ping @bob"))
    dropped = privacy.trajectory(make_document(trajectory={"trajectoryId": "t-9"}, userPrompt="ping @alice"))
    assert isinstance(kept, Filtered)
    assert dropped == Dropped("t-9", "entity-private")
    report = privacy.report.to_dict()
    assert report["dropped"] == [{"trajectoryId": "t-9", "reason": "entity-private"}]
    assert report["trajectories"] == 2
    assert report["anonymizationCount"] == 1


@pytest.mark.parametrize(
    "metadata",
    [
        {"privacyLevel": "private"},
        {"entity": {"privacyLevel": "private"}},
        {"contactPreferences": {"privacyLevel": "PRIVATE"}},
    ],
)
def test_trajectory_marked_private_is_dropped(
    plain_filter: PrivacyFilter, make_document: Make, metadata: dict[str, Any]
) -> None:
    result = plain_filter.trajectory(make_document(trajectory={"metadata": metadata}))
    assert result == Dropped("t-1", "entity-private")


@pytest.mark.parametrize("level", ["public", "limited"])
def test_other_privacy_levels_are_kept(plain_filter: PrivacyFilter, make_document: Make, level: str) -> None:
    document = make_document(trajectory={"metadata": {"privacyLevel": level}})
    assert isinstance(plain_filter.trajectory(document), Filtered)


def test_private_entities_by_setting_need_no_anonymizer(make_document: Make) -> None:
    privacy = PrivacyFilter(PrivacyConfig(private_entities=("@carol", "entity-77")))
    by_handle = make_document(userPrompt="ask @Carol about it")
    by_id = make_document(trajectory={"metadata": {"entityId": "entity-77"}})
    in_json = make_document(userPrompt='{"entityId": "entity-77"}')
    others = make_document(userPrompt="carol and entity-777 and @carola and x@carol.example")
    assert isinstance(privacy.trajectory(by_handle), Dropped)
    assert isinstance(privacy.trajectory(by_id), Dropped)
    assert isinstance(privacy.trajectory(in_json), Dropped)
    assert isinstance(privacy.trajectory(others), Filtered)


def test_the_original_is_not_changed(plain_filter: PrivacyFilter, make_document: Make) -> None:
    document = make_document(
        userPrompt="jane@example.com",
        messages=[{"role": "user", "content": "call 415-555-0123"}],
        trajectory={"metadata": {"list": [{"email": "jane@example.com"}], "empty": []}},
    )
    before = copy.deepcopy(document)
    result = plain_filter.trajectory(document)
    assert document == before
    assert isinstance(result, Filtered)
    result.value["metadata"]["empty"].append("changed later")
    assert document == before
