"""The proof type, the report, the settings, and failing closed."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import whetstone
from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.filter import PrivacyFilter
from whetstone.privacy.filtered import Dropped, Filtered
from whetstone.privacy.report import FILTER_VERSION
from whetstone.settings import Settings

Make = Callable[..., dict[str, Any]]


def test_only_the_filter_makes_filtered_values() -> None:
    with pytest.raises(TypeError, match="privacy filter only"):
        Filtered({"raw": True})
    with pytest.raises(TypeError, match="privacy filter only"):
        Filtered({"raw": True}, object())


def test_filtered_values_are_derived_from_filtered_values(
    plain_filter: PrivacyFilter, make_document: Make
) -> None:
    result = plain_filter.trajectory(make_document(userPrompt="jane@example.com"))
    assert isinstance(result, Filtered)
    prompt = result.map(lambda document: document["steps"][0]["llmCalls"][0]["userPrompt"])
    assert isinstance(prompt, Filtered)
    assert prompt.value == "[REDACTED_EMAIL]"
    rows = list(result.each(lambda document: document["steps"]))
    assert [row.value["stepId"] for row in rows] == ["s-1"]
    assert all(isinstance(row, Filtered) for row in rows)


def test_no_other_room_makes_filtered_values() -> None:
    root = Path(whetstone.__file__).parent
    offenders = [
        f"{path.relative_to(root)}: {ast.unparse(node)}"
        for path in root.rglob("*.py")
        if path.relative_to(root).parts[0] != "privacy"
        for node in ast.walk(ast.parse(path.read_text()))
        if _makes_filtered(node)
    ]
    assert not offenders


def _makes_filtered(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom) and node.module == "whetstone.privacy.filtered":
        return any(alias.name not in ("Filtered", "Dropped") for alias in node.names)
    if isinstance(node, ast.Attribute):
        return node.attr in ("_SEAL", "seal")
    if isinstance(node, ast.Call):
        called = node.func.value if isinstance(node.func, ast.Subscript) else node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
        return name == "Filtered"
    return False


@pytest.mark.parametrize(
    "source",
    [
        "from whetstone.privacy.filtered import seal",
        "Filtered(row, None)",
        "Filtered[dict](row)",
        "filtered.Filtered(row)",
        "filtered.seal(row)",
    ],
)
def test_the_check_on_other_rooms_can_fail(source: str) -> None:
    assert any(_makes_filtered(node) for node in ast.walk(ast.parse(source)))


def test_report_adds_up_and_holds_no_matched_text(make_document: Make) -> None:
    config = PrivacyConfig(secrets={"ACME_TOKEN": "tango-x9-foxtrot"}, deny_list=("umbrella",))
    first, second = PrivacyFilter(config), PrivacyFilter(config)
    first.trajectory(make_document(userPrompt="a@example.com tango-x9-foxtrot", response="b@example.com"))
    second.trajectory(
        make_document(userPrompt="umbrella", trajectory={"metadata": {"privacyLevel": "private"}})
    )
    second.trajectory(make_document(trajectory={"c@example.com": "d@example.com"}))
    first.report.merge(second.report)
    report = first.report.to_dict()
    assert report == {
        "filterVersion": FILTER_VERSION,
        "configHash": config.digest(),
        "models": [],
        "disabledDetectors": [],
        "policies": [],
        "trajectories": 3,
        "redactionCount": 5,
        "anonymizationCount": 0,
        "droppedCount": 1,
        "droppedByReason": {"entity-private": 1},
        "dropped": [{"trajectoryId": "t-1", "reason": "entity-private"}],
        "byKind": {"email": 4, "env-secret": 1},
        "byField": {"(other)": 2, "steps.llmCalls.userPrompt": 2, "steps.llmCalls.response": 1},
        "byTier": {"rules": 5},
        "detected": [
            {"tier": "rules", "kind": "email", "count": 4},
            {"tier": "rules", "kind": "env-secret", "count": 1},
        ],
    }
    assert "example.com" not in str(report) + repr(first.report)


def test_report_counts_every_drop_but_names_only_the_first(make_document: Make) -> None:
    privacy = PrivacyFilter(PrivacyConfig())
    for _ in range(1100):
        privacy.trajectory(make_document(trajectory={"metadata": {"privacyLevel": "private"}}))
    report = privacy.report.to_dict()
    assert report["droppedCount"] == 1100
    assert len(report["dropped"]) == 1000


def test_reports_of_different_filters_are_not_added() -> None:
    plain, listed = PrivacyFilter(PrivacyConfig()), PrivacyFilter(PrivacyConfig(deny_list=("umbrella",)))
    with pytest.raises(ValueError, match="differently configured"):
        plain.report.merge(listed.report)


def test_config_hash_depends_on_names_of_secrets_only() -> None:
    one, other = (
        PrivacyConfig(secrets={"T_TOKEN": "tango-x9-foxtrot"}),
        PrivacyConfig(secrets={"T_TOKEN": "lima-y2-kilo"}),
    )
    assert one.digest() == other.digest() != PrivacyConfig().digest()
    assert "tango" not in repr(one)


def test_text_is_counted(plain_filter: PrivacyFilter) -> None:
    assert plain_filter.text("a@example.com, b@example.com") == "[REDACTED_EMAIL], [REDACTED_EMAIL]"
    assert plain_filter.report.to_dict()["byField"] == {"text": 2}


class _SleepyDetector:
    """Notices `canary` only from its third look on: a detector with a fault."""

    kind = "canary"
    replacement = "<REDACTED:canary>"

    def __init__(self) -> None:
        self.looks = 0

    def find(self, text: str) -> Iterator[Span]:
        start = text.find("canary")
        if start >= 0:
            self.looks += 1
            if self.looks > 2:
                yield Span(start, start + 6, self.kind, self.replacement, Order.LISTED)


def test_residual_private_data_drops_the_trajectory(make_document: Make) -> None:
    privacy = PrivacyFilter(PrivacyConfig(extra_detectors=(_SleepyDetector(),)))
    result = privacy.trajectory(make_document(userPrompt="jane@example.com has a canary"))
    assert result == Dropped("t-1", "residual-private-data")
    assert privacy.report.to_dict()["byKind"] == {}


class _RestlessDetector:
    """Finds something in every text, its own replacements included."""

    kind = "restless"
    replacement = "again"

    def find(self, text: str) -> Iterator[Span]:
        if text:
            yield Span(0, 1, self.kind, self.replacement, Order.LISTED)


def test_text_that_never_comes_to_rest_is_removed() -> None:
    privacy = PrivacyFilter(PrivacyConfig(extra_detectors=(_RestlessDetector(),)))
    assert "secret story" not in privacy.text("a secret story")


def test_dropped_id_is_filtered_too(plain_filter: PrivacyFilter, make_document: Make) -> None:
    document = make_document(
        trajectory={"trajectoryId": "jane@example.com", "metadata": {"privacyLevel": "private"}}
    )
    assert plain_filter.trajectory(document) == Dropped("[REDACTED_EMAIL]", "entity-private")


def test_settings_configure_the_filter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHETSTONE_PRIVACY_DENY_LIST", "Umbrella, Acme Corp")
    monkeypatch.setenv("WHETSTONE_PRIVACY_ALLOW_LIST", "help@acme.example")
    monkeypatch.setenv("WHETSTONE_PRIVACY_PRIVATE_ENTITIES", "@carol")
    monkeypatch.setenv("WHETSTONE_PRIVACY_HASH_HANDLES", "true")
    monkeypatch.setenv("WHETSTONE_PRIVACY_SALT", "pepper-and-more")
    privacy = PrivacyFilter.from_settings(
        Settings(_env_file=None, state_dir=tmp_path, lm_api_key="lm-key-tango-x9")
    )
    text = privacy.text("umbrella of acme corp: help@acme.example, @bob, lm-key-tango-x9, pepper-and-more")
    words, rest = text.split(": ")
    assert words == "<DENY_LIST_1> of <DENY_LIST_2>"
    assert rest.startswith("help@acme.example, <entity:")
    assert rest.endswith("<REDACTED:env-secret>, <REDACTED:env-secret>")
    assert privacy.trajectory({"trajectoryId": "t-2", "metadata": {"x": "@carol"}}) == Dropped(
        "t-2", "entity-private"
    )


def test_handles_stay_where_their_hashing_is_switched_off(settings: Settings) -> None:
    privacy = PrivacyFilter.from_settings(settings.model_copy(update={"privacy_hash_handles": False}))
    assert privacy.text("ping @alice") == "ping @alice"


def test_filtered_values_cannot_be_forged_by_copies(plain_filter: PrivacyFilter) -> None:
    result = plain_filter.trajectory({"trajectoryId": "t-1"})
    assert isinstance(result, Filtered)
    assert copy.deepcopy(result).value == {"trajectoryId": "t-1"}
    with pytest.raises(AttributeError):
        result.value = {}  # type: ignore[misc]


class _AbandonedError(Exception):
    pass


class _CountingNames:
    """A finder that finds nothing and counts how often it is asked."""

    description = ()

    def __init__(self) -> None:
        self.asked = 0

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        self.asked += 1
        return [[] for _ in texts]


def test_a_long_look_for_names_can_be_ended() -> None:
    names = _CountingNames()
    calls = 0

    def go_on() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise _AbandonedError

    document = {"trajectoryId": "t", "metadata": {f"k{number}": f"{number} " * 9_000 for number in range(20)}}
    with pytest.raises(_AbandonedError):
        PrivacyFilter(PrivacyConfig(), names).trajectories([document], go_on)
    assert names.asked == 2
