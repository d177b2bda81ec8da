"""Scores, comments and tags are people's words: filtered like any other text, their ids and sources kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from whetstone.privacy.filter import PrivacyFilter
from whetstone.privacy.filtered import Filtered

Make = Callable[..., dict[str, Any]]

_EMAIL = "jane.doe@example.co.uk"


def _score(**more: Any) -> dict[str, Any]:
    return {
        "id": "score-1f2e",
        "name": "reward",
        "value": 1,
        "source": "human",
        "createdAt": "2026-01-01",
        **more,
    }


def test_private_words_in_feedback_are_replaced_and_its_structure_stays(
    plain_filter: PrivacyFilter, make_document: Make
) -> None:
    private = _score(comment=f"ask {_EMAIL}", label=_EMAIL, callId="c-1")
    document = make_document(
        scores=[private, _score(name=f"tone for {_EMAIL}")],
        trajectory={
            "scores": [_score(comment=f"as {_EMAIL} said")],
            "tags": ["reviewed", _EMAIL],
            "comment": f"from {_EMAIL}",
            "annotation": {"reward": 1, "rewardComponents": {_EMAIL: 1}},
            "reported": {"reward": 0},
        },
    )
    result = plain_filter.trajectory(document)
    assert isinstance(result, Filtered)
    filtered = result.value
    assert _EMAIL not in str(filtered)
    [first, second] = filtered["steps"][0]["llmCalls"][0]["scores"]
    assert first == _score(comment="ask [REDACTED_EMAIL]", label="[REDACTED_EMAIL]", callId="c-1")
    assert second["name"] == "tone for [REDACTED_EMAIL]"
    assert filtered["scores"] == [_score(comment="as [REDACTED_EMAIL] said")]
    assert filtered["tags"] == ["reviewed", "[REDACTED_EMAIL]"]
    assert (filtered["annotation"]["reward"], filtered["reported"]) == (1, {"reward": 0})
    fields = plain_filter.report.to_dict()["byField"]
    assert {"scores.comment", "tags", "comment", "steps.llmCalls.scores.label"} <= fields.keys()


def test_feedback_without_private_words_stays_as_it_is(
    plain_filter: PrivacyFilter, make_document: Make
) -> None:
    document = make_document(
        scores=[_score(label="good", comment="fine")], trajectory={"tags": ["a"], "scores": [_score()]}
    )
    result = plain_filter.trajectory(document)
    assert isinstance(result, Filtered)
    assert result.value == document


def test_an_id_that_is_no_identifier_is_filtered(plain_filter: PrivacyFilter, make_document: Make) -> None:
    result = plain_filter.trajectory(make_document(trajectory={"scores": [_score(id=_EMAIL, source=_EMAIL)]}))
    assert isinstance(result, Filtered)
    assert _EMAIL not in str(result.value)
