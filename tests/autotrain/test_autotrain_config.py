"""The configuration of auto-training: normalisation, merging, and its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.autotrain.config import AutoConfigStore, AutoTrainConfig, TaskOverride
from whetstone.errors import InvalidInputError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = (
    "autoTrain", "triggerThreshold", "threshold", "triggerCooldownHours", "cooldownHours", "backends", "perTaskOverrides"
)  # fmt: skip


def test_defaults_of_the_contract() -> None:
    assert AutoTrainConfig().to_dict() == {
        "autoTrain": True,
        "triggerThreshold": 100,
        "triggerCooldownHours": 12.0,
        "backends": ["native"],
        "perTaskOverrides": {},
    }


@pytest.mark.parametrize(
    ("changes", "key", "expected"),
    [
        ({"threshold": 5}, "triggerThreshold", 5),
        ({"triggerThreshold": 5.9}, "triggerThreshold", 5),
        ({"triggerThreshold": 0.5}, "triggerThreshold", 1),
        ({"triggerThreshold": 0}, "triggerThreshold", 100),
        ({"triggerThreshold": -4}, "triggerThreshold", 100),
        ({"triggerThreshold": None, "threshold": 7}, "triggerThreshold", 7),
        ({"triggerThreshold": 8, "threshold": 7}, "triggerThreshold", 8),
        ({"triggerThreshold": float("inf")}, "triggerThreshold", 100),
        ({"cooldownHours": 0}, "triggerCooldownHours", 0.0),
        ({"cooldownHours": 0.5}, "triggerCooldownHours", 0.5),
        ({"cooldownHours": -1}, "triggerCooldownHours", 12.0),
        ({"backends": []}, "backends", []),
        ({"backends": ["atropos", "native", "native"]}, "backends", ["native"]),
        ({"perTaskOverrides": {"dance": {"threshold": 1}}}, "perTaskOverrides", {}),
        (
            {"perTaskOverrides": {"response": {"threshold": 9.5, "cooldownHours": 1, "backend": "mlx"}}},
            "perTaskOverrides",
            {"response": {"threshold": 9, "cooldownHours": 1.0}},
        ),
    ],
)
def test_normalisation(changes: dict[str, Any], key: str, expected: Any) -> None:
    assert AutoTrainConfig().changed(changes).to_dict()[key] == expected


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"autoTrain": 1}, "autoTrain"),
        ({"threshold": "5"}, "threshold"),
        ({"triggerThreshold": True}, "triggerThreshold"),
        ({"cooldownHours": []}, "cooldownHours"),
        ({"backends": "native"}, "backends"),
        ({"backends": [1]}, "backends"),
        ({"perTaskOverrides": []}, "perTaskOverrides"),
        ({"perTaskOverrides": {"response": 5}}, "perTaskOverrides.response"),
        ({"perTaskOverrides": {"response": {"threshold": "x"}}}, "threshold"),
    ],
)
def test_wrong_types_are_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInputError, match=named):
        AutoTrainConfig().changed(changes)


def test_overrides_decide_for_their_task() -> None:
    config = AutoTrainConfig(per_task_overrides={"response": TaskOverride(threshold=3, cooldown_hours=0)})
    assert (config.threshold("response"), config.threshold("should_respond")) == (3, 100)
    assert (config.cooldown_ms("response"), config.cooldown_ms("should_respond")) == (0, 43_200_000)


def test_changes_are_merged_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "training" / "config.json"
    store = AutoConfigStore(path)
    store.update({"threshold": 5})
    store.update({"autoTrain": False, "unknown": 1})
    kept = AutoConfigStore(path).load()
    assert (kept.trigger_threshold, kept.auto_train) == (5, False)
    assert orjson.loads(path.read_bytes()) == kept.to_dict()


def test_refused_change_leaves_the_file(tmp_path: Path) -> None:
    store = AutoConfigStore(tmp_path / "config.json")
    store.update({"threshold": 5})
    with pytest.raises(InvalidInputError):
        store.update({"threshold": 6, "autoTrain": "no"})
    assert store.load().trigger_threshold == 5


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"autoTrain": "yes"}', b"\xff"])
def test_corrupt_file_means_defaults(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    assert AutoConfigStore(path).load() == AutoTrainConfig()


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_any_change_is_refused_or_gives_a_sound_configuration(changes: dict[str, Any]) -> None:
    try:
        config = AutoTrainConfig().changed(changes)
    except InvalidInputError:
        return
    assert config.trigger_threshold >= 1
    assert config.trigger_cooldown_hours >= 0
    assert AutoTrainConfig().changed(config.to_dict()) == config
