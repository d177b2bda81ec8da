"""Properties that hold for any document: nothing planted survives, clean documents stay, filtering is idempotent."""

from __future__ import annotations

import json
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy_samples import CREDENTIALS, PERSONAL, private_core
from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.filter import PrivacyFilter
from whetstone.privacy.filtered import Dropped, Filtered
from whetstone.privacy.replacement.anonymizer import HashAnonymizer

_CONFIG = PrivacyConfig(
    secrets={"ACME_TOKEN": "tango-x9-foxtrot"},
    deny_list=("Umbrella Corp",),
    anonymizer=HashAnonymizer("salt"),
)
CANARIES = [
    *CREDENTIALS.values(),
    *PERSONAL.values(),
    "tango-x9-foxtrot",
    "umbrella corp",
    "@canary_handle",
    "postgres://root:c4nary-pw@db",
]
# What must not be found in the output, canary by canary.
_TRACES = {canary: private_core(canary) or [canary] for canary in CANARIES} | {
    "postgres://root:c4nary-pw@db": ["c4nary-pw"]
}

_clean_text = st.text(alphabet="abc XYZ,;!?\nüß你", max_size=20)
_clean_key = st.text(alphabet="abcxyz_", min_size=1, max_size=8)
_scalar = st.none() | st.booleans() | st.integers(-1000, 1000) | st.sampled_from([0.5, 12.5]) | _clean_text


def _nest(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(children, max_size=3)
        | st.dictionaries(_clean_key, children, max_size=3)
        | st.dictionaries(_clean_key, children, min_size=1, max_size=2).map(json.dumps)
        | st.lists(children, min_size=1, max_size=2).map(lambda value: orjson.dumps(value).decode())
    )


clean_values = st.recursive(_scalar, _nest, max_leaves=8)


def _plant(canary: str) -> st.SearchStrategy[Any]:
    """A value with the canary in a text, a key, an array, or JSON in a string, some levels down."""
    text = st.tuples(_clean_text, _clean_text).map(lambda pair: f"{pair[0]} {canary} {pair[1]}") | st.just(
        canary
    )
    leaf = text | st.tuples(text, clean_values).map(lambda pair: {pair[0]: pair[1]})

    def wrap(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return (
            st.tuples(clean_values, children).map(list)
            | st.tuples(_clean_key, children).map(lambda pair: {pair[0]: pair[1]})
            | children.map(lambda value: json.dumps({"v": value}))
            | children.map(lambda value: json.dumps([value], ensure_ascii=False, indent=1))
        )

    return st.recursive(leaf, wrap, max_leaves=4)


_PLACES = (
    "userPrompt",
    "response",
    "messages",
    "tools",
    "toolCalls",
    "reasoning",
    "correction",
    "metadata",
    "new",
)
_ROOT_PLACES = ("metadata", "events", "rewardComponents", "scenarioId", "stepsJson", "new", "status")


@st.composite
def planted_documents(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    canary = draw(st.sampled_from(CANARIES))
    value = draw(_plant(canary))
    document = draw(clean_documents())
    place = draw(st.sampled_from(["call", "access", "action", "root", "message"]))
    step = document["steps"][0]
    if place == "call":
        step["llmCalls"][0][draw(st.sampled_from(_PLACES))] = value
    elif place == "access":
        step["providerAccesses"] = [
            {"providerName": "p", draw(st.sampled_from(["data", "query", "x"])): value}
        ]
    elif place == "action":
        step["action"] = {"actionType": "A", "parameters": value}
    elif place == "message":
        step["llmCalls"][0]["messages"] = [{"role": "user", "content": value}]
    else:
        document[draw(st.sampled_from(_ROOT_PLACES))] = value
    return canary, document


@st.composite
def clean_documents(draw: st.DrawFn) -> dict[str, Any]:
    call = {"callId": "c-1", "model": "m-1", "userPrompt": draw(_clean_text), "metadata": draw(clean_values)}
    step = {"stepId": "s-1", "llmCalls": [call], "environmentState": draw(clean_values)}
    return {"trajectoryId": "t-1", "status": "completed", "steps": [step], "metadata": draw(clean_values)}


def _leaves(value: Any) -> list[str]:
    """Every string and key, JSON in strings opened."""
    if isinstance(value, dict):
        return [leaf for pair in value.items() for part in pair for leaf in _leaves(part)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    if isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            return [value]
        return [value] if not isinstance(inner, dict | list) else _leaves(inner)
    return [str(value)]


def _skeleton(value: Any) -> Any:
    """The containers of a document, with the strings that are JSON opened."""
    if isinstance(value, dict):
        return [_skeleton(item) for item in value.values()]
    if isinstance(value, list):
        return [_skeleton(item) for item in value]
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return ("json", _skeleton(json.loads(value)))
        except ValueError:
            return "leaf"
    return "leaf"


@given(planted_documents())
@settings(max_examples=150, deadline=None)
def test_no_canary_survives(planted: tuple[str, dict[str, Any]]) -> None:
    canary, document = planted
    before = orjson.dumps(document)
    privacy = PrivacyFilter(_CONFIG)
    result = privacy.trajectory(document)
    assert isinstance(result, Filtered), result
    assert orjson.dumps(document) == before
    assert sum(privacy.report.counts.values()) >= 1
    leaves = " ".join(_leaves(result.value)).lower()
    assert not [trace for trace in _TRACES[canary] if trace.lower() in leaves]
    report = json.dumps(privacy.report.to_dict()).lower()
    assert not [trace for trace in _TRACES[canary] if trace.lower() in report]
    assert _skeleton(result.value) == _skeleton(document)

    again = PrivacyFilter(_CONFIG)
    second = again.trajectory(result.value)
    assert isinstance(second, Filtered)
    assert second.value == result.value
    assert not again.report.counts


@given(clean_documents())
@settings(max_examples=80, deadline=None)
def test_clean_documents_come_out_equal(document: dict[str, Any]) -> None:
    privacy = PrivacyFilter(_CONFIG)
    result = privacy.trajectory(document)
    assert isinstance(result, Filtered)
    assert orjson.dumps(result.value) == orjson.dumps(document)
    assert privacy.report.redaction_count == privacy.report.anonymization_count == 0


_FRAGMENTS = st.sampled_from(
    [
        *CANARIES,
        *(
            "@",
            ".",
            ":",
            "-",
            "+",
            "=",
            '"',
            "'",
            "\\",
            "{",
            "}",
            "[",
            "]",
            "\n",
            " ",
            "1",
            "37.77,",
            "-122.41",
            "a",
        ),
        *(
            "password",
            "token: ",
            "lat",
            "lng",
            "email",
            "location: ",
            "Bearer ",
            "://",
            "<REDACTED:x>",
            "[REDACTED_GEO]",
        ),
    ]
)


@given(st.lists(_FRAGMENTS, max_size=12).map("".join))
@settings(max_examples=200, deadline=None)
def test_filtering_a_filtered_text_does_nothing(text: str) -> None:
    once = PrivacyFilter(_CONFIG).text(text)
    again = PrivacyFilter(_CONFIG)
    assert again.text(once) == once
    assert not again.report.counts
    assert not isinstance(
        PrivacyFilter(_CONFIG).trajectory({"trajectoryId": "t", "metadata": {"x": text}}), Dropped
    )
